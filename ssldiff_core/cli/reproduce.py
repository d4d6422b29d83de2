"""``ssldiff reproduce``: the paper's tables: what they need, what they should give, and a run beside them."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .arguments import Commands, add_parser, checked_output
from .console import Console

TABLES = ("quality", "slides", "patches", "peers", "cost")

_DESCRIPTION = """\
The tables of Graikos et al., CVPR 2024: data needed, protocol step by step, N, features and split (with "not stated by
the authors" where so), the authors' figures, our tolerance, and what was measured here beside them.

The authors' weights and data are not ours to ship: run the protocol's commands, and give their reports to --measured.
`cost` needs neither and is counted at once. --dry-run runs each protocol at about a hundredth of its size on a shipped
model, to see that all of it works on this machine; its figures mean nothing."""

_EXAMPLES = """\
  ssldiff reproduce quality
  ssldiff reproduce cost -o cost.html
  ssldiff reproduce quality --measured crop.json clip.json --model brca-20x -o quality.html
  ssldiff reproduce slides --dry-run"""


def add_command(commands: Commands) -> None:
    """Add ``reproduce`` to the parser."""
    parser = add_parser(commands, "reproduce", "the paper's tables, and ours beside them", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("table", choices=TABLES, help="which table")
    parser.add_argument(
        "--measured", type=Path, nargs="+", default=[], metavar="JSON", help="reports of the protocol's commands"
    )
    parser.add_argument("--model", default="", metavar="ID", help="rows of this model alone; with --dry-run what draws")
    parser.add_argument("--dry-run", action="store_true", help="a hundredth of the protocol, on a shipped model")
    parser.add_argument("-o", "--output", type=Path, metavar="REPORT", help=".html or .json; the other lies beside it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``reproduce``."""
    from ..evaluation.report import Table
    from ..evaluation.reproduction.cost import count_cost
    from ..evaluation.reproduction.dry_run import WARNING, dry_run
    from ..evaluation.reproduction.run import get_table, read_measured, reproduce

    if arguments.output is not None:
        checked_output(arguments.output, ".html", ".json")
    began = time.monotonic()
    table = get_table(arguments.table)
    measured, parts, warnings = read_measured(arguments.measured), [], []
    if table.id == "cost":
        measured |= count_cost()
    elif arguments.dry_run:
        with tempfile.TemporaryDirectory() as folder:
            found = dry_run(table.id, arguments.model or "tissue", Path(folder))
        parts.append(Table("Dry run", ("figure", "value", "N"), [(n, f, str(f.n)) for n, f in found.items()], WARNING))
        warnings.append(WARNING)
    rows_of, command = "" if arguments.dry_run else arguments.model, " ".join(["ssldiff", *sys.argv[1:]])
    report = reproduce(
        table, measured, model=rows_of, command=command, warnings=warnings, parts=parts,
        seconds=time.monotonic() - began,
    )  # fmt: skip
    if arguments.output is not None:
        report.write(arguments.output)
    tables = [part for part in report.parts if isinstance(part, Table)]
    console.report("\n\n".join(_text(part) for part in tables), report.to_json() if console.as_json else {})
    return 0


def _text(table: object) -> str:
    """A table for the terminal: columns as wide as their longest entry, the last one free."""
    from ..evaluation.report import Table

    assert isinstance(table, Table)
    rows = [[f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in row] for row in table.rows]
    widths = [max(len(row[i]) for row in [list(table.columns), *rows]) for i in range(len(table.columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([table.title, *(f"  {line}" for line in lines), *([f"  {table.note}"] if table.note else [])])
