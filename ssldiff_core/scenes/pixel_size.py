"""What files say about the size of their pixels, and when not to believe it."""

from __future__ import annotations

import math
import re

from ..geometry import format_length

SCANNED_M = (1e-8, 2e-5)
"""Pixel sizes that microscope scanners make: 0.01 to 20 µm."""

_PRINT_M = (2e-5, 1.1e-2)
"""Pixel sizes that come from printing (72 or 300 dots an inch, one dot a centimetre), not from optics or maps."""

_MARK = re.compile(r"^SYNTHETIC\b.*?^pixel_size_m=([0-9.eE+-]+)$", re.MULTILINE | re.DOTALL)

_UNITS_M = {
    "km": 1e3, "m": 1.0, "cm": 1e-2, "mm": 1e-3, "µm": 1e-6, "μm": 1e-6, "um": 1e-6, "micron": 1e-6, "nm": 1e-9,
    "å": 1e-10, "in": 0.0254, "ft": 0.3048,
}  # fmt: skip

REMEDY = "give it by hand (--scene-pixel-size)"
"""What to do about a pixel size, for the end of a warning."""


def pixel_size_from_mark(text: str) -> float | None:
    """Metres along a pixel from the description that our own exports carry; None for any other text."""
    match = _MARK.search(text[:4000]) if text.startswith("SYNTHETIC") else None
    try:
        value = float(match.group(1)) if match else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def unit_in_metres(unit: str) -> float | None:
    """Metres of a named unit; None where it is no length (``pixel``, ``reference frame``)."""
    return _UNITS_M.get(unit.strip().lower().replace("\\u00b5", "µ"))


def believe_scanner(x_m: float | None, y_m: float | None, warnings: list[str]) -> tuple[float, float] | None:
    """The pixel size that a slide's properties give, or None, with a warning, where it is missing or absurd."""
    if x_m is None or y_m is None:
        warnings.append(f"The file does not say how large its pixels are: {REMEDY}.")
        return None
    if not all(math.isfinite(v) and SCANNED_M[0] <= v <= SCANNED_M[1] for v in (x_m, y_m)):
        warnings.append(
            f"The file gives a pixel size of {x_m * 1e6:g} × {y_m * 1e6:g} µm, which no scanner makes "
            f"(0.01 to 20 µm): it is not used; {REMEDY}."
        )
        return None
    return (x_m, y_m)


def believe_resolution(x_m: float | None, y_m: float | None, warnings: list[str]) -> tuple[float, float] | None:
    """The pixel size that a resolution tag of an ordinary image gives, or None, with a warning, for a printer's."""
    if x_m is None or y_m is None or not all(math.isfinite(v) and v > 0 for v in (x_m, y_m)):
        warnings.append(f"The file does not say how large its pixels are: {REMEDY}.")
        return None
    if _PRINT_M[0] < math.sqrt(x_m * y_m) < _PRINT_M[1]:
        warnings.append(
            f"The file's resolution ({0.0254 / x_m:.3g} dots an inch, {format_length(x_m)}) is one for printing, not a "
            f"size on the ground: it is not used; {REMEDY}."
        )
        return None
    return (x_m, y_m)
