"""Feature files of other programs: TRIDENT's and CLAM's ``.h5``, ``.pt`` and ``.npy``, read as they are.

An ``.h5`` holds ``features`` (n, dim) and ``coords`` (n, 2), top-left corners (x, y) in level-0 pixels. Attributes of
``coords`` say how large a patch is: TRIDENT's ``patch_size`` (px, as the encoder saw it) and ``patch_size_level0``;
CLAM's ``patch_size`` at ``patch_level`` with its ``downsample``, which stand in its patch files and not in its feature
files. A ``.pt`` or ``.npy`` holds features alone, and coordinates come from a second file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import GridError

TRIDENT_NAMES = {
    "uni_v1": "uni", "uni_v2": "uni2-h", "hoptimus0": "h-optimus-0", "gigapath": "prov-gigapath", "phikon": "phikon",
    "virchow2": "virchow2", "ctranspath": "ctranspath",
}  # fmt: skip
"""TRIDENT's name of an encoder -> its id here."""

_SUFFIXES = (".h5", ".hdf5", ".pt", ".pth", ".npy")


@dataclass(frozen=True, eq=False)
class FeatureFile:
    """What a feature file says; None for what it does not say.

    Args:
        vectors: (n, dim) float32, finite.
        coords_l0: (n, 2) float64 of top-left corners (x, y).
        patch_l0: side of a patch in level-0 pixels.
        patch_px: side of a patch in pixels as the encoder was given it.
        magnification: (of level 0, of the patches) where the program worked with such.
        encoder: name of the encoder as the program has it.
        name: of the scene.
    """

    vectors: np.ndarray = field(repr=False)
    coords_l0: np.ndarray = field(repr=False)
    patch_l0: float | None = None
    patch_px: int | None = None
    magnification: tuple[float, float] | None = None
    encoder: str | None = None
    name: str = ""


def read_features(path: str | Path, coords: str | Path | None = None) -> FeatureFile:
    """Read a feature file of another program.

    Args:
        path: ``.h5``, ``.pt`` or ``.npy`` with features.
        coords: file with the coordinates (``.h5``, ``.pt`` or ``.npy``) where they lie apart; its attributes count too.

    Raises:
        GridError: where a file is missing or broken, features or coordinates are not there, are not finite or do not
            belong to each other.
    """
    path = Path(path)
    found = _read(path)
    if coords is not None:
        beside = _read(Path(coords))
        attributes = {**beside.get("attributes", {}), **found.get("attributes", {})}
        found |= {"coords": beside.get("coords", beside.get("features")), "attributes": attributes}
    asked = f"read the features in {path}"
    if found.get("features") is None:
        raise GridError(asked, f"it holds {', '.join(sorted(found)) or 'nothing'}", "features are called `features`")
    if found.get("coords") is None:
        raise GridError(
            asked, "it does not say where its patches lie", "each feature has an x and a y in level-0 pixels",
            "Give the file with the coordinates, for CLAM patches/NAME.h5, with --coords",
        )  # fmt: skip
    vectors, places = _array(found["features"]), _array(found["coords"])
    _check(asked, vectors, places)
    facts = _facts(found.get("attributes", {}))
    name = facts.name or path.stem
    with np.errstate(over="ignore"):
        narrow = vectors.astype(np.float32)
    return replace(facts, vectors=narrow, coords_l0=places.astype(np.float64), name=name)


def _check(asked: str, vectors: np.ndarray, coords: np.ndarray) -> None:
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or not vectors.size:
        raise GridError(asked, f"they are {vectors.dtype} of shape {vectors.shape}", "features are numbers (n, dim)")
    if coords.shape != (len(vectors), 2) or coords.dtype.kind not in "fiu":
        raise GridError(
            asked, f"there are {len(vectors)} features and coordinates of shape {coords.shape}",
            "each feature has an x and a y", "Take both files from the same run",
        )  # fmt: skip
    with np.errstate(over="ignore"):
        bad = np.flatnonzero(~np.isfinite(vectors.astype(np.float32)).all(axis=1))
    if len(bad):
        x, y = coords[bad[0]]
        raise GridError(
            asked, f"{len(bad)} of {len(vectors)} are not finite, the first is that of the patch at {x:g},{y:g}",
            "features are finite numbers", "Extract them again, in float32 where half precision overflowed",
        )  # fmt: skip
    if not np.isfinite(coords).all():
        raise GridError(asked, "a coordinate is not finite", "coordinates are pixels of level 0")


def _facts(attributes: Mapping[str, Any]) -> FeatureFile:
    """Patch sizes and names from the attributes of TRIDENT or CLAM."""

    def number(key: str) -> float | None:
        try:
            value = float(np.ravel(attributes[key])[0])
        except (KeyError, ValueError, TypeError, IndexError):
            return None
        return value if np.isfinite(value) and value > 0 else None

    patch, patch_l0 = number("patch_size"), number("patch_size_level0")
    if patch is not None and patch_l0 is None and (downsample := number("downsample")) is not None:
        patch_l0 = patch * downsample  # CLAM: the patch was cut from a level of the pyramid
    pair = number("level0_magnification"), number("target_magnification")
    folder = str(attributes.get("savetodir", ""))
    encoder = re.search(r"features_([\w.-]+?)(?:[/\\]|$)", folder)
    return FeatureFile(
        np.zeros((0, 1), np.float32), np.zeros((0, 2)), patch_l0, None if patch is None else round(patch),
        (pair[0], pair[1]) if pair[0] and pair[1] else None, encoder[1] if encoder else None,
        str(attributes.get("name", "")),
    )  # fmt: skip


def _read(path: Path) -> dict[str, Any]:
    """``features``, ``coords`` and ``attributes``, as far as the file has them."""
    asked = f"read the features in {path}"
    if not path.is_file():
        raise GridError(asked, "there is no such file")
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise GridError(asked, f"its name ends in {suffix!r}", f"feature files end in {', '.join(_SUFFIXES)}")
    try:
        if suffix in (".h5", ".hdf5"):
            return _read_h5(path)
        if suffix == ".npy":
            return {"features": np.load(path, allow_pickle=False)}
        return _read_torch(path)
    except Exception as error:  # h5py, torch, pickle and numpy each have their own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise GridError(asked, f"it is broken, or holds more than numbers: {reason[:200]}") from error


def _read_h5(path: Path) -> dict[str, Any]:
    import h5py

    with h5py.File(path, "r") as file:
        found: dict[str, Any] = {}
        for key, names in (("features", ("features", "feats")), ("coords", ("coords", "coordinates"))):
            here = next((name for name in names if isinstance(file.get(name), h5py.Dataset)), None)
            if here is not None:
                found[key] = file[here][()]
        owners = [file, *(file[name] for name in ("features", "coords") if name in file)]
        found["attributes"] = {key: _plain(value) for owner in owners for key, value in owner.attrs.items()}
    return found


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _read_torch(path: Path) -> dict[str, Any]:
    import torch

    content = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(content, Mapping):
        found = {str(name): value for name, value in content.items()}
        found["features"] = found.get("features", found.get("feats"))
        rest = {name: value for name, value in found.items() if name not in ("features", "coords")}
        return {"features": found["features"], "coords": found.get("coords"), "attributes": rest}
    return {"features": content}


def _array(value: Any) -> np.ndarray:
    """A tensor or array as an array, without a leading axis of one."""
    array = value.float().numpy() if hasattr(value, "numpy") and value.dtype.is_floating_point else np.asarray(value)
    return array[0] if array.ndim == 3 and len(array) == 1 else array
