"""`python -m vidsearch`, and the entry point of the `vidsearch` script."""

import os
import sys

if __name__ == "__main__" and sys.path[0] in ("", os.getcwd()):  # noqa: PTH109 (pathlib is not loaded yet)
    # `python -m` searches the working folder first: a typer.py among the videos is not to be run.
    _package_parent = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    if sys.path[0] and sys.path[0] != _package_parent:
        del sys.path[0]

import signal


def main() -> None:
    """Run the command line. Until a command begins, Ctrl-C ends the process without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from vidsearch.cli import console, stopping
    from vidsearch.cli.app import main as run

    try:
        run()
    except OSError as error:
        console.fail_output(error)
    except SystemExit as end:
        stopping.leave_threads_behind(end.code)
        raise


if __name__ == "__main__":
    main()
