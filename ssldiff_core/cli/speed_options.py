"""How long a command draws at each of its many small images: steps, or the model's student."""

from __future__ import annotations

import argparse
from typing import Any

from ..settings import STUDENT_STEPS, Settings
from .arguments import parse_count


def add_speed_options(parser: Any, steps: int, what: str = "denoising steps") -> None:
    """``--steps`` and ``--fast``; :func:`drawing_settings` reads them.

    Args:
        parser: or a group of one.
        steps: where nobody says how many.
        what: takes them, for people.
    """
    parser.add_argument("--steps", type=parse_count, metavar="N", help=f"{what} ({steps}; --fast: {STUDENT_STEPS})")
    parser.add_argument(
        "--fast", action="store_true", help=f"by the model's student: {STUDENT_STEPS} steps without guidance"
    )


def drawing_settings(arguments: argparse.Namespace, steps: int, **others: Any) -> Settings:
    """The settings of what is drawn.

    Args:
        arguments: with the options of :func:`add_speed_options`.
        steps: the command's own.
        others: settings by name.

    Raises:
        SettingsError: where one is out of range, or a student is asked for other steps than its own.
    """
    asked = arguments.steps
    if asked is None and not arguments.fast:
        asked = steps
    return Settings(steps=asked, student=arguments.fast, **others)  # None: a student's own


def speed_words(arguments: argparse.Namespace, steps: int) -> list[str]:
    """What of it a command that repeats the run says."""
    if arguments.fast:
        return ["--fast"]
    return ["--steps", str(arguments.steps or steps)]


def steps_in_words(arguments: argparse.Namespace, steps: int) -> str:
    """For the facts of a report."""
    if arguments.fast:
        return f"{STUDENT_STEPS} steps by the student"
    return f"{arguments.steps or steps} steps"
