"""Laws of the embedding grid and its file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.embeddings.archive import write_archive
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import ExportError, GridError
from ssldiff_core.geometry import GridGeometry


def make_grid(rows: int = 3, cols: int = 4, dim: int = 5) -> EmbeddingGrid:
    vectors = np.random.default_rng(0).normal(size=(rows, cols, dim)).astype(np.float32)
    valid = np.ones((rows, cols), dtype=bool)
    valid[1, 2] = False
    geometry = GridGeometry((rows, cols), 5e-7, (10.5, 20.0), 2.5e-7)
    return EmbeddingGrid(vectors, valid, geometry, "tissue-1", "abc", {"name": "slide.svs"})


def test_a_grid_survives_its_file(tmp_path: Path) -> None:
    grid = make_grid()
    grid.save(tmp_path / "g.npz")
    again = EmbeddingGrid.load(tmp_path / "g.npz")
    assert again == grid
    assert again.digest == grid.digest
    assert again.source == grid.source
    assert again.geometry == grid.geometry


def test_equal_grids_are_equal_bytes_on_disk(tmp_path: Path) -> None:
    make_grid().save(tmp_path / "a.npz")
    make_grid().save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_what_an_invalid_cell_was_given_changes_nothing() -> None:
    grid = make_grid()
    vectors = grid.vectors.copy()
    vectors[1, 2] = np.nan
    assert grid.with_vectors(vectors) == grid


def test_every_part_but_the_source_is_in_the_digest() -> None:
    grid = make_grid()
    others = [
        replace(grid, vectors=grid.vectors * 2),
        replace(grid, valid=~grid.valid),
        replace(grid, geometry=replace(grid.geometry, pixel_size_m=6e-7)),
        replace(grid, encoder_id="x"),
        replace(grid, preprocessing_digest="y"),
    ]
    assert len({grid.digest, *(other.digest for other in others)}) == 6
    assert replace(grid, source={}) == grid


def test_a_value_that_is_not_finite_names_its_cell() -> None:
    for value in (np.nan, np.inf):
        vectors = make_grid().vectors.copy()
        vectors[2, 1, 3] = value
        with pytest.raises(GridError, match="row 2, col 1"):
            make_grid().with_vectors(vectors)


def test_vectors_so_long_that_their_sum_overflows_are_finite_all_the_same() -> None:
    make_grid().with_vectors(np.full((3, 4, 5), 3e38, dtype=np.float32))


@pytest.mark.parametrize(
    "broken",
    [
        {"vectors": np.zeros((3, 4, 5), np.int32)},
        {"vectors": np.zeros((4, 3, 5), np.float32)},
        {"vectors": np.zeros((3, 4), np.float32)},
        {"valid": np.ones((3, 4), np.uint8)},
        {"valid": np.ones((3, 5), bool)},
        {"encoder_id": ""},
    ],
)
def test_a_malformed_part_is_a_grid_error(broken: dict[str, object]) -> None:
    with pytest.raises(GridError):
        replace(make_grid(), **broken)  # type: ignore[arg-type]


def test_arrays_inside_are_read_only_and_its_own() -> None:
    vectors = np.ones((3, 4, 5), dtype=np.float32)
    grid = make_grid().with_vectors(vectors)
    vectors[:] = 7
    assert grid.vectors.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        grid.vectors[0, 0, 0] = 1


def test_a_broken_foreign_or_missing_file_is_a_grid_error(tmp_path: Path) -> None:
    path = tmp_path / "g.npz"
    make_grid().save(path)
    whole = path.read_bytes()
    cases = [b"", b"text", whole[: len(whole) // 2], whole[:-5], whole[:300] + b"\0" * 50 + whole[350:]]
    for content in cases:
        path.write_bytes(content)
        with pytest.raises(GridError):
            EmbeddingGrid.load(path)
    np.savez(path, features=np.zeros(3))
    with pytest.raises(GridError):
        EmbeddingGrid.load(path)
    np.savez(path, header=np.array([{"a": 1}], dtype=object))  # a pickle is never opened
    with pytest.raises(GridError):
        EmbeddingGrid.load(path)
    for missing in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(GridError):
            EmbeddingGrid.load(missing)


def test_another_kind_a_later_version_and_a_missing_part_are_told(tmp_path: Path) -> None:
    path = tmp_path / "g.npz"
    for kind, version, match in (
        ("ssldiff palette", 1, "palette"),
        ("ssldiff embedding grid", 9, "Update"),
        ("ssldiff embedding grid", 1, "missing"),
    ):
        write_archive(path, kind, version, {}, {})
        with pytest.raises(GridError, match=match):
            EmbeddingGrid.load(path)


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "g.npz"
    make_grid().save(path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match="No space"):
        make_grid(4, 4).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["g.npz"]
    with pytest.raises(ExportError):
        make_grid().save(tmp_path / "no folder" / "g.npz")
