"""Start the app: ``python app.py [--root FOLDER]``; ``ssldiff serve`` does the same from an installation."""

from __future__ import annotations

import argparse
import sys

from ssldiff_core.errors import SSLDiffError
from ui import serve


def main() -> int:
    """Read the options and serve; 2 for a user's mistake, as on the command line."""
    parser = argparse.ArgumentParser(description="ssldiff: see the grid of a large image, paint on it, generate it.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on (default: 7860)")
    parser.add_argument("--root", help="folder whose slides and scenes the page lists")
    parser.add_argument("--data-dir", help="folder for documents, results and uploads (default: your own data folder)")
    parser.add_argument("--auth", metavar="NAME:PASSWORD", help="ask for a login; or a file with a line for each user")
    parser.add_argument(
        "--proxy-header", default="", metavar="NAME", help="a proxy in front names the user in this header"
    )
    options = parser.parse_args()
    try:
        serve(
            options.host, options.port, options.root, options.data_dir, auth=options.auth,
            proxy_header=options.proxy_header,
        )  # fmt: skip
    except SSLDiffError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
