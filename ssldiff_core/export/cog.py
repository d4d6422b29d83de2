"""Cloud-optimised GeoTIFF: GDAL's own layout, to be read over the network piece by piece, at the reference's place."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .marks import SOFTWARE, xmp_packet
from .pixels import TILE_PX

if TYPE_CHECKING:
    from .writing import Writing

_CACHE_MIB = 256


def write_cog(path: Path, writing: Writing) -> None:
    """Write a COG with averaged overviews; block by block, through a plain copy in the same folder.

    Without a place it has no coordinate system, and its pixel size stands in the resolution tags alone.
    """
    import rasterio.errors
    import rasterio.shutil

    warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)  # a slide has no place
    options = {"compress": "DEFLATE", "level": 6, "predictor": "YES"}
    if writing.quality is not None:
        options = {"compress": "JPEG", "quality": writing.quality}
    with (
        tempfile.TemporaryDirectory(prefix=".cog.", dir=path.parent) as folder,
        rasterio.Env(GDAL_CACHEMAX=_CACHE_MIB, GDAL_TIFF_INTERNAL_MASK=False, GDAL_PAM_ENABLED=False),
    ):
        plain = Path(folder) / "plain.tif"
        _write_plain(plain, writing)
        path.unlink()  # GDAL wants to make the file itself
        rasterio.shutil.copy(
            plain, path, driver="COG", blocksize=TILE_PX, overview_resampling="AVERAGE", bigtiff="IF_SAFER",
            overviews="IGNORE_EXISTING", add_mask="NO", **options,
        )  # fmt: skip


def _write_plain(path: Path, writing: Writing) -> None:
    """The pixels as tiles with light compression, with all that is said of them."""
    import rasterio
    from rasterio.windows import Window

    height, width = writing.source.shape
    placed: dict[str, Any] = {}
    if writing.place is not None:
        placed = {"crs": writing.place.crs, "transform": writing.place.affine}
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=3, dtype="uint8", tiled=True, blockxsize=TILE_PX,
        blockysize=TILE_PX, interleave="pixel", photometric="RGB", compress="DEFLATE", zlevel=1, bigtiff="IF_SAFER",
        **placed,
    ) as dataset:  # fmt: skip
        per_cm = repr(0.01 / writing.pixel_size_m)
        dataset.update_tags(
            TIFFTAG_IMAGEDESCRIPTION=writing.description, TIFFTAG_SOFTWARE=SOFTWARE, TIFFTAG_XRESOLUTION=per_cm,
            TIFFTAG_YRESOLUTION=per_cm, TIFFTAG_RESOLUTIONUNIT="3",
        )  # fmt: skip
        dataset.update_tags(ns="xml:XMP", **{"xml:XMP": xmp_packet().decode()})
        for row in range(0, height, TILE_PX):
            for col in range(0, width, TILE_PX):
                window = Window(col, row, min(TILE_PX, width - col), min(TILE_PX, height - row))
                block = writing.source.read(row, col, window.height, window.width)
                dataset.write(np.moveaxis(block, -1, 0), window=window)
