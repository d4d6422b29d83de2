"""``ssldiff train``: the recipes that made the shipped weights."""

from __future__ import annotations

import argparse

from .arguments import Commands
from .console import Console


def add_command(commands: Commands) -> None:
    """Add ``train`` to the parser; the recipes' own options are told by ``ssldiff train --help``."""
    parser = commands.add_parser("train", help="train the models that ship", add_help=False)
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parser.set_defaults(run=run, quiet=False, json=False)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``train``."""
    from ..training.recipes import main

    return main(arguments.words) or 0
