"""What a command says: results to stdout, everything else (progress, warnings, questions) to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError

if TYPE_CHECKING:
    from tqdm import tqdm


class Console:
    """One command's voice.

    Args:
        quiet: print errors only.
        as_json: print the result as one JSON object instead of sentences.
    """

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet, self.as_json = quiet, as_json

    def report(self, text: str, facts: Mapping[str, Any]) -> None:
        """The result, for people or for programs."""
        if self.as_json:
            print(json.dumps(dict(facts), ensure_ascii=False))
        elif not self.quiet:
            print(text)

    def note(self, text: str) -> None:
        """Something that a person may want to know on the way."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def progress(self, what: str, unit: str) -> tqdm[Any]:
        """A bar on stderr; set its ``total`` when it is known. A context manager."""
        from tqdm import tqdm

        return tqdm(desc=what, unit=unit, file=sys.stderr, disable=self.quiet, leave=False, dynamic_ncols=True)

    def confirm(self, asked: str, doubt: str, *, yes: bool) -> None:
        """Go on only where the user wants to: ``--yes``, or a yes typed at a terminal.

        Args:
            asked: what is about to be done, e.g. ``"draw this grid"``.
            doubt: the reason to ask, in sentences.
            yes: whether ``--yes`` was given.

        Raises:
            SettingsError: where the user did not agree.
        """
        if yes:
            self.note(f"{doubt} Going on because of --yes.")
            return
        if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
            print(f"{doubt}\nGo on all the same? [y/N] ", end="", file=sys.stderr, flush=True)
            if sys.stdin.readline().strip().lower() in ("y", "yes"):
                return
        raise SettingsError(asked, f"nobody agreed to go on. {doubt}", "", "Give --yes to go on all the same")
