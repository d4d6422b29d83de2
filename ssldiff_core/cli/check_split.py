"""``ssldiff check-split``: fails where variations, groups or images leak between splits."""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import Commands, add_parser
from .console import Console

if TYPE_CHECKING:
    from ..evaluation.split_check import Fault

EXIT_FAULTS = 1

_DESCRIPTION = """\
Check that nothing leaks: every child lies in the split of its parents and has their label, its parents are the files
they were, no group (patient, place) and no image (by sha256) lies in two splits. Ends with 1 where a rule is broken."""

_EXAMPLES = """\
  ssldiff check-split more --splits splits.csv
  ssldiff check-split more/manifest.csv --splits splits.csv --json
  ssldiff check-split --splits splits.csv"""


def add_command(commands: Commands) -> None:
    """Add ``check-split`` to the parser."""
    parser = add_parser(commands, "check-split", "does anything leak between splits?", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("manifest", type=Path, nargs="?", help="of `ssldiff augment`, or its folder")
    parser.add_argument("--splits", type=Path, required=True, metavar="TABLE", help="table, or folder, of real images")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``check-split``."""
    from ..evaluation.augment.dataset import read_dataset
    from ..evaluation.augment.manifest import read_rows
    from ..evaluation.split_check import check_rows, check_samples

    samples = read_dataset(arguments.splits).samples
    faults = list(check_samples(samples))
    rows = []
    if arguments.manifest is not None:
        rows = read_rows(arguments.manifest)
        folder = arguments.manifest if arguments.manifest.is_dir() else arguments.manifest.parent
        faults += check_rows(rows, samples, folder)
    kept = sum(row.is_kept for row in rows)
    facts = {
        "ok": not faults, "images": len(samples), "children": kept,
        "faults": [{"rule": fault.rule, "what": fault.what} for fault in faults],
    }  # fmt: skip
    verdict = "nothing leaks" if not faults else f"{len(faults)} faults"
    text = "\n".join([*_told(faults), f"{len(samples)} images and {kept} variations: {verdict}"])
    console.report(text, facts)
    return EXIT_FAULTS if faults else 0


def _told(faults: list[Fault]) -> list[str]:
    """The faults of each rule, the first few by name."""
    from ..evaluation.split_check import MAX_TOLD

    rules: dict[str, list[str]] = defaultdict(list)
    for fault in faults:
        rules[fault.rule].append(fault.what)
    lines = []
    for rule, found in rules.items():
        lines.append(f"Broken {len(found)} times: {rule}")
        lines += [f"  {what}" for what in found[:MAX_TOLD]]
        lines += [f"  and {len(found) - MAX_TOLD} more"] if len(found) > MAX_TOLD else []
    return lines
