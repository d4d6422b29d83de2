"""PNG, with the description as text."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, PngImagePlugin

from .embedding import PNG_KEY, SOFTWARE
from .pixels import PixelSource


def write_png(path: Path, source: PixelSource, description: str, pixel_size_m: float) -> None:
    """Write the whole image at once; the resolution too where PNG's whole pixels a metre can tell it (below 1 cm)."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "SYNTHETIC image")
    text.add_text("Software", SOFTWARE)
    text.add_itxt(PNG_KEY, description)  # not compressed: readers refuse long texts that are
    image = Image.fromarray(source.read(0, 0, *source.shape))
    dpi = {"dpi": (0.0254 / pixel_size_m,) * 2} if 1e-9 < pixel_size_m < 1e-2 else {}
    image.save(path, format="PNG", pnginfo=text, **dpi)
