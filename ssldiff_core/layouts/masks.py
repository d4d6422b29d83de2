"""Label masks: images whose pixels are numbers of classes, as PNG or TIFF."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import LayoutError

IGNORED = 255
"""The number of pixels that say nothing, where a mask has others too."""

MAX_CLASSES = 200
MAX_PIXELS = 1 << 30


@dataclass(frozen=True, eq=False)
class LabelMask:
    """A mask.

    Args:
        labels: (height, width) int32: index of a class in ``names``, -1 for none.
        names: the number of each class as text, or the name that the file gives it.
    """

    labels: np.ndarray
    names: tuple[str, ...]


def read_mask(path: str | Path, names: Mapping[int, str] | None = None) -> LabelMask:
    """Read a mask: PNG (grey, indexed, or one colour for each class) or TIFF.

    0 is no class, and so is 255 where a mask written here says so; colours are told by their ``#rrggbb``.

    Args:
        path: of the file.
        names: of numbers; those of the file's own text ``classes``, else the numbers themselves.

    Raises:
        LayoutError: where it cannot be read, is too large or has too many classes to be one.
    """
    path = Path(path)
    asked = f"read the mask {path}"
    values, own = _read(path, asked)
    if values.ndim == 3:
        return _of_colours(values, asked)
    names = {**own, **(names or {})}
    found = [int(v) for v in np.unique(values) if v > 0 and not (v == IGNORED and own)]
    if len(found) > MAX_CLASSES:
        raise LayoutError(
            asked, f"it has {len(found)} classes", f"a mask has up to {MAX_CLASSES}", "Is it a photograph?"
        )
    labels = np.full(values.shape, -1, np.int32)
    for index, value in enumerate(found):
        labels[values == value] = index
    return LabelMask(labels, tuple(names.get(value, str(value)) for value in found))


def _read(path: Path, asked: str) -> tuple[np.ndarray, dict[int, str]]:
    """The pixels, (height, width) of whole numbers or (height, width, 3), and the names that the file gives them."""
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            import tifffile

            values, own = np.squeeze(tifffile.imread(path)), dict[int, str]()
        else:
            from PIL import Image

            with Image.open(path) as image:
                text = json.loads(image.info.get("classes", "{}")) if image.format == "PNG" else {}
                own = {int(key): str(value) for key, value in text.items()}
                plain = image if image.mode in ("P", "L", "1", "I", "I;16") else image.convert("RGB")
                if image.width * image.height > MAX_PIXELS:
                    raise LayoutError(asked, f"it is of {image.width} × {image.height} px")
                values = np.asarray(plain)
    except LayoutError:
        raise
    except FileNotFoundError:
        raise LayoutError(asked, "there is no such file") from None
    except (OSError, ValueError, TypeError, AttributeError, SyntaxError, MemoryError, KeyError) as error:
        raise LayoutError(asked, f"it is no image that can be read ({type(error).__name__})") from None
    values = values[..., :3] if values.ndim == 3 else values
    if values.dtype == bool:
        values = values.astype(np.uint8)
    if values.dtype.kind not in "ui" or values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] != 3):
        raise LayoutError(asked, f"its pixels are {values.dtype} of shape {values.shape}", "labels are whole numbers")
    return values, own


def _of_colours(values: np.ndarray, asked: str) -> LabelMask:
    """One class for each colour; black is none."""
    packed = (values.astype(np.int32) << np.array([16, 8, 0])).sum(axis=2)
    colours, labels = np.unique(packed, return_inverse=True)
    if len(colours) > MAX_CLASSES:
        raise LayoutError(
            asked, f"it has {len(colours)} colours", f"a mask has up to {MAX_CLASSES}", "Is it a picture?"
        )
    labels = labels.reshape(packed.shape).astype(np.int32)
    if colours[0] == 0:
        labels, colours = labels - 1, colours[1:]
    return LabelMask(labels, tuple(f"#{int(colour):06x}" for colour in colours))
