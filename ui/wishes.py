"""What a user wishes drawn, read from what the page sends and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ssldiff_core.errors import SettingsError
from ssldiff_core.settings import Settings

MAX_COUNT = 9
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Wish:
    """One press of the button.

    Args:
        settings: of the first image; the others take the seeds that follow.
        count: how many images.
        anew: whether all of an image is drawn although a result could be gone on with.
        shown: the result that the page shows, which an edit goes on from.
        strength: how much of the reference is forgotten; 1 draws from the grid alone.
        appearance: id of the result, or ``scene``, whose colours are given; empty for the model's own.
        auto: whether the page asked by itself, when the brush rested: the result takes the last such one's place.
    """

    settings: Settings = field(default_factory=Settings)
    count: int = 1
    anew: bool = False
    shown: str = ""
    strength: float = 1.0
    appearance: str = ""
    auto: bool = False

    @property
    def plain(self) -> bool:
        """Whether the run starts from noise and keeps the model's own colours, so that it can be gone on with."""
        return self.strength >= 1.0 and not self.appearance and self.settings.engine in (None, "dense")

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Wish:
        """From the page's fields, most of which may be left out.

        Raises:
            SettingsError: where one is out of range.
        """
        count = whole_number(values.get("count") or 1, "number of images", 1, MAX_COUNT)
        engine = str(values.get("engine") or "") or None
        guidance = values.get("guidance_scale")
        seed = whole_number(values.get("seed") or 0, "seed", 0, MAX_SEED - count)
        if values.get("fast"):  # the student has its own steps, and needs no guidance
            settings = Settings(seed=seed, student=True)
        else:
            settings = Settings(
                seed=seed, steps=whole_number(values.get("steps", 20), "number of steps", 1, 200),
                guidance_scale=None if guidance is None else number(guidance, "guidance"), engine=engine,
            )  # fmt: skip
        strength = number(values.get("strength", 1.0), "strength")
        if not 0.05 <= strength <= 1.0:
            raise SettingsError(f"vary with a strength of {strength:g}", "it is out of range", "it goes from 0.05 to 1")
        return cls(
            settings, count, bool(values.get("anew")), str(values.get("shown") or ""), strength,
            str(values.get("appearance") or ""), bool(values.get("auto")),
        )  # fmt: skip


def number(value: object, name: str) -> float:
    """A finite number.

    Raises:
        SettingsError: where it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SettingsError(f"use the {name} {value!r}", "it is no number")
    return float(value)


def whole_number(value: object, name: str, low: int, high: int) -> int:
    """A whole number within its range.

    Raises:
        SettingsError: where it is none, or lies outside.
    """
    found = number(value, name)
    if found != int(found) or not low <= found <= high:
        nearest = min(max(round(found), low), high)
        raise SettingsError(
            f"use a {name} of {found:g}", "it is out of range", f"it is a whole number from {low} to {high}",
            f"The nearest is {nearest}",
        )  # fmt: skip
    return int(found)
