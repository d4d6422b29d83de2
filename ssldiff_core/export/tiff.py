"""Tiled TIFF pyramids: OME-TIFF with SubIFDs, and the plain kind that OpenSlide reads at all levels."""

from __future__ import annotations

import hashlib
import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..provenance import NOTICE
from .embedding import NAMESPACE
from .marks import SOFTWARE, xmp_tag
from .pixels import TILE_PX, PixelSource, Pyramid
from .place import Place

_CLASSIC_BYTES = 2**32 - 2**26
"""A classic TIFF ends before 4 GiB; what may pass this becomes a BigTIFF."""


def write_ome_tiff(
    path: Path, source: PixelSource, description: str, pixel_size_m: float, quality: int | None = None
) -> None:
    """OME-TIFF: physical size in OME-XML, smaller levels in SubIFDs, the description as an annotation.

    The smaller levels also stand in the chain of pages, so that OpenSlide, which looks nowhere else, finds them too.
    """
    metadata = {
        "axes": "YXS",
        "Name": "SYNTHETIC image by ssldiff",
        "Description": NOTICE,
        "Creator": SOFTWARE,
        "UUID": str(uuid.UUID(bytes=hashlib.sha256(description.encode()).digest()[:16], version=4)),
        "PhysicalSizeX": pixel_size_m * 1e6,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": pixel_size_m * 1e6,
        "PhysicalSizeYUnit": "µm",
        "CommentAnnotation": {"Namespace": NAMESPACE, "Value": description},
    }
    pyramid = Pyramid(source, path.parent)
    first = {"metadata": metadata, "subifds": len(pyramid.shapes) - 1, "extratags": [xmp_tag()]}
    _write(path, pyramid, pixel_size_m, quality, first, ome=True)
    _chain_levels(path)


def write_tiff(
    path: Path, source: PixelSource, description: str, pixel_size_m: float, quality: int | None = None,
    place: Place | None = None,
) -> None:  # fmt: skip
    """Plain pyramid: one page a level, resolution in tags, the description in the first page; a GeoTIFF where the
    result has a place.
    """
    tags = [xmp_tag(), *(place.tags() if place else [])]
    first = {"metadata": None, "description": description.encode(), "extratags": tags}
    _write(path, Pyramid(source, path.parent), pixel_size_m, quality, first, ome=False)


def _write(
    path: Path, pyramid: Pyramid, pixel_size_m: float, quality: int | None, first: dict[str, Any], *, ome: bool
) -> None:
    """Write all levels; ``first`` are the options of the finest."""
    import tifffile

    height, width = pyramid.shapes[0]
    with tifffile.TiffWriter(path, ome=ome, bigtiff=height * width * 4 > _CLASSIC_BYTES) as tiff:
        for level, shape in enumerate(pyramid.shapes):
            per_cm = 0.01 / pixel_size_m * shape[1] / width
            tiff.write(
                pyramid.tiles(level), shape=(*shape, 3), dtype="uint8", tile=(TILE_PX, TILE_PX),
                resolution=(per_cm, per_cm), resolutionunit="CENTIMETER", software=SOFTWARE,
                **_compression(quality), **(first if level == 0 else {"metadata": None, "subfiletype": 1}),
            )  # fmt: skip


def _chain_levels(path: Path) -> None:
    """Let the first page and each SubIFD name the next as the page that follows."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        offsets = [page.offset, *(page.subifds or ())]
        form = tiff.tiff
    with path.open("r+b") as file:
        for here, following in pairwise(offsets):
            file.seek(here)
            count = int.from_bytes(file.read(form.tagnosize), _order(form))
            file.seek(here + form.tagnosize + count * form.tagsize)
            file.write(following.to_bytes(form.offsetsize, _order(form)))


def _order(form: Any) -> Any:
    return "little" if form.byteorder == "<" else "big"


def _compression(quality: int | None) -> dict[str, Any]:
    if quality is None:
        return {
            "photometric": "rgb", "compression": "adobe_deflate", "predictor": True, "compressionargs": {"level": 6},
        }  # fmt: skip
    return {"photometric": "rgb", "compression": "jpeg", "compressionargs": {"level": quality}}
