"""Options of how the canvas is drawn: engine, solver, windows, guidance."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import SettingsError
from ..settings import BLENDINGS, ENGINES, NOTEBOOK_STEPS, STUDENT_STEPS
from .arguments import checked_output


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Which engine, and what it may be told; :func:`engine_settings` reads them."""
    group = parser.add_argument_group("drawing the canvas")
    group.add_argument(
        "--engine", metavar="NAME",
        help=f"{', '.join(ENGINES[:-1])} or {ENGINES[-1]} (the authors' sampler and decode, {NOTEBOOK_STEPS} steps, "
        "guidance 4); "
        "the model's own by default",
    )  # fmt: skip
    group.add_argument(
        "--fast", dest="student", action="store_true", default=None,
        help=f"by the model's student: {STUDENT_STEPS} steps without guidance, about a tenth of the time",
    )  # fmt: skip
    group.add_argument("--solver", metavar="NAME", help="dpm++, ddim or euler; in windows unipc and flow too (dpm++)")
    group.add_argument(
        "--stride", type=int, metavar="PX",
        help="from window to window of windowed (half a window) and notebook (a quarter)",
    )  # fmt: skip
    group.add_argument("--blending", metavar="NAME", help=f"of overlapping windows: {' or '.join(BLENDINGS)} (centre)")
    group.add_argument(
        "--guidance-interval", type=parse_interval, metavar="LOW,HIGH",
        help="noise levels at which guidance holds, from 0 (clean) to 1 (noise); elsewhere a step costs half "
        "(0,1; dense: the model's own)",
    )  # fmt: skip
    group.add_argument("--memory", type=int, metavar="MIB", help="what a network call in windows may take (1024)")
    group.add_argument("--save-latents", type=Path, metavar="FILE", help="the canvas before decoding, .safetensors")


def engine_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Settings by name; None where an option was not given."""
    names = {
        "engine": "engine", "solver": "solver", "stride_px": "stride", "blending": "blending",
        "guidance_interval": "guidance_interval", "memory_mib": "memory", "student": "student",
    }  # fmt: skip
    return {setting: getattr(arguments, option, None) for setting, option in names.items()}


def checked_latents(path: Path | None) -> Path | None:
    """Where the latents go, if anywhere.

    Raises:
        ExportError: before any work is done for it.
    """
    from ..export.latents import LATENTS_SUFFIX

    return None if path is None else checked_output(path, LATENTS_SUFFIX)


def parse_interval(text: str) -> tuple[float, float]:
    """``"0.2,0.8"`` -> (0.2, 0.8)."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(
            f"guide at the noise levels {text!r}", "they are not LOW,HIGH", "", "For example 0.2,0.8"
        ) from error
    return low, high
