"""How to draw: the settings of a run, checked, and their way to JSON and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .errors import SettingsError

ENGINES = ("dense", "windowed", "shifted", "notebook")
BLENDINGS = ("centre", "uniform")
STEPS, NOTEBOOK_STEPS, STUDENT_STEPS = 20, 50, 4
"""Denoising steps where nobody says how many: of the engines, of the authors' notebook, and of a student."""


@dataclass(frozen=True)
class Settings:
    """How to draw.

    Args:
        seed: of the noise, 0 ≤ seed < 2**64.
        steps: denoising steps, 1 … 1000; None takes 20, for ``notebook`` the authors' 50, for a student its 4.
        guidance_scale: 1 is off; higher follows the grid more strictly; None takes the model's default, for
            ``notebook`` the authors' 4.
        guidance_interval: lowest and highest noise level, 0 (clean) to 1 (noise), at which guidance holds; None takes
            all, for ``dense`` the model's default.
        engine: how the canvas is drawn, see :mod:`ssldiff_core.diffusion.engines`; None takes the model's default.
        solver: ``dpm++``, ``ddim`` or ``euler``; in windows ``unipc`` and ``flow`` too. ``notebook`` has its own.
        stride_px: canvas pixels between windows of ``windowed`` and ``notebook``; None takes half and a quarter of a
            window.
        blending: ``centre`` or ``uniform``, how windows of ``windowed`` count where they overlap.
        memory_mib: what the tensors of a network call may take where the canvas is drawn in windows.
        tile_lat: side of the tiles of ``dense`` in latents.
        device: ``auto`` or a torch device.
        precision: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        student: draw fast, by the model's student: a network distilled for 4 Euler steps without guidance. ``dense``
            alone draws with it.

    Raises:
        SettingsError: where a value lies outside its range, or a student is asked for what it was not made for.
    """

    seed: int = 0
    steps: int = None  # type: ignore[assignment]  # a number as soon as the settings are made
    guidance_scale: float | None = None
    guidance_interval: tuple[float, float] | None = None
    engine: str | None = None
    solver: str = "dpm++"
    stride_px: int | None = None
    blending: str = "centre"
    memory_mib: int = 1024
    tile_lat: int = 512
    device: str = "auto"
    precision: str = "auto"
    student: bool = False

    def __post_init__(self) -> None:
        if vars(self)["steps"] is None:
            own = STUDENT_STEPS if self.student else NOTEBOOK_STEPS if self.engine == "notebook" else STEPS
            object.__setattr__(self, "steps", own)
        self._check_numbers()
        self._check_student()
        if self.engine is not None:
            _check_choice("engine", self.engine, ENGINES)
        _check_choice("blending", self.blending, BLENDINGS)
        if self.tile_lat % 2:
            raise SettingsError(f"draw in tiles of {self.tile_lat} latents", "that is odd", "a tile is an even number")

    def _check_numbers(self) -> None:
        for name in ("seed", "steps", "tile_lat", "memory_mib", "stride_px"):
            value = getattr(self, name)
            if isinstance(value, bool) or not (isinstance(value, int) or (name == "stride_px" and value is None)):
                raise SettingsError(f"draw with {name} {value!r}", "it is no whole number")
        _check_range("seed", self.seed, 0, 2**64 - 1)
        _check_range("steps", self.steps, 1, 1000)
        _check_range("tile_lat", self.tile_lat, 16, 4096)
        _check_range("memory_mib", self.memory_mib, 1, 2**20)
        if self.stride_px is not None:
            _check_range("stride_px", self.stride_px, 1, 4096)
        if self.guidance_scale is not None:
            _check_range("guidance scale", self.guidance_scale, 0.0, 20.0)
        self._check_interval()

    def _check_student(self) -> None:
        if not isinstance(self.student, bool):
            raise SettingsError(f"draw with student {self.student!r}", "it is neither true nor false")
        if not self.student:
            return
        asked = "draw fast, with the model's student"
        if self.engine not in (None, "dense"):
            raise SettingsError(f"{asked}, by {self.engine}", "only dense draws with it", "", "Use the engine dense")
        if self.steps != STUDENT_STEPS:
            raise SettingsError(
                f"{asked} in {self.steps} steps", "it was made for other steps", f"a student takes {STUDENT_STEPS}",
                "Leave the steps out, or draw with the model itself",
            )  # fmt: skip

    def _check_interval(self) -> None:
        if self.guidance_interval is None:
            return
        try:
            low, high = (float(level) for level in self.guidance_interval)
        except (TypeError, ValueError):
            low = high = math.nan
        if not 0.0 <= low <= high <= 1.0:
            raise SettingsError(
                f"guide at the noise levels {self.guidance_interval!r}", "that is no interval of noise levels",
                "an interval is two numbers, 0 ≤ low ≤ high ≤ 1", "The whole run is 0 and 1",
            )  # fmt: skip
        object.__setattr__(self, "guidance_interval", (low, high))

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Settings:
        """From JSON, as a manifest holds them; an unknown name is an error."""
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(record) - known)
        if unknown:
            raise SettingsError(
                "use these settings", f"they hold {', '.join(unknown)}", f"known: {', '.join(sorted(known))}"
            )
        return cls(**record)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise SettingsError(
            f"draw with {name} {value}", "it lies outside the range", f"{name} goes from {low:g} to {high:g}",
            f"The nearest is {min(max(value, low), high):g}" if math.isfinite(value) else "",
        )  # fmt: skip


def _check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SettingsError(f"draw with the {name} {value!r}", "there is none", f"{name}s: {', '.join(known)}")
