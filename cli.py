"""Run vidsearch from a checkout: `python cli.py search "a dog"`."""

from vidsearch.__main__ import main

if __name__ == "__main__":
    main()
