"""``ssldiff train``: the recipes that made the shipped weights; they read their own words."""

from __future__ import annotations

import argparse

from .arguments import Commands
from .console import Console


def add_command(commands: Commands) -> None:
    """Add ``train`` to the parser; its options are told by ``ssldiff train --help``, and only then is torch loaded."""
    parser = commands.add_parser("train", help="train the models that ship", add_help=False)
    parser.set_defaults(run=run, takes_rest=True, quiet=False, json=False)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``train``."""
    from ..training.recipes import main

    return main(arguments.rest)
