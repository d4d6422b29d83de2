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

    def confirm(self, asked: str, found: str, rule: str, *, yes: bool) -> None:
        """Go on only where the user wants to: ``--yes``, or a yes typed at a terminal.

        Raises:
            SettingsError: where neither is given.
        """
        if yes:
            self.note(f"{found}; going on because of --yes.")
            return
        if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
            print(f"{found[0].upper()}{found[1:]}. {rule[0].upper()}{rule[1:]}.", file=sys.stderr)
            print("Go on all the same? [y/N] ", end="", file=sys.stderr, flush=True)
            if sys.stdin.readline().strip().lower() in ("y", "yes"):
                return
        raise SettingsError(asked, found, rule, "Give --yes to go on all the same")
