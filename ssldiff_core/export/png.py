"""PNG, with the description as text, written strip by strip."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from .embedding import PNG_KEY
from .marks import SOFTWARE, XMP_PNG_KEY, xmp_packet
from .pixels import TILE_PX, Block

if TYPE_CHECKING:
    from .writing import Writing

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEVEL = 6
_PAETH = 4
"""The filter that suits photographs best, of the five that PNG has."""


def write_png(path: Path, writing: Writing) -> None:
    """Write the image; its resolution too where PNG's whole pixels a metre can tell it (below 1 cm)."""
    height, width = writing.source.shape
    with path.open("wb") as file:
        file.write(_SIGNATURE)
        _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        if 1e-9 < writing.pixel_size_m < 1e-2:
            per_m = round(1 / writing.pixel_size_m)
            _chunk(file, b"pHYs", struct.pack(">IIB", per_m, per_m, 1))
        _chunk(file, b"tEXt", b"Title\0SYNTHETIC image")
        _chunk(file, b"tEXt", b"Software\0" + SOFTWARE.encode("latin-1"))
        _text(file, PNG_KEY, writing.description)  # not compressed: readers refuse long texts that are
        _text(file, XMP_PNG_KEY, xmp_packet().decode())
        _write_pixels(file, writing)
        _chunk(file, b"IEND", b"")


def _write_pixels(file: BinaryIO, writing: Writing) -> None:
    height, width = writing.source.shape
    compress = zlib.compressobj(_LEVEL)
    above = np.zeros((1, width, 3), np.uint8)
    for row in range(0, height, TILE_PX):
        strip = writing.source.read(row, 0, min(TILE_PX, height - row), width)
        if packed := compress.compress(_filtered(strip, above)):
            _chunk(file, b"IDAT", packed)
        above = strip[-1:]
    _chunk(file, b"IDAT", compress.flush())


def _filtered(strip: Block, above: Block) -> bytes:
    """Rows as PNG compresses them: what each byte differs by from the nearest of its neighbours left, above and both.

    Args:
        strip: (h, w, 3).
        above: (1, w, 3), the row before; zeros before the first.
    """
    here = strip.astype(np.int16)
    up = np.concatenate([above, strip[:-1]]).astype(np.int16)
    left, corner = (np.pad(part[:, :-1], ((0, 0), (1, 0), (0, 0))) for part in (here, up))
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    nearest = np.where(
        (to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner)
    )  # fmt: skip
    rows = (here - nearest).astype(np.uint8).reshape(len(strip), -1)
    return np.pad(rows, ((0, 0), (1, 0)), constant_values=_PAETH).tobytes()


def _text(file: BinaryIO, key: str, text: str) -> None:
    _chunk(file, b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode())


def _chunk(file: BinaryIO, kind: bytes, content: bytes) -> None:
    file.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)))
