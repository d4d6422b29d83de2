"""Transparent pixels over white paper."""

from __future__ import annotations

import numpy as np

from .scene import Mask, Pixels


def over_white(rgba: Pixels) -> tuple[Pixels, Mask | None]:
    """RGBA (h, w, 4) -> RGB (h, w, 3) over white, and the mask of what is not wholly transparent (None: all)."""
    rgb, alpha = rgba[..., :3], rgba[..., 3]
    if (alpha == 255).all():
        return rgb, None
    weight = alpha[..., None].astype(np.uint16)
    mixed = (rgb.astype(np.uint16) * weight + 255 * (255 - weight) + 127) // 255
    return mixed.astype(np.uint8), alpha > 0
