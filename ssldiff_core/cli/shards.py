"""Many command lines over many processes: which shard takes which, and the ledger of what was done."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SettingsError

LEDGER = "shard-*-of-*.jsonl"


@dataclass(frozen=True)
class Shard:
    """One of ``count`` equal shares of the items: those whose number leaves ``index`` when divided by ``count``.

    Raises:
        SettingsError: where the index is not below the count.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 <= self.index < self.count:
            raise SettingsError(
                f"take the shard {self.index}/{self.count}", "there is no such shard",
                "i/n counts from 0: 0/4, 1/4, 2/4, 3/4",
            )  # fmt: skip

    def takes(self, item: int) -> bool:
        """Whether an item is of this share."""
        return item % self.count == self.index

    @property
    def ledger_name(self) -> str:
        """Of the file that this shard alone writes."""
        return f"shard-{self.index}-of-{self.count}.jsonl"


def parse_shard(text: str) -> Shard:
    """``i/n`` -> a shard.

    Raises:
        SettingsError: where the text is no such thing.
    """
    index, slash, count = text.partition("/")
    if not (slash and index.strip().isdecimal() and count.strip().isdecimal()):
        raise SettingsError(f"take the shard {text!r}", "it is not of the form i/n", "", "For example 0/4")
    return Shard(int(index), int(count))


@dataclass(frozen=True)
class Done:
    """One item that was run.

    Args:
        line: the command, without ``ssldiff``.
        code: its exit code; 0 is done.
        seconds: that it took.
        facts: what it reported.
        message: what it said where it failed.
    """

    line: str
    code: int
    seconds: float = 0.0
    facts: Any = None
    message: str = ""

    @property
    def digest(self) -> str:
        """Names the item whatever list it stands in."""
        return digest_line(self.line)


def digest_line(line: str) -> str:
    """sha256 (hex) of a command, blanks aside."""
    return hashlib.sha256(" ".join(line.split()).encode()).hexdigest()


def read_items(path: Path) -> list[str]:
    """The command lines of a list; empty lines and those that begin with ``#`` are left out.

    Raises:
        SettingsError: where there is no such file, or nothing in it, or a line twice.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"run the list {path}", f"it cannot be read ({error})", "", "Check the name") from error
    items = [line.removeprefix("ssldiff ") for line in lines if line and not line.startswith("#")]
    if not items:
        raise SettingsError(f"run the list {path}", "there is no command in it", "a list has a command on each line")
    twice = [line for line in items if items.count(line) > 1] if len(set(items)) < len(items) else []
    if twice:
        raise SettingsError(f"run the list {path}", f"a line stands there twice: {twice[0]}", "items differ")
    return items


def append(ledger: Path, done: Done) -> None:
    """Write one line to a shard's ledger, on the disk before the next item is begun."""
    record = {
        "digest": done.digest, "line": done.line, "code": done.code, "seconds": round(done.seconds, 3),
        "facts": done.facts, "message": done.message,
    }  # fmt: skip
    with ledger.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_ledgers(folder: Path) -> dict[str, Done]:
    """digest -> the best that any shard did for it: what is done stays done. A line cut short by a kill is left out."""
    found: dict[str, Done] = {}
    for done in _records(folder):
        known = found.get(done.digest)
        if known is None or known.code != 0:
            found[done.digest] = done
    return found


def _records(folder: Path) -> Iterator[Done]:
    for ledger in sorted(folder.glob(LEDGER)):
        for line in ledger.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                record = json.loads(line)
                yield Done(
                    str(record["line"]), int(record["code"]), float(record["seconds"]), record["facts"],
                    str(record["message"]),
                )  # fmt: skip
            except (ValueError, KeyError, TypeError):
                continue
