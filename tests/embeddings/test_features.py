"""Features that people have: TRIDENT's and CLAM's files, made here byte for byte as these programs make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssldiff_core.embeddings.feature_files import read_features
from ssldiff_core.embeddings.features import ImportedGrids, Wanted, grids_from_features
from ssldiff_core.embeddings.lattices import find_lattices, merge_lattices
from ssldiff_core.errors import GridError

UNI = Wanted("uni", 8, 256, (0.5e-6,))


def lattice(rows: int, cols: int, step: int, x0: int = 0, y0: int = 0) -> np.ndarray:
    y, x = np.mgrid[:rows, :cols] * step
    return np.stack([x.ravel() + x0, y.ravel() + y0], axis=1).astype(np.int64)


def features_of(coords: np.ndarray, dim: int = 8) -> np.ndarray:
    """Each vector tells where its patch lies."""
    noise = np.random.default_rng(0).normal(size=(len(coords), dim)).astype(np.float32)
    noise[:, :2] = coords / 1024
    return noise


def write_trident(
    path: Path, coords: np.ndarray, *, mag: int = 40, target: int = 20, px: int = 256, **extra: Any
) -> Path:
    """As TRIDENT's extract_patch_features saves: features, coords, and the attributes of its patching."""
    import h5py

    attributes = {
        "patch_size": px, "patch_size_level0": px * mag // target, "level0_magnification": mag,
        "target_magnification": target, "overlap": 0, "name": path.stem, "savetodir": "job/20x_256px_0px_overlap",
    }  # fmt: skip
    with h5py.File(path, "w") as file:
        file.create_dataset("features", data=extra.pop("features", features_of(coords)))
        file["features"].attrs["savetodir"] = f"job/20x_256px_0px_overlap/features_{extra.pop('encoder', 'uni_v1')}"
        file.create_dataset("coords", data=coords).attrs.update(attributes | extra)
        del file["coords"].attrs["savetodir"]
    return path


def write_clam(folder: Path, coords: np.ndarray, *, level: int = 0, downsample: float = 1.0) -> tuple[Path, Path, Path]:
    """As CLAM saves: patches/NAME.h5 with attributes, h5_files/NAME.h5 without, pt_files/NAME.pt of features alone."""
    import h5py
    import torch

    patches, both, alone = folder / "patches.h5", folder / "both.h5", folder / "alone.pt"
    with h5py.File(patches, "w") as file:
        attributes = {"patch_size": 256, "patch_level": level, "downsample": [downsample] * 2, "name": "slide"}
        file.create_dataset("coords", data=coords, maxshape=(None, 2)).attrs.update(attributes)
    with h5py.File(both, "w") as file:
        file["features"], file["coords"] = features_of(coords), coords
    torch.save(torch.from_numpy(features_of(coords)), alone)
    return patches, both, alone


def check_places(found: ImportedGrids, coords: np.ndarray, tolerance_l0: float = 0.5) -> None:
    """Every valid cell holds the vector of the patch whose corner is the cell's."""
    for grid in found.grids:
        for row, col in np.argwhere(grid.valid):
            box = grid.geometry.cells_to_l0(row, col)
            np.testing.assert_allclose(grid.vectors[row, col, :2] * 1024, (box.x, box.y), atol=tolerance_l0)
    assert sum(int(grid.valid.sum()) for grid in found.grids) == len(coords) - found.dropped


def test_tridents_20x_is_what_the_slide_makes_of_it(tmp_path: Path) -> None:
    coords = lattice(3, 4, 512, 1024, 512)
    path = write_trident(tmp_path / "slide.h5", coords)
    found = grids_from_features(read_features(path), UNI, scene_pixel_size_m=0.265e-6)
    (grid,) = found.grids
    assert grid.geometry.pixel_size_m == pytest.approx(0.53e-6)
    assert (grid.geometry.cell_l0, grid.geometry.origin_l0) == (pytest.approx(512), (1024, 512))
    assert any("0.53 µm" in text and "20×" in text for text in found.warnings)
    check_places(found, coords)
    exact = grids_from_features(read_features(path), UNI, scene_pixel_size_m=0.25e-6)
    assert exact.grids[0].geometry.pixel_size_m == pytest.approx(0.5e-6)
    assert exact.warnings == ()


def test_a_cohort_of_two_scanners_comes_to_one_pixel_size(tmp_path: Path) -> None:
    fine = write_trident(tmp_path / "fine.h5", lattice(2, 3, 512), mag=40)
    coarse = write_trident(tmp_path / "coarse.h5", lattice(2, 3, 256), mag=20)
    grids = [
        grids_from_features(read_features(path), UNI, scene_pixel_size_m=size).grids[0]
        for path, size in ((fine, 0.25e-6), (coarse, 0.5e-6))
    ]
    assert [grid.geometry.pixel_size_m for grid in grids] == [pytest.approx(0.5e-6)] * 2
    assert [grid.geometry.cell_l0 for grid in grids] == [pytest.approx(512), pytest.approx(256)]
    assert {grid.shape_cell for grid in grids} == {(2, 3)}


CONTOURS = np.concatenate([lattice(4, 5, 512, 1000, 2000), lattice(3, 3, 512, 9111, 2300)])


def test_clam_with_two_contours_gives_a_grid_for_each(tmp_path: Path) -> None:
    coords = np.delete(CONTOURS, [7, 12], axis=0)  # holes in the tissue
    patches, both, alone = write_clam(tmp_path, coords, level=1, downsample=2.0)
    for features, beside in ((both, patches), (alone, patches)):
        read = read_features(features, beside)
        assert (read.patch_l0, read.patch_px) == (512, 256)
        found = grids_from_features(read, UNI, scene_pixel_size_m=0.25e-6)
        assert [grid.shape_cell for grid in found.grids] == [(4, 5), (3, 3)]
        assert [grid.geometry.origin_l0 for grid in found.grids] == [(1000, 2000), (9111, 2300)]
        assert not found.grids[0].valid[1, 2]
        assert not found.grids[0].valid[2, 2]
        check_places(found, coords)
    without = grids_from_features(read_features(both), UNI, scene_pixel_size_m=0.25e-6)
    assert without.grids == found.grids
    assert "lie 512 level-0 pixels apart" in " ".join(without.warnings)


def test_clams_contours_are_moved_to_one_lattice_within_the_tolerance(tmp_path: Path) -> None:
    _, both, _ = write_clam(tmp_path, CONTOURS)
    read = read_features(both)
    found = grids_from_features(read, UNI, scene_pixel_size_m=0.25e-6, one_lattice=True)
    (grid,) = found.grids
    assert grid.geometry.origin_l0 == (1000, 2000)
    assert found.dropped == 0
    assert found.shift_cells == pytest.approx(1 - 300 / 512)  # along y; along x it is 81 / 512
    check_places(found, CONTOURS, tolerance_l0=found.shift_cells * 512 + 1)
    strict = grids_from_features(read, UNI, scene_pixel_size_m=0.25e-6, one_lattice=True, tolerance_cells=0.1)
    assert (strict.dropped, strict.shift_cells) == (9, 0)
    assert strict.grids[0].shape_cell == (4, 5)


@pytest.mark.parametrize("step", [128, 256])
def test_overlapping_patches_are_thinned_to_neighbours_that_touch(tmp_path: Path, step: int) -> None:
    coords = lattice(9, 9, step)
    path = write_trident(tmp_path / "dense.h5", coords, overlap=256 - step // 2)
    found = grids_from_features(read_features(path), UNI, scene_pixel_size_m=0.25e-6)
    check_places(found, coords)
    (grid,) = found.grids
    assert grid.valid.all()
    assert grid.shape_cell == ({128: 3, 256: 5}[step],) * 2
    assert found.dropped == 81 - grid.valid.size


def test_tridents_overlap_begins_after_the_second_patch() -> None:
    """Its columns lie at 0, p, 2p - o, 3p - 2o …: the first gap is wider than the others."""
    p, overlap = 512, 128
    steps = np.array([col * p - overlap * max(col - 1, 0) for col in range(9)])
    coords = np.array([(x, y) for x in steps for y in steps], dtype=np.float64)
    kept = np.concatenate([coords[found.index] for found in find_lattices(coords, p)])
    gaps = np.abs(kept[:, None] - kept[None])
    shared = np.prod(np.maximum(0, p - gaps) / p, axis=2)[~np.eye(len(kept), dtype=bool)]
    assert shared.max() < 0.25
    assert len(kept) >= 30  # 36 would fill the square


def test_rounded_positions_are_one_lattice() -> None:
    pitch = 362.04
    coords = np.round(lattice(20, 20, 1) * pitch)
    (found,) = find_lattices(coords, pitch)
    assert len(found.index) == 400
    assert found.shift_cells < 0.01


def test_of_two_patches_in_one_cell_the_nearer_stays() -> None:
    coords = np.array([[0, 0], [100, 0], [100, 100], [190, 0], [110, 100]], dtype=np.float64)
    found = merge_lattices(coords, 100, 0.5)
    assert sorted(found.index) == [0, 1, 2, 3]
    assert found.shift_cells == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"encoder": "uni_v2"}, "of uni2-h.*adapt"),
        ({"features": np.ones((12, 9), np.float32)}, "9 numbers"),
        ({"px": 512, "target": 40}, "512 × 512 px"),
        ({"mag": 40, "target": 10}, "trained from 0.5 µm"),
        ({"patch_size_level0": 100}, "512 apart"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(tmp_path: Path, facts: dict[str, Any], told: str) -> None:
    step = 1024 if facts.get("target") == 10 else 512
    path = write_trident(tmp_path / "slide.h5", lattice(3, 4, step), **facts)
    with pytest.raises(GridError, match=told):
        grids_from_features(read_features(path), UNI, scene_pixel_size_m=0.25e-6)


def test_positions_on_no_lattice_are_refused() -> None:
    coords = np.random.default_rng(0).uniform(0, 1e5, (2000, 2))
    with pytest.raises(GridError, match="different offsets"):
        find_lattices(coords, 512)


def test_features_that_are_not_finite_name_their_patch(tmp_path: Path) -> None:
    coords = lattice(3, 4, 512)
    for value in (np.nan, np.inf):
        features = features_of(coords)
        features[5, 3] = value
        path = write_trident(tmp_path / "slide.h5", coords, features=features)
        with pytest.raises(GridError, match=r"1 of 12 are not finite.*512,512"):
            read_features(path)


def test_files_that_lack_something_or_are_broken_are_told(tmp_path: Path) -> None:
    import torch

    coords = lattice(2, 2, 512)
    np.save(tmp_path / "features.npy", features_of(coords))
    np.save(tmp_path / "coords.npy", coords)
    np.save(tmp_path / "short.npy", coords[:3])
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(40))
    torch.save({"features": torch.ones(4, 8), "do": Path("x")}, tmp_path / "evil.pt")
    assert read_features(tmp_path / "features.npy", tmp_path / "coords.npy").coords_l0.shape == (4, 2)
    for names, told in (
        (("features.npy",), "--coords"), (("features.npy", "short.npy"), "4 features"), (("broken.h5",), "broken"),
        (("none.h5",), "no such file"), (("evil.pt",), "more than numbers"), (("features.csv",), "no such file"),
    ):  # fmt: skip
        with pytest.raises(GridError, match=told):
            read_features(*(tmp_path / name for name in names))
