"""Start the app: ``python app.py [--root FOLDER]``; ``ssldiff serve`` does the same from an installation."""

from __future__ import annotations

import argparse
import sys

from ssldiff_core.cli.serve import add_options, serve_from
from ssldiff_core.errors import SSLDiffError


def main() -> int:
    """Read the options and serve; 2 for a user's mistake, as on the command line."""
    parser = argparse.ArgumentParser(description="ssldiff: see the grid of a large image, paint on it, generate it.")
    add_options(parser)
    options = parser.parse_args()
    try:
        serve_from(options)
    except SSLDiffError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
