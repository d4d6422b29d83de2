"""What is compared: images found in folders, cut into patches; what cannot be read is skipped, counted and named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ..errors import SceneError, SettingsError, SSLDiffError
from ..geometry import Box
from ..scenes import Scene, open_scene

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".svs", ".ndpi", ".mrxs", ".scn", ".vms", ".bif", ".jp2",
)  # fmt: skip
BLOCK_PATCHES = 8
"""Patches along the side of a block that is read at once."""
MIN_VALID_SHARE = 0.5
"""A patch with fewer pixels inside the image is left out."""


@dataclass(frozen=True)
class ImageFile:
    """An image and its class: the name of its folder where a folder holds a folder for each class, else empty."""

    path: Path
    label: str = ""


@dataclass(frozen=True)
class ImageSet:
    """The images of one side of a comparison.

    Args:
        name: what it was called on the command line.
        files: at least one.
        empty: folders of classes without an image.
    """

    name: str
    files: tuple[ImageFile, ...]
    empty: tuple[str, ...] = ()

    @property
    def labels(self) -> list[str]:
        """Of all files, in their order."""
        return [file.label for file in self.files]


@dataclass(frozen=True)
class Cutting:
    """How images become patches.

    Args:
        patch_px: side of a patch.
        stride_px: between patches; the lattice lies in the middle of the image.
        pixel_size_m: to resample to; None reads the pixels as they are.
        scene_pixel_size_m: of files that do not say their own.
        whole: each image is one patch, squeezed to a square where it is none.
    """

    patch_px: int
    stride_px: int = 0
    pixel_size_m: float | None = None
    scene_pixel_size_m: float | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        if self.patch_px < 1 or self.stride_px < 0:
            raise SettingsError(
                f"cut patches of {self.patch_px} px at a stride of {self.stride_px} px", "these are no sizes", "",
                "For example 128 and 64",
            )  # fmt: skip

    @property
    def step_px(self) -> int:
        """Between patches, resolved."""
        return self.stride_px or self.patch_px


@dataclass
class Skipped:
    """What was left out, as (file, reason), and the number of images smaller than a patch, which were enlarged."""

    files: list[tuple[str, str]] = field(default_factory=list)
    enlarged: int = 0

    def sentences(self, name: str) -> list[str]:
        """For the warnings of a report."""
        found = []
        if self.files:
            named = "; ".join(f"{file} ({reason})" for file, reason in self.files[:5])
            more = f"; and {len(self.files) - 5} more" if len(self.files) > 5 else ""
            found.append(f"{name}: {len(self.files)} files were skipped, for they cannot be read: {named}{more}.")
        if self.enlarged:
            found.append(f"{name}: {self.enlarged} images are smaller than a patch; they were enlarged to it.")
        return found


@dataclass(frozen=True)
class Patches:
    """Patches (n, px, px, 3) uint8 of the image ``index``, with their top-left corners (n, 2) as (row, col)."""

    index: int
    pixels: NDArray[np.uint8]
    corners: NDArray[np.int64]


def find_images(path: Path) -> ImageSet:
    """The images in a folder, in its folders of classes, or one image.

    Raises:
        SceneError: where there is no such path or no image.
    """
    asked = f"compare the images of {path}"
    if path.is_file():
        return ImageSet(str(path), (ImageFile(path),))
    if not path.is_dir():
        raise SceneError(asked, "there is no such file or folder", "", "Check the name")
    here = [ImageFile(file) for file in sorted(path.iterdir()) if _is_image(file)]
    folders = sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    inside = {folder.name: sorted(file for file in folder.rglob("*") if _is_image(file)) for folder in folders}
    files = [*here, *(ImageFile(file, name) for name, found in inside.items() for file in found)]
    if not files:
        raise SceneError(
            asked, "it holds no image", f"images end in {', '.join(SUFFIXES)}", "Name the folder that holds them"
        )
    return ImageSet(str(path), tuple(files), tuple(name for name, found in inside.items() if not found))


def iterate_patches(files: Sequence[ImageFile], cutting: Cutting, skipped: Skipped) -> Iterator[Patches]:
    """All patches, block by block, so that images of any size fit; what cannot be read goes into ``skipped``."""
    for index, file in enumerate(files):
        try:
            with _open(file.path, cutting) as scene:
                yield from _cut(scene, index, cutting, skipped)
        except (SSLDiffError, OSError, ValueError) as error:
            reason = error.found if isinstance(error, SSLDiffError) else str(error)
            skipped.files.append((file.path.name, reason.splitlines()[0][:160] if reason else type(error).__name__))


def gather(files: Sequence[ImageFile], cutting: Cutting, most: int, seed: int = 0) -> NDArray[np.uint8]:
    """At most ``most`` patches (n, px, px, 3) uint8 in memory, of images in a random order.

    Raises:
        SceneError: where there are none.
    """
    order = np.random.default_rng(seed).permutation(len(files))
    parts, count = [], 0
    for part in iterate_patches([files[i] for i in order], cutting, Skipped()):
        parts.append(part.pixels[: most - count])
        count += len(parts[-1])
        if count >= most:
            break
    if not count:
        raise SceneError("gather patches", "no image can be read", "", "Check the files")
    return np.concatenate(parts)


def read_image(path: Path, pixel_size_m: float | None = None, own_m: float | None = None) -> NDArray[np.uint8]:
    """All of an image (h, w, 3) uint8: as it is, or resampled to a pixel size from its own, or from ``own_m``."""
    with open_scene(path, pixel_size_m=own_m if pixel_size_m else 1.0) as scene:
        return scene.read(Box(0, 0, *scene.size_l0), pixel_size_m or 1.0)


def read_patch(file: ImageFile, corner: NDArray[np.int64], cutting: Cutting) -> NDArray[np.uint8]:
    """One patch again, for a picture."""
    with _open(file.path, cutting) as scene:
        height, width = _size(scene, cutting)
        if cutting.whole or min(height, width) < cutting.patch_px:
            return _whole(scene, cutting.patch_px)
        scale = (cutting.pixel_size_m or 1.0) / _own(scene)
        side = cutting.patch_px
        box = Box(float(corner[1]) * scale, float(corner[0]) * scale, side * scale, side * scale)
        return scene.read_region(box, size_px=(side, side)).pixels


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _open(path: Path, cutting: Cutting) -> Scene:
    return open_scene(path, pixel_size_m=cutting.scene_pixel_size_m if cutting.pixel_size_m else 1.0)


def _own(scene: Scene) -> float:
    if scene.pixel_size_m is None:
        raise SceneError(
            f"resample {scene.name}", "its file does not say how large its pixels are", "",
            "Give it with --scene-pixel-size",
        )  # fmt: skip
    return scene.pixel_size_m


def _size(scene: Scene, cutting: Cutting) -> tuple[int, int]:
    """(height, width) at the pixel size asked for."""
    scale = _own(scene) / (cutting.pixel_size_m or 1.0)
    return round(scene.size_l0[1] * scale), round(scene.size_l0[0] * scale)


def _cut(scene: Scene, index: int, cutting: Cutting, skipped: Skipped) -> Iterator[Patches]:
    height, width = _size(scene, cutting)
    side, step = cutting.patch_px, cutting.step_px
    small = min(height, width) < side
    if cutting.whole or small:
        skipped.enlarged += small and not cutting.whole
        yield Patches(index, _whole(scene, side)[None], np.zeros((1, 2), np.int64))
        return
    starts = [_starts(length, side, step) for length in (height, width)]
    for rows in _groups(starts[0]):
        for cols in _groups(starts[1]):
            found = _block(scene, index, cutting, rows, cols)
            if len(found.pixels):
                yield found


def _block(
    scene: Scene, index: int, cutting: Cutting, rows: NDArray[np.int64], cols: NDArray[np.int64]
) -> Patches:  # fmt: skip
    scale = (cutting.pixel_size_m or 1.0) / _own(scene)
    side = cutting.patch_px
    shape = (int(rows[-1] - rows[0]) + side, int(cols[-1] - cols[0]) + side)
    box = Box(float(cols[0]) * scale, float(rows[0]) * scale, shape[1] * scale, shape[0] * scale)
    region = scene.read_region(box, size_px=(shape[1], shape[0]))
    pixels, corners = [], []
    for row in rows:
        for col in cols:
            cut = (slice(row - rows[0], row - rows[0] + side), slice(col - cols[0], col - cols[0] + side))
            if region.valid[cut].mean() >= MIN_VALID_SHARE:
                pixels.append(region.pixels[cut])
                corners.append((row, col))
    stacked = np.stack(pixels) if pixels else np.zeros((0, side, side, 3), np.uint8)
    return Patches(index, stacked, np.array(corners, np.int64).reshape(-1, 2))


def _starts(length: int, side: int, step: int) -> NDArray[np.int64]:
    count = (length - side) // step + 1
    return np.arange(count) * step + (length - side - (count - 1) * step) // 2


def _groups(starts: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [starts[begin : begin + BLOCK_PATCHES] for begin in range(0, len(starts), BLOCK_PATCHES)]


def _whole(scene: Scene, side: int) -> NDArray[np.uint8]:
    pixels = scene.read(Box(0, 0, *scene.size_l0), _own(scene)) if max(scene.size_l0) <= 8192 else scene.thumbnail(8192)
    return np.asarray(Pillow.fromarray(pixels).resize((side, side), Pillow.Resampling.BICUBIC))
