"""TIFF pyramids by tifffile: OME-TIFF (SubIFDs too), plain pyramids, and compressions that others do not know."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .compose import over_white
from .scene import Mask, Pixels, Scene
from .tiff_layout import TiffLayout, layout_of
from .tiff_pixel_size import pixel_size_of
from .tiles import TileCache, stitch
from .tone import OVERVIEW_PX, check_range, choose_bands, tone_of

if TYPE_CHECKING:
    import tifffile


class TiffScene(Scene):
    """A TIFF by tifffile, of which only the tiles or strips that a read touches are decoded; safe from several threads.

    Of several images in a file the largest is the scene (label, macro and thumbnail never); of time points and focal
    planes, the first.

    Args:
        path: the file.
        pixel_size_m: overrides what the file says.
        bands: 1-based channels, one (grey) or three; the first three (or the first) where None.
        value_range: the values that become 0 and 255; without it, images of more than 8 bits are stretched.

    Raises:
        SceneError: bands or range do not fit.
        tifffile.TiffFileError, ValueError: where tifffile cannot read it (:func:`open_scene` makes it a SceneError).
    """

    def __init__(
        self, path: Path, *, pixel_size_m: float | None = None, bands: tuple[int, ...] | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        import tifffile

        self._file = tifffile.TiffFile(path)
        self._file_lock, self._cache = Lock(), TileCache()
        try:
            self._init(path, pixel_size_m, bands, value_range)
        except BaseException:
            self._file.close()
            raise

    def _init(
        self, path: Path, pixel_size_m: float | None, bands: tuple[int, ...] | None,
        value_range: tuple[float, float] | None,
    ) -> None:  # fmt: skip
        warnings: list[str] = []
        self._layout: TiffLayout = layout_of(self._file)
        size = pixel_size_m or pixel_size_of(self._file, self._layout, warnings)
        count = self._layout.bands
        self._chosen = choose_bands(path.name, bands, count, (1, 2, 3) if count >= 3 else (1,))
        given = check_range(path.name, value_range)
        eight_bit = self._layout.dtype == np.uint8 or self._layout.colours is not None
        overview = None if eight_bit or given is not None else self._overview()
        self._tone = tone_of(self._chosen, given, overview, warnings)
        description = self._file.pages.first.description
        super().__init__(
            level_sizes=self._layout.sizes, pixel_size_m=size, path=path, warnings=warnings,
            preprocessing={"reader": "tifffile", **self._tone.describe()},
            attribution=str(self._file.pages.first.tags.valueof("Copyright") or ""),
            synthetic=description.startswith("SYNTHETIC") or 'Name="SYNTHETIC' in description[:4000],
        )  # fmt: skip

    def _read_level(self, level: int, x: int, y: int, width: int, height: int) -> tuple[Pixels, Mask | None]:
        values = self._values(level, (x, y, width, height), self._chosen)
        if self._layout.colours is not None:
            return self._layout.colours[values[..., 0]], None
        rgb = self._tone.apply(values)
        if self._layout.alpha is None:
            return rgb, None
        alpha = self._values(level, (x, y, width, height), (self._layout.alpha,))
        opaque = 255 if alpha.dtype == np.uint8 else np.iinfo(alpha.dtype).max
        alpha_8 = (alpha.astype(np.float32) * (255 / opaque)).astype(np.uint8)
        return over_white(np.concatenate([rgb, alpha_8], axis=-1))

    def _values(self, level: int, box: tuple[int, int, int, int], bands: tuple[int, ...]) -> NDArray[Any]:
        """Stored values (h, w, bands) of a box inside a level; 1-based bands."""
        planes: dict[tuple[int, int], NDArray[Any]] = {}
        columns = []
        for band in bands:
            page_index, sample_plane, sample = self._layout.place_of(band)
            key = (page_index, sample_plane)
            if key not in planes:
                page = self._layout.pages[level][page_index]
                planes[key] = self._read_page(page, box, sample_plane)
            columns.append(planes[key][..., sample])
        values = np.stack(columns, axis=-1)
        return np.asarray(np.iinfo(values.dtype).max - values) if self._layout.inverted else values

    def _read_page(self, page: tifffile.TiffPage, box: tuple[int, int, int, int], sample_plane: int) -> NDArray[Any]:
        """Values (h, w, samples) of a box of one page, by its tiles or strips."""
        key = page.keyframe
        across = key.tilewidth if key.is_tiled else key.imagewidth
        down = key.tilelength if key.is_tiled else min(key.rowsperstrip, key.imagelength)
        per_row, per_column = -(-key.imagewidth // across), -(-key.imagelength // down)

        def get_tile(col: int, row: int) -> NDArray[Any]:
            index = (sample_plane * per_column + row) * per_row + col
            return self._cache.get((page.offset, index), lambda: self._decode(page, index, (down, across)))

        return stitch(box, (across, down), get_tile)

    def _decode(self, page: tifffile.TiffPage, index: int, shape: tuple[int, int]) -> NDArray[Any]:
        """One decoded tile or strip (h, w, samples); a tile that the file leaves out holds its nodata value."""
        key, count = page.keyframe, page.databytecounts[index]
        data = None
        if count:
            handle = page.parent.filehandle
            with self._file_lock:
                handle.seek(page.dataoffsets[index])
                data = handle.read(count)
            if len(data) < count:
                raise ValueError(f"{count} bytes were to be at {page.dataoffsets[index]}, {len(data)} are there")
        segment = key.decode(data, index, jpegtables=key.jpegtables)[0] if data else None
        if segment is None:
            samples = key.samplesperpixel if key.planarconfig == 1 else 1
            return np.full((*shape, samples), key.nodata, key.dtype)
        pixels: NDArray[Any] = segment[0]
        return pixels

    def _overview(self) -> tuple[NDArray[Any], Mask]:
        """Chosen bands of the coarsest level that has ``OVERVIEW_PX`` on its longer side, thinned to that."""
        fine = [i for i, size in enumerate(self._layout.sizes) if max(size) >= OVERVIEW_PX]
        level = fine[-1] if fine else 0
        width, height = self._layout.sizes[level]
        step = max(1, -(-max(width, height) // OVERVIEW_PX))
        rows = [
            self._values(level, (0, top, width, min(256, height - top)), self._chosen)[-top % step :: step, ::step]
            for top in range(0, height, 256)
        ]
        values = np.concatenate(rows)
        return values, np.ones(values.shape[:2], np.bool_)

    def _close(self) -> None:
        with self._file_lock:
            self._file.close()
        self._cache.clear()
