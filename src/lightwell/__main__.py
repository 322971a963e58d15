"""Run the command line with ``python -m lightwell``."""

from lightwell.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
