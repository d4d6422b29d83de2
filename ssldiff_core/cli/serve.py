"""``ssldiff serve``: the app. The one place in the core that imports the page, and only when it runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import SettingsError
from .arguments import Commands, add_parser
from .console import Console

_DESCRIPTION = """\
Serve the app: open a scene, see its grid, paint on it, generate, compare, download. It answers on this machine only,
unless --host says otherwise; it asks no other host for anything."""

_EXAMPLES = """\
  ssldiff serve
  ssldiff serve --root /data/slides --port 8000
  ssldiff serve --kiosk --kiosk-idle 60      for a public screen
  ssldiff serve --host 0.0.0.0 --root /data/slides --auth accounts.txt      for several users, each with a login"""


def add_command(commands: Commands) -> None:
    """Add ``serve`` to the parser."""
    parser = add_parser(commands, "serve", "serve the app to a browser", _DESCRIPTION, _EXAMPLES)
    add_options(parser)
    parser.set_defaults(run=run)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said of a server; ``app.py`` takes the same."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on (7860)")
    parser.add_argument("--root", type=Path, metavar="FOLDER", help="scenes in this folder can be opened in the app")
    parser.add_argument("--data-dir", type=Path, metavar="FOLDER", help="where documents and results are kept")
    parser.add_argument("--max-upload-gib", type=float, default=8.0, metavar="GIB", help="largest upload (8)")
    parser.add_argument(
        "--auth", metavar="NAME:PASSWORD", help="ask for a login; or the name of a file with such a line for each user"
    )
    parser.add_argument(
        "--proxy-header", default="", metavar="NAME", help="a proxy in front names the user in this header"
    )
    parser.add_argument("--max-users", type=int, default=400, metavar="N", help="pages that may be open at once (400)")
    parser.add_argument(
        "--quota-gib", type=float, default=0.0, metavar="GIB", help="results above this are removed, oldest first"
    )
    parser.add_argument(
        "--keep-source-names", action="store_true",
        help="let exports and documents carry the names of the files that scenes came from",
    )  # fmt: skip
    parser.add_argument("--log", choices=("text", "json"), default="text", help="json: one object a line")
    parser.add_argument("--kiosk", action="store_true", help="a stage: no uploads, a gallery, anew after a while")
    parser.add_argument("--kiosk-idle", type=float, default=90.0, metavar="S", help="seconds until a stage resets (90)")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``serve``, until it is interrupted."""
    _check_port(arguments.host, arguments.port)
    console.note("starting the app …")
    serve_from(arguments)
    return 0


def serve_from(arguments: argparse.Namespace) -> None:
    """Serve as :func:`add_options` was told."""
    from ui import serve

    serve(
        arguments.host, arguments.port, arguments.root, arguments.data_dir, arguments.max_upload_gib,
        auth=arguments.auth, proxy_header=arguments.proxy_header, kiosk=arguments.kiosk,
        kiosk_idle_s=arguments.kiosk_idle, keep_source_names=arguments.keep_source_names,
        quota_gib=arguments.quota_gib, max_users=arguments.max_users, log_format=arguments.log,
    )  # fmt: skip


def _check_port(host: str, port: int) -> None:
    """Find out before anything is loaded whether the port can be had.

    Raises:
        SettingsError: where it cannot.
    """
    import socket

    asked = f"listen on {host}:{port}"
    if not 0 < port < 65536:
        raise SettingsError(
            asked, f"{port} is no port", "a port is a number from 1 to 65535", "For example --port 7860"
        )
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise SettingsError(
            asked, f"it cannot be had ({error.strerror or error})", "", "Choose another --port"
        ) from None
