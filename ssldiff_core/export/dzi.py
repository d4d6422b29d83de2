"""Deep Zoom: a small ``.dzi`` that names the image, and a folder of tiles for each level; as files, or as one zip."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, PngImagePlugin

from ..provenance import NOTICE
from .marks import SOFTWARE, XMP_PNG_KEY, xmp_packet
from .pixels import TILE_PX, Block, Pyramid, halve

if TYPE_CHECKING:
    from .writing import Writing

Put = Callable[[str, bytes], None]
"""Takes a file of the image: its name below the folder of the ``.dzi``, and its content."""

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""Of all files in a zip, so that the same image gives the same bytes."""


def files_folder(path: Path) -> Path:
    """The folder of tiles beside a ``.dzi``."""
    return path.with_name(f"{path.name.removesuffix('.dzi')}_files")


def write_dzi(path: Path, writing: Writing) -> None:
    """Write the ``.dzi`` at ``path`` and its levels into ``writing.folder``."""
    folder = writing.folder
    assert folder is not None, "write_image makes it"

    def put(name: str, content: bytes) -> None:
        level, _, tile = name.rpartition("/")
        (folder / level).mkdir(parents=True, exist_ok=True)
        (folder / level / tile).write_bytes(content)

    for name, content in _tiles(writing, path.parent):
        put(name, content)
    path.write_text(_describe(writing), encoding="utf-8")


def write_dzi_zip(path: Path, writing: Writing) -> None:
    """One zip that holds ``NAME.dzi``, ``NAME_files/`` and the manifest; not compressed, for the tiles are."""
    name = writing.name.removesuffix(".zip").removesuffix(".dzi")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, strict_timestamps=True) as archive:
        archive.writestr(zipfile.ZipInfo(f"{name}.dzi", _LONG_AGO), _describe(writing))
        archive.writestr(zipfile.ZipInfo(f"{name}.dzi.manifest.json", _LONG_AGO), writing.manifest)
        for tile, content in _tiles(writing, path.parent):
            archive.writestr(zipfile.ZipInfo(f"{name}_files/{tile}", _LONG_AGO), content)


def _describe(writing: Writing) -> str:
    height, width = writing.source.shape
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- {NOTICE} pixel_size_m={writing.pixel_size_m!r} -->\n'
        f'<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="{_suffix(writing)}" Overlap="0" '
        f'TileSize="{TILE_PX}"><Size Width="{width}" Height="{height}"/></Image>\n'
    )


def _suffix(writing: Writing) -> str:
    return "png" if writing.quality is None else "jpg"


def _tiles(writing: Writing, folder: Path) -> Iterator[tuple[str, bytes]]:
    """``LEVEL/COL_ROW.SUFFIX`` and the encoded tile, finest level first, down to one pixel."""
    pyramid = Pyramid(writing.source, folder)
    finest = (max(writing.source.shape) - 1).bit_length()
    last: Block | None = None
    for level, (height, width) in enumerate(pyramid.shapes):
        across = -(-width // TILE_PX)
        for index, tile in enumerate(pyramid.tiles(level)):
            row, col = divmod(index, across)
            last = tile[: height - row * TILE_PX, : width - col * TILE_PX]
            yield f"{finest - level}/{col}_{row}.{_suffix(writing)}", _encode(last, writing.quality)
    assert last is not None, "an image has a pixel"
    for level in reversed(range(finest - len(pyramid.shapes) + 1)):
        last = halve(last)
        yield f"{level}/0_0.{_suffix(writing)}", _encode(last, writing.quality)


def _encode(tile: Block, quality: int | None) -> bytes:
    buffer = io.BytesIO()
    if quality is None:
        text = PngImagePlugin.PngInfo()
        text.add_text("Title", "SYNTHETIC image")
        text.add_text("Software", SOFTWARE)
        text.add_itxt(XMP_PNG_KEY, xmp_packet().decode())
        Image.fromarray(tile).save(buffer, "PNG", pnginfo=text, compress_level=4)
    else:
        Image.fromarray(tile).save(buffer, "JPEG", quality=quality, comment=NOTICE.encode(), xmp=xmp_packet())
    return buffer.getvalue()
