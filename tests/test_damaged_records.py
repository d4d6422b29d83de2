"""Manifests, grids, palettes and edits from anywhere: they are what they say, or are refused in words."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssldiff_core.embeddings.adapter import Adapter
from ssldiff_core.embeddings.feature_files import read_features
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.embeddings.grid_files import read_grid, write_grid
from ssldiff_core.errors import SSLDiffError
from ssldiff_core.export import write_image
from ssldiff_core.export.inspecting import inspect_file
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.layouts import Palette, palette_from_grid
from ssldiff_core.layouts.edits import edit_from_json
from ssldiff_core.provenance import Manifest
from tests.fuzzing import CHANGES, damage, fuzzed

FUZZED = fuzzed(150)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def make_grid() -> EmbeddingGrid:
    vectors = np.random.default_rng(0).normal(size=(4, 5, 8)).astype(np.float32)
    return EmbeddingGrid(vectors, np.ones((4, 5), bool), GridGeometry((4, 5), 5e-7), "tiny-1")


GRID = make_grid()
MANIFEST = json.loads(Manifest(GRID, "tiny", "0" * 64, {"seed": 1, "steps": 4}).to_json())


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every part of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(way for key, part in inner for way in places(part, (*path, key)))]


@FUZZED
@given(data=st.data())
def test_a_manifest_with_any_part_replaced_is_read_or_refused(data: st.DataObject) -> None:
    record = json.loads(json.dumps(MANIFEST))
    way = data.draw(st.sampled_from(places(MANIFEST)))
    part = record
    for key in way[:-1]:
        part = part[key]
    if data.draw(st.booleans()):
        part[way[-1]] = data.draw(JSON)
    elif isinstance(part, dict):
        del part[way[-1]]
    with contextlib.suppress(SSLDiffError):
        assert Manifest.from_json(json.dumps(record)).synthetic is True


@FUZZED
@given(text=st.text(max_size=300) | JSON.map(json.dumps))
def test_a_text_that_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(SSLDiffError):
        Manifest.from_json(text)


@FUZZED
@given(body=JSON)
def test_json_that_is_no_edit_is_refused(body: Any) -> None:
    with contextlib.suppress(SSLDiffError):
        edit_from_json(body)


@FUZZED
@given(changes=CHANGES, cut=st.booleans(), which=st.sampled_from(["grid", "palette"]))
def test_a_damaged_file_of_arrays_is_read_or_refused(
    tmp_path: Path, changes: list[tuple[int, int]], cut: bool, which: str
) -> None:
    path = tmp_path / f"{which}.npz"
    (GRID if which == "grid" else palette_from_grid(GRID, n_swatches=3)[0]).save(path)
    path.write_bytes(damage(path.read_bytes(), changes, cut))
    with contextlib.suppress(SSLDiffError):
        (EmbeddingGrid if which == "grid" else Palette).load(path)


def foreign_files(folder: Path) -> dict[str, bytes]:
    """A file of each kind that comes from elsewhere: grids, features of other programs, adapters, marked images."""
    import h5py
    import torch

    features, coords = np.ones((6, 8), np.float32), np.arange(12).reshape(6, 2) * 256
    for suffix in (".h5", ".safetensors"):
        write_grid(GRID, folder / f"grid{suffix}")
    with h5py.File(folder / "features.h5", "w") as file:
        file["features"], file["coords"] = features, coords
        file["coords"].attrs.update(patch_size=256, patch_size_level0=256, name="slide")
    torch.save({"features": torch.ones(6, 8), "coords": torch.from_numpy(coords)}, folder / "features.pt")
    np.save(folder / "features.npy", coords.astype(np.float32))  # these serve as features and as coordinates
    adapter = Adapter("a", "tiny-1", np.eye(8), *np.zeros((2, 8)), True, 6e-5, 128, 8, 0.9, 0.1, (9, 3))
    adapter.save(folder / "adapter.npz")
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    for suffix in (".png", ".tif", ".ome.tif", ".dzi.zip"):
        write_image(folder / f"marked{suffix}", pixels, Manifest.from_json(json.dumps(MANIFEST)), pixel_size_m=5e-7)
    return {path.name: path.read_bytes() for path in folder.iterdir() if "manifest" not in path.name}


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return foreign_files(tmp_path_factory.mktemp("foreign"))


def read_foreign(path: Path) -> object:
    """What the file's own reader makes of it."""
    if path.name.startswith("marked"):
        return inspect_file(path)
    if path.name.startswith("adapter"):
        return Adapter.load(path)
    if path.name.startswith("features"):
        return read_features(path, path if path.suffix == ".npy" else None)
    return read_grid(path)


NAMES = (
    "grid.h5", "grid.safetensors", "features.h5", "features.pt", "features.npy", "adapter.npz", "marked.png",
    "marked.tif", "marked.ome.tif", "marked.dzi.zip",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_files_that_are_damaged_below_are_read_whole(tmp_path: Path, foreign: dict[str, bytes], name: str) -> None:
    (tmp_path / name).write_bytes(foreign[name])
    assert read_foreign(tmp_path / name) is not None


@pytest.mark.parametrize("name", NAMES)
@fuzzed(60)
@given(changes=CHANGES, cut=st.booleans(), near=st.booleans())
def test_a_damaged_file_from_elsewhere_is_read_or_refused(
    tmp_path: Path, foreign: dict[str, bytes], name: str, changes: list[tuple[int, int]], cut: bool, near: bool
) -> None:
    path = tmp_path / name
    path.write_bytes(damage(foreign[name], changes, cut, 600 if near else None))
    with contextlib.suppress(SSLDiffError):
        read_foreign(path)
