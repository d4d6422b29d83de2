"""Which reader opens a file: by its first bytes and its tags, and by its suffix only where those leave a choice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import SceneError, SSLDiffError
from .scene import Scene, first_line

_RASTER_SUFFIXES = (".jp2", ".j2k", ".img", ".asc", ".hgt", ".dem", ".gpkg")
_WORLD_FILES = (".tfw", ".tifw", ".pgw", ".jgw", ".wld", ".aux.xml")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_GEO_TAGS = (
    33550,
    33922,
    34264,
    34735,
    42112,
    42113,
)  # scale, tie points, matrix, geo keys, GDAL metadata, GDAL nodata

_MOST_TILE_PX = 2**26
"""Pixels of a stored tile: the largest that are in use have 4096 a side."""

Reader = Callable[[], Scene]


def open_scene(
    path: str | Path, *, pixel_size_m: float | None = None, bands: tuple[int, ...] | None = None,
    value_range: tuple[float, float] | None = None,
) -> Scene:  # fmt: skip
    """Open an image file as a scene.

    Args:
        path: a whole slide, a TIFF pyramid, a georeferenced raster or an ordinary image.
        pixel_size_m: metres along a level-0 pixel; overrides what the file says.
        bands: 1-based bands to show, one or three; not for vendor slides, which are RGB.
        value_range: the stored values that become black and white; not for vendor slides.

    Raises:
        SceneError: there is no such file, it is no image, it is damaged or too small, or an option does not fit it.

    Example:
        >>> with ssldiff.open_scene("slide.tif") as scene:
        ...     pixels = scene.read(ssldiff.Box(0, 0, 512, 512), size_px=(256, 256))
        ...     print(scene.size_l0, scene.pixel_size_m, pixels.shape)
        (2048, 1536) 1e-06 (256, 256, 3)
    """
    path = Path(path).expanduser()
    asked = f"open {path.name or path} as a scene"
    head = _first_bytes(path, asked)
    if pixel_size_m is not None and not 0 < pixel_size_m < float("inf"):
        raise SceneError(
            asked, f"its pixel size is given as {pixel_size_m}", "a pixel size is a length in metres above 0"
        )
    if path.suffix.lower() == ".vrt" or head.lstrip().startswith(b"<VRTDataset"):
        raise SceneError(
            asked, "it is a VRT, which only points at other files", "a scene is one file",
            "Make one of it: gdal_translate -of COG in.vrt out.tif",
        )  # fmt: skip
    reasons: list[str] = []
    for name, reader in _readers(path, head, asked, pixel_size_m, bands, value_range):
        try:
            scene = reader()
        except SSLDiffError:
            raise
        except Exception as error:  # decoders raise whatever they like on what is not theirs
            reasons.append(f"{name}: {first_line(error, path)}")
        else:
            if reasons:  # a reader further down the list knows less of the file, which must not stay untold
                scene.warnings += (f"Read by {name}, for others could not ({'; '.join(reasons)}).",)
            scene.opened_with = {"pixel_size_m": pixel_size_m, "bands": bands, "value_range": value_range}
            return scene
    raise _unreadable(path, head, asked, reasons)


def _first_bytes(path: Path, asked: str) -> bytes:
    try:
        if path.is_dir():
            raise SceneError(asked, "it is a folder", "a scene is a file", "Name one of the files in it")
        with path.open("rb") as file:
            head = file.read(512)
    except FileNotFoundError:
        raise SceneError(asked, f"there is no file {path}", "", "Check the name and the folder") from None
    except (OSError, ValueError) as error:
        raise SceneError(asked, f"it cannot be read ({error})", "", "Check the name and the permissions") from None
    if not head:
        raise SceneError(asked, "the file is empty", "a scene is an image file", "Copy the file again")
    return head


def _readers(
    path: Path, head: bytes, asked: str, pixel_size_m: float | None, bands: tuple[int, ...] | None,
    value_range: tuple[float, float] | None,
) -> list[tuple[str, Reader]]:  # fmt: skip
    """The readers to try, best first."""
    from .large_image_scene import LargeImageScene
    from .openslide_scene import OpenSlideScene
    from .pillow_scene import PillowScene
    from .raster_scene import RasterScene
    from .tiff_scene import TiffScene

    def raster() -> Scene:
        return RasterScene(path, pixel_size_m=pixel_size_m, bands=bands, value_range=value_range)

    def tiff() -> Scene:
        return TiffScene(path, pixel_size_m=pixel_size_m, bands=bands, value_range=value_range)

    def pillow() -> Scene:
        return PillowScene(path, pixel_size_m=pixel_size_m, bands=bands, value_range=value_range)

    def slide() -> Scene:
        _refuse_bands(asked, bands, value_range)
        return OpenSlideScene(path, pixel_size_m=pixel_size_m)

    def large_image() -> Scene:
        _refuse_bands(asked, bands, value_range)
        return LargeImageScene(path, pixel_size_m=pixel_size_m)

    named: dict[str, tuple[str, Reader]] = {
        "raster": ("rasterio", raster), "tiff": ("tifffile", tiff), "pillow": ("Pillow", pillow),
        "slide": ("OpenSlide", slide), "large_image": ("large_image", large_image),
    }  # fmt: skip
    return [named[key] for key in _order(path, head, asked, bands is not None or value_range is not None)]


def _order(path: Path, head: bytes, asked: str, has_options: bool) -> list[str]:
    """Names of readers, best first."""
    vendor = _openslide_vendor(path)
    placed = any(path.with_suffix(suffix).exists() for suffix in _WORLD_FILES) or Path(f"{path}.aux.xml").exists()
    if head.startswith(_TIFF_MAGIC):
        is_ome, is_geo = _look_into_tiff(path, asked)
        if vendor not in (None, "generic-tiff"):
            return ["slide"] if not is_ome else ["slide", "tiff"]
        if is_ome:
            return ["tiff", "raster", "pillow", "large_image"]
        if is_geo or placed:
            return ["raster", "tiff", "pillow", "large_image"]
        if vendor is not None and not has_options:
            return ["slide", "tiff", "raster", "pillow", "large_image"]
        return ["tiff", "raster", "pillow", "large_image"]
    if vendor is not None:
        return ["slide"]
    if placed or path.suffix.lower() in _RASTER_SUFFIXES:
        return ["raster", "pillow", "large_image"]
    return ["pillow", "raster", "large_image"]


def _openslide_vendor(path: Path) -> str | None:
    import openslide

    vendor: str | None = openslide.OpenSlide.detect_format(str(path))
    return vendor


def _look_into_tiff(path: Path, asked: str) -> tuple[bool, bool]:
    """Whether a TIFF is an OME-TIFF, and whether it is a GeoTIFF.

    Raises:
        SceneError: where its pages or their data end beyond the end of the file, or a tile is larger than any is:
            OpenSlide would ask for the memory at once, and end the process where it is not there.
    """
    import tifffile

    size = path.stat().st_size
    try:
        with _quiet("tifffile"), tifffile.TiffFile(path) as file:
            ends = [
                offset + count
                for page in file.pages
                for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
            ]  # fmt: skip
            keys = [page.keyframe for page in file.pages]
            largest = max((int(key.tilewidth) * int(key.tilelength) for key in keys if key is not None), default=0)
            file.filehandle.seek(file.pages.next_page_offset or 0)
            following = file.filehandle.read(file.tiff.offsetsize)  # of the last page that is there: must be none
            whole = bool(ends) and max(ends) <= size and not any(following)
            is_ome, is_geo = bool(file.is_ome), any(tag in file.pages.first.tags for tag in _GEO_TAGS)
    except Exception as error:  # tifffile raises IndexError, struct.error and more on damaged files
        raise _truncated(asked, size, first_line(error, path)) from error
    if not whole:
        raise _truncated(asked, size, "pages or pixels would lie beyond")
    if largest > _MOST_TILE_PX:
        raise _truncated(asked, size, f"a tile of it would have {largest} pixels")
    return is_ome, is_geo


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """Keep a library from logging what is about to be told as an error of ours."""
    log = logging.getLogger(logger)
    log.addFilter(_drop)
    try:
        yield
    finally:
        log.removeFilter(_drop)


def _drop(record: logging.LogRecord) -> bool:
    return False


def _truncated(asked: str, size: int, reason: str) -> SceneError:
    return SceneError(
        asked, f"the TIFF is damaged or cut short at {size} bytes ({(reason.splitlines() or [''])[0][:160]})",
        "a scene file is whole", "Copy the file again and compare its size with the original's",
    )  # fmt: skip


def _refuse_bands(asked: str, bands: tuple[int, ...] | None, value_range: tuple[float, float] | None) -> None:
    if bands is not None or value_range is not None:
        raise SceneError(
            asked, "bands or a range were given, but it is an RGB slide", "bands are for rasters and TIFFs of channels",
            "Leave out --bands and --range",
        )  # fmt: skip


def _unreadable(path: Path, head: bytes, asked: str, reasons: list[str]) -> SceneError:
    is_text = b"\0" not in head and all(byte >= 32 or byte in b"\t\r\n\f" for byte in head)
    kind = f"{path.stat().st_size} bytes of text" if is_text else "nothing that a reader knows"
    return SceneError(
        asked, f"it holds {kind}" + ("" if is_text else f" ({'; '.join(reasons)})"),
        "a scene is a whole slide (SVS and others), a TIFF, OME-TIFF or GeoTIFF, a PNG, JPEG or WebP",
        "Choose an image file; if it is one, it may be damaged: copy it again",
    )  # fmt: skip
