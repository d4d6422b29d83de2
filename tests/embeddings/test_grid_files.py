"""Grids in files: whatever the format, what was written comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.embeddings.features import Wanted
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.embeddings.grid_files import SUFFIXES, read_grid, write_grid
from ssldiff_core.errors import ExportError, GridError
from ssldiff_core.geometry import GridGeometry
from tests.conftest import TREE

GOLDEN = TREE.parent / "shared" / "golden" / "lrdm_patch" / "expected_2x2.safetensors"
WANTED = Wanted("tiny-1", 24, 256, (1e-6, 5e-7), 4)


@pytest.fixture
def grid() -> EmbeddingGrid:
    rng = np.random.default_rng(0)
    geometry = GridGeometry((3, 5), 0.53e-6, (1000.5, 2000.25), 0.265e-6, 256, 4)
    source = {"name": "slide.svs", "attribution": "nobody"}
    return EmbeddingGrid(
        rng.normal(size=(3, 5, 7)).astype(np.float32), rng.random((3, 5)) < 0.6, geometry, "tiny-1", "abc", source
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_written_comes_back_equal(grid: EmbeddingGrid, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"grid{suffix}"
    write_grid(grid, path)
    again = read_grid(path)
    assert again == grid
    assert again.source == grid.source
    assert list(tmp_path.iterdir()) == [path]
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(GridError):
        read_grid(path)


def test_other_programs_read_the_h5_as_tridents(grid: EmbeddingGrid, tmp_path: Path) -> None:
    import h5py

    from ssldiff_core.embeddings.feature_files import read_features

    write_grid(grid, tmp_path / "grid.h5")
    with h5py.File(tmp_path / "grid.h5") as file:
        assert file["features"].shape == (grid.valid.sum(), 7)
        assert file["coords"].attrs["patch_size_level0"] == 512
    read = read_features(tmp_path / "grid.h5")
    assert (read.patch_l0, read.patch_px, read.name) == (512, 256, "slide.svs")
    row, col = np.argwhere(grid.valid)[3]
    np.testing.assert_array_equal(read.vectors[3], grid.vectors[row, col])
    np.testing.assert_allclose(read.coords_l0[3], (1000.5 + col * 512, 2000.25 + row * 512), atol=1)


def test_a_bare_array_takes_its_facts_from_the_model(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    vectors = np.random.default_rng(0).normal(size=(2, 3, 24)).astype(np.float32)
    save_file({"grid": vectors, "latent": np.zeros(3, np.float32)}, tmp_path / "bare.safetensors")
    np.save(tmp_path / "bare.npy", vectors)
    for name in ("bare.safetensors", "bare.npy"):
        grid = read_grid(tmp_path / name, WANTED)
        np.testing.assert_array_equal(grid.vectors, vectors)
        assert (grid.encoder_id, grid.geometry.cell_px, grid.geometry.cell_lat) == ("tiny-1", 256, 64)
        assert grid.geometry.pixel_size_m == 5e-7
        with pytest.raises(GridError, match="--model"):
            read_grid(tmp_path / name)


@pytest.mark.skipif(not GOLDEN.is_file(), reason="../shared is not here")
def test_the_golden_grid_of_the_authors_sampler_is_read() -> None:
    assert read_grid(GOLDEN, WANTED).vectors.shape == (2, 2, 24)


def test_files_that_are_no_grid_are_told(tmp_path: Path, grid: EmbeddingGrid) -> None:
    import h5py
    from safetensors.numpy import save_file

    save_file({"latent": np.zeros((1, 3, 4), np.float32)}, tmp_path / "latent.safetensors")
    with h5py.File(tmp_path / "features.h5", "w") as file:
        file["features"], file["coords"] = np.ones((2, 3), np.float32), np.zeros((2, 2), np.int64)
    write_grid(grid, tmp_path / "moved.h5")
    with h5py.File(tmp_path / "moved.h5", "r+") as file:
        file["coords"][0] = (1300, 2000)
    for name, told in (
        ("latent.safetensors", "an array `grid`"), ("features.h5", "import-features"), ("moved.h5", "off its lattice"),
        ("none.h5", "no such file"), ("none.safetensors", "no such file"),
    ):  # fmt: skip
        with pytest.raises(GridError, match=told):
            read_grid(tmp_path / name, WANTED)
    with pytest.raises(ExportError, match=r"\.npz or \.h5"):
        write_grid(grid, tmp_path / "grid.csv")
