"""`python -m vidsearch`, and the entry point of the `vidsearch` script."""

import signal


def main() -> None:
    """Run the command line. Until its modules are loaded, Ctrl-C ends the process without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from vidsearch.cli import console
    from vidsearch.cli.app import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run()
    except OSError as error:
        console.fail_output(error)


if __name__ == "__main__":
    main()
