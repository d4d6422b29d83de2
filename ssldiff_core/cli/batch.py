"""``ssldiff batch``: a list of commands, shared out over processes, devices or the jobs of a cluster."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from ..errors import ExportError, SettingsError
from .arguments import Commands, add_parser, parse_count
from .cluster import LOCAL, run_on_ray
from .console import Console
from .shards import Done, Shard, append, parse_shard, read_items, read_ledgers

_DESCRIPTION = """\
Run a list of ssldiff commands, one on each line, and note in a ledger what was done. What is done is not done again:
after a kill, give the same command once more. Models stay loaded from one item to the next.

Many machines: give each the same list and the same folder on a shared disk, and a share of its own with --shard i/n.
Many devices of one machine: --devices 0-7; many processes: --processes 4; a Ray cluster: --ray ADDRESS.
`ssldiff merge FOLDER` joins the ledgers."""

_EXAMPLES = """\
  ssldiff batch slides.txt -o done                        where slides.txt holds lines like: encode a.svs -o a.npz
  ssldiff batch slides.txt -o done --devices 0-7
  ssldiff batch slides.txt -o done --shard 3/16           one job of sixteen
  ssldiff batch slides.txt -o done --ray auto             the Ray cluster that this machine belongs to
  ssldiff merge slides.txt done -o summary.json"""

_RESTARTS = 2


def add_command(commands: Commands) -> None:
    """Add ``batch`` to the parser."""
    parser = add_parser(commands, "batch", "run a list of commands, over many processes", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("list", type=Path, help="text file with a command on each line")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="where ledgers are kept")
    share = parser.add_mutually_exclusive_group()
    share.add_argument("--shard", type=parse_shard, default=Shard(), metavar="I/N", help="a share of it, such as 0/4")
    share.add_argument("--processes", type=parse_count, metavar="N", help="that many at once on this machine")
    share.add_argument("--devices", type=parse_devices, metavar="0-7", help="a process for each of these CUDA devices")
    share.add_argument(
        "--ray", nargs="?", const=LOCAL, metavar="ADDRESS", help="on a Ray cluster; on this machine where none is named"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``batch``."""
    items = read_items(arguments.list)
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"keep ledgers in {arguments.output}", f"it is refused ({error.strerror})") from error
    if arguments.processes or arguments.devices:
        places = [{"CUDA_VISIBLE_DEVICES": device} for device in arguments.devices or ()]
        _run_shards(arguments, places or [{}] * arguments.processes, console)
        shard = Shard()
    elif arguments.ray:
        run_on_ray(items, arguments.output, arguments.ray, console)
        shard = Shard()
    else:
        shard = arguments.shard
        _run_items(items, shard, arguments.output, console)
    ledger = read_ledgers(arguments.output)
    mine = [Done(line, -1) for number, line in enumerate(items) if shard.takes(number)]
    failed = [ledger.get(item.digest, item) for item in mine]
    failed = [item for item in failed if item.code != 0]
    done = len(mine) - len(failed)
    text = "\n".join(f"failed: ssldiff {item.line}\n  {item.message or 'not run'}" for item in failed)
    facts = {"items": len(mine), "done": done, "failed": [item.line for item in failed]}
    console.report(f"{text}\n{done} of {len(mine)} done".strip(), facts)
    return 1 if failed else 0


def parse_devices(text: str) -> list[str]:
    """``0-7``, ``0,2`` or ``3`` -> device numbers.

    Raises:
        SettingsError: where the text is no such thing.
    """
    found: list[str] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not (last.isdecimal() and int(first) <= int(last))):
            raise SettingsError(f"use the devices {text!r}", "they are no numbers", "", "For example 0-7, or 0,2")
        found += [str(number) for number in range(int(first), int(last or first) + 1)]
    return found


def _run_items(items: list[str], shard: Shard, folder: Path, console: Console) -> None:
    """Run a share of the items in this process, one after the other; one that fails does not stop the others."""
    known = read_ledgers(folder)
    with console.progress("items", "item") as bar:
        mine = [line for number, line in enumerate(items) if shard.takes(number)]
        bar.total = len(mine)
        for line in mine:
            item = Done(line, 0)
            if known.get(item.digest, Done(line, -1)).code != 0:
                append(folder / shard.ledger_name, run_line(line))
            bar.update()


def run_line(line: str) -> Done:
    """Run one command in this process."""
    from .command_line import main

    said, told, start = io.StringIO(), io.StringIO(), time.monotonic()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
        try:
            code = main([*shlex.split(line), "--json", "--quiet"])
        except SystemExit as error:  # argparse ends the process where a line is misspelt
            code = error.code if isinstance(error.code, int) else 2
        except Exception as error:  # a fault of ours in one item must not take the others with it
            code = 3
            print(f"{type(error).__name__}: {error}", file=told)
    facts = None
    with contextlib.suppress(ValueError):
        facts = json.loads(said.getvalue())
    message = told.getvalue().strip() if code else ""
    return Done(line, code, time.monotonic() - start, facts, message[-2000:])


def _run_shards(arguments: argparse.Namespace, places: list[dict[str, str]], console: Console) -> None:
    """A process for each place; one that dies is started again, and goes on where its ledger ends."""
    running = {k: _start(arguments, Shard(k, len(places)), place) for k, place in enumerate(places)}
    left = dict.fromkeys(running, _RESTARTS)
    try:
        while running:
            time.sleep(0.2)
            for k, process in list(running.items()):
                code = process.poll()
                if code is None:
                    continue
                del running[k]
                if code not in (0, 1) and left[k]:
                    left[k] -= 1
                    console.note(f"The process of shard {k}/{len(places)} ended with {code}; it is started again.")
                    running[k] = _start(arguments, Shard(k, len(places)), places[k])
    finally:
        for process in running.values():
            process.terminate()


def _start(arguments: argparse.Namespace, shard: Shard, place: dict[str, str]) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "ssldiff_core.cli", "batch", str(arguments.list), "-o", str(arguments.output)]
    words += ["--shard", f"{shard.index}/{shard.count}", "--quiet"]
    return subprocess.Popen(words, env={**os.environ, **place}, stdout=subprocess.DEVNULL)
