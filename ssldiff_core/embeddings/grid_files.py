"""Grids in files: ``.npz``, ``.h5`` in the layout of TRIDENT, and ``.safetensors``; one function to read, one to write.

What ssldiff writes says everything, and comes back equal. A bare array (``grid`` of shape (rows, cols, dim) in
``.safetensors``, or ``.npy``) says neither encoder nor pixel size: these come from the model that will draw it.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ExportError, GridError
from ..geometry import GridGeometry
from .class_regions import ClassRegions
from .features import Wanted
from .grid import EmbeddingGrid

SUFFIXES = (".npz", ".h5", ".safetensors")

_FACTS = "ssldiff_grid"
"""Attribute or metadata entry with a grid's facts as JSON."""

_REGIONS = "region_"
"""How the names of the arrays of class regions begin."""


def read_grid(path: str | Path, bare: Wanted | None = None) -> EmbeddingGrid:
    """Read a grid.

    Args:
        path: ``.npz``, ``.h5`` or ``.safetensors``.
        bare: what the model wants, for files that hold an array and nothing else; the grid then lies at level-0 (0, 0)
            and has the finest pixel size of the model.

    Raises:
        GridError: where the file is missing, broken, or does not say what is needed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".h5":
        return _read_h5(path)
    if suffix in (".safetensors", ".npy"):
        return _read_arrays(path, bare)
    return EmbeddingGrid.load(path)


def write_grid(grid: EmbeddingGrid, path: str | Path) -> None:
    """Write a grid in the format of the file's suffix, completely or not at all.

    Raises:
        ExportError: where the suffix is none of :data:`SUFFIXES` or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        grid.save(path)
    elif suffix == ".h5":
        _replacing(path, lambda part: _write_h5(grid, part))
    elif suffix == ".safetensors":
        _replacing(path, lambda part: _write_safetensors(grid, part))
    else:
        raise ExportError(f"write {path}", "its name ends otherwise", f"a grid's name ends in {' or '.join(SUFFIXES)}")


def _write_h5(grid: EmbeddingGrid, path: Path) -> None:
    """``features`` and ``coords`` of the valid cells, as TRIDENT has them, and our facts as an attribute."""
    import h5py

    geometry, cells = grid.geometry, np.argwhere(grid.valid)
    corners = np.array(geometry.origin_l0) + cells[:, ::-1] * geometry.cell_l0
    attributes = {
        "patch_size": geometry.cell_px, "patch_size_level0": round(geometry.cell_l0), "overlap": 0,
        "name": str(grid.source.get("name", "grid")),
    }  # fmt: skip
    with h5py.File(path, "w") as file:
        file.create_dataset("features", data=grid.vectors[grid.valid])
        coords = file.create_dataset("coords", data=np.round(corners).astype(np.int64))
        coords.attrs.update(attributes)
        file.attrs[_FACTS] = _facts(grid)
        for name, array in _region_arrays(grid).items():
            file.create_dataset(name, data=array, compression="gzip")


def _write_safetensors(grid: EmbeddingGrid, path: Path) -> None:
    from safetensors.numpy import save_file

    regions = {name: np.array(array) for name, array in _region_arrays(grid).items()}
    arrays = {"grid": np.array(grid.vectors), "valid": np.array(grid.valid), **regions}
    save_file(arrays, path, metadata={_FACTS: _facts(grid)})


def _read_h5(path: Path) -> EmbeddingGrid:
    """A grid that we wrote; others' feature files must be imported, for they leave something open."""
    import h5py

    asked = f"read {path} as an embedding grid"
    if not path.is_file():
        raise GridError(asked, "there is no such file")
    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get(_FACTS)
            features, coords = file["features"][()], file["coords"][()]
            regions = {name: file[name][()] for name in file if name.startswith(_REGIONS)}
    except Exception as error:  # of a damaged file h5py makes other things than arrays, and raises whatever it likes
        raise GridError(asked, f"it is broken or something else: {error}") from error
    if text is None:
        raise GridError(
            asked, "it holds the features of another program", "a grid says its encoder, pixel size and lattice",
            f"Make a grid of it: ssldiff import-features {path} --model ID --scene-pixel-size 0.25um -o grid.npz",
        )  # fmt: skip
    facts = _parsed(asked, str(text))
    geometry = facts["geometry"]
    if features.ndim != 2 or coords.shape != (len(features), 2) or not np.isfinite(coords).all():
        raise GridError(asked, f"it holds arrays of shapes {features.shape} and {coords.shape}", "those of one grid")
    place = (coords - np.array(geometry.origin_l0)) / geometry.cell_l0
    cells = np.round(place).astype(np.int64)[:, ::-1]
    outside = (cells < 0).any() or (cells >= np.array(geometry.shape_cell)).any()
    if outside or np.abs(place - np.round(place)).max(initial=0.0) > 0.5 / min(geometry.cell_l0, 1e9) + 1e-6:
        raise GridError(asked, "a coordinate lies off its lattice", "coordinates are the corners of cells")
    vectors = np.zeros((*geometry.shape_cell, features.shape[1]), dtype=np.float32)
    valid = np.zeros(geometry.shape_cell, dtype=bool)
    vectors[cells[:, 0], cells[:, 1]], valid[cells[:, 0], cells[:, 1]] = features, True
    return EmbeddingGrid(vectors, valid, **facts, regions=_regions(asked, regions))


def _read_arrays(path: Path, bare: Wanted | None) -> EmbeddingGrid:
    asked = f"read {path} as an embedding grid"
    if not path.is_file():
        raise GridError(asked, "there is no such file")
    arrays, text = _load_arrays(path, asked)
    vectors = arrays.get("grid")
    if vectors is None or vectors.ndim != 3 or vectors.dtype.kind != "f":
        raise GridError(
            asked, f"it holds {', '.join(f'{k} {v.shape}' for k, v in sorted(arrays.items())) or 'nothing'}",
            "a grid is an array `grid` of numbers (rows, cols, dim)",
        )  # fmt: skip
    valid = arrays.get("valid", np.ones(vectors.shape[:2], dtype=bool)).astype(bool)
    if text is not None:
        return EmbeddingGrid(vectors, valid, **_parsed(asked, text), regions=_regions(asked, arrays))
    if bare is None:
        raise GridError(
            asked, "it says neither which encoder made it nor its pixel size", "a grid belongs to an encoder",
            "Name the model that it is for with --model, see `ssldiff models`",
        )  # fmt: skip
    size = min(bare.pixel_sizes_m)
    geometry = GridGeometry(vectors.shape[:2], size, cell_px=bare.patch_px, latent_factor=bare.latent_factor)
    return EmbeddingGrid(vectors.astype(np.float32), valid, geometry, bare.encoder_id, source={"name": "grid"})


def _load_arrays(path: Path, asked: str) -> tuple[dict[str, np.ndarray], str | None]:
    """The arrays of a file and the facts of a grid, if it has any."""
    from safetensors import SafetensorError, safe_open

    try:
        if path.suffix.lower() == ".npy":
            return {"grid": np.load(path, allow_pickle=False)}, None
        with safe_open(path, framework="np") as file:
            names = [name for name in file.keys() if name in ("grid", "valid") or name.startswith(_REGIONS)]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in names}, (file.metadata() or {}).get(_FACTS)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise GridError(asked, f"it is broken or something else: {error}") from error


def _facts(grid: EmbeddingGrid) -> str:
    facts = {
        "geometry": asdict(grid.geometry), "encoder_id": grid.encoder_id,
        "preprocessing_digest": grid.preprocessing_digest, "source": dict(grid.source),
    }  # fmt: skip
    return json.dumps(facts, sort_keys=True)


def _parsed(asked: str, text: str) -> dict[str, Any]:
    """The keyword arguments of a grid."""
    try:
        facts: Mapping[str, Any] = json.loads(text)
        return {
            "geometry": GridGeometry(**facts["geometry"]), "encoder_id": str(facts["encoder_id"]),
            "preprocessing_digest": str(facts["preprocessing_digest"]), "source": dict(facts["source"]),
        }  # fmt: skip
    except (ValueError, TypeError, KeyError) as error:
        raise GridError(asked, f"a part is missing or malformed: {error}") from error


def _region_arrays(grid: EmbeddingGrid) -> dict[str, np.ndarray]:
    return {} if grid.regions is None else grid.regions.to_arrays()


def _regions(asked: str, arrays: Mapping[str, np.ndarray]) -> ClassRegions | None:
    try:
        return ClassRegions.from_arrays(arrays)
    except (ValueError, TypeError, KeyError) as error:
        raise GridError(asked, f"a part of its regions is missing or malformed: {error}") from error


def _replacing(path: Path, write: Callable[[Path], None]) -> None:
    """Write to a temporary name in the same folder, then rename."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        write(part)
        os.replace(part, path)
    except OSError as error:
        raise ExportError(
            f"write {path}", f"it failed: {error.strerror or error}", "", "Choose a writable folder with free space"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
