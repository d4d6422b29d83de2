"""``ssldiff merge``: the ledgers of all shards as one account, with what is missing."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..errors import SettingsError
from .arguments import Commands, add_parser, checked_output
from .console import Console
from .shards import digest_line, read_items, read_ledgers

_DESCRIPTION = """\
Join the ledgers of `ssldiff batch`: every item of the list once, with what it reported. Ends with 1 where items failed
or were not run, and names them."""

_EXAMPLES = """\
  ssldiff merge slides.txt done
  ssldiff merge slides.txt done -o summary.json"""


def add_command(commands: Commands) -> None:
    """Add ``merge`` to the parser."""
    parser = add_parser(commands, "merge", "join what the shards of a batch did", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("list", type=Path, help="the list that was run")
    parser.add_argument("folder", type=Path, help="the folder with the ledgers")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a .json file with every item's report")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``merge``."""
    output = checked_output(arguments.output, ".json") if arguments.output else None
    if not arguments.folder.is_dir():
        raise SettingsError(
            f"merge {arguments.folder}", "there is no such folder", "", "It is what `ssldiff batch -o` names"
        )
    items, ledger = read_items(arguments.list), read_ledgers(arguments.folder)
    records = []
    for line in items:
        done = ledger.get(digest_line(line))
        state = "missing" if done is None else "failed" if done.code else "done"
        records.append(
            {"line": line, "state": state, "seconds": done.seconds if done else None,
             "facts": done.facts if done else None, "message": done.message if done else ""}
        )  # fmt: skip
    counts = {state: sum(record["state"] == state for record in records) for state in ("done", "failed", "missing")}
    if output is not None:
        content = {"counts": counts, "items": records}
        output.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = [f"{r['state']}: ssldiff {r['line']}" for r in records if r["state"] != "done"]
    text = "\n".join([*lines, f"{counts['done']} of {len(items)} done"])
    console.report(text, {**counts, "output": str(output) if output else None})
    return 0 if counts["done"] == len(items) else 1
