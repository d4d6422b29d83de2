"""An adapter predicts what can be predicted, and its cosine is measured on cells it has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.embeddings.adapter import Adapter, fit_adapter
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import GridError
from ssldiff_core.geometry import GridGeometry

RNG = np.random.default_rng(0)
SOURCE = RNG.normal(size=(24, 24, 40)) + 0.5
MAP = RNG.normal(size=(40, 12))


def grid(vectors: np.ndarray, encoder: str, *, px: int = 128, size: float = 1e-6, **facts: object) -> EmbeddingGrid:
    rows, cols = vectors.shape[:2]
    geometry = GridGeometry((rows, cols), size, (100.0, 50.0), 0.25e-6, px)
    valid = np.asarray(facts.get("valid", np.ones((rows, cols), bool)))
    return EmbeddingGrid(vectors.astype(np.float32), valid, geometry, encoder)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_a_linear_relation_is_found_and_predicts_cells_it_has_not_seen(tmp_path: Path) -> None:
    source, target = grid(SOURCE, "a", px=256, size=0.5e-6), grid(SOURCE @ MAP + 3, "b")
    adapter = fit_adapter(source, target)
    assert adapter.held_out_cosine > 0.999
    assert adapter.baseline_cosine < 0.8
    assert sum(adapter.cells) == 576
    adapter.save(tmp_path / "adapter.npz")
    again = Adapter.load(tmp_path / "adapter.npz")
    assert again.cells == adapter.cells
    adapted = again.apply(source)
    np.testing.assert_allclose(adapted.vectors, target.vectors, atol=0.1)
    assert adapted.encoder_id == "b"
    assert adapted.geometry == target.geometry
    assert adapted.source["adapted_from"] == "a"


def test_where_there_is_no_relation_the_cosine_says_so() -> None:
    source, target = grid(SOURCE, "a"), grid(unit(RNG.normal(size=(24, 24, 12))), "b")
    wide = grid(RNG.normal(size=(24, 24, 900)), "a")  # more numbers than cells: it could learn every cell by heart
    for one in (source, wide):
        adapter = fit_adapter(one, target)
        assert abs(adapter.held_out_cosine) < 0.15
        assert adapter.unit


def test_neighbours_of_held_out_cells_are_held_out_too() -> None:
    """Vectors that are alike within a block and unlike across blocks cannot be predicted by remembering neighbours."""
    names = np.arange(24) // 4
    block = names[:, None] * 6 + names[None]
    codes = RNG.normal(size=(36, 64))
    source = grid(codes[block] + 0.01 * RNG.normal(size=(24, 24, 64)), "a")
    target = grid(RNG.normal(size=(36, 12))[block], "b")
    assert fit_adapter(source, target).held_out_cosine < 0.4


def test_holes_stay_holes_and_are_not_fitted_on() -> None:
    valid = RNG.random((24, 24)) < 0.8
    source, target = grid(SOURCE, "a", valid=valid), grid(unit(SOURCE @ MAP), "b")
    adapter = fit_adapter(source, target)
    assert sum(adapter.cells) == valid.sum()
    adapted = adapter.apply(source)
    np.testing.assert_array_equal(adapted.valid, valid)
    np.testing.assert_allclose(np.linalg.norm(adapted.vectors[valid], axis=1), 1, atol=1e-5)


def test_what_does_not_belong_together_is_refused() -> None:
    source, target = grid(SOURCE, "a"), grid(SOURCE @ MAP, "b")
    adapter = fit_adapter(source, target)
    for wrong, told in (
        (grid(SOURCE, "c"), "of c"),
        (grid(SOURCE[..., :30], "a"), "30 numbers"),
        (grid(SOURCE, "a", size=2e-6), "256 µm|0.256 mm"),
    ):
        with pytest.raises(GridError, match=told):
            adapter.apply(wrong)
    for pair, told in (
        ((source, grid(SOURCE[:20] @ MAP, "b")), "same cells"),
        ((grid(SOURCE[:4, :4], "a"), grid(SOURCE[:4, :4] @ MAP, "b")), "larger region"),
    ):
        with pytest.raises(GridError, match=told):
            fit_adapter(*pair)
