"""Laws of windows: what they cover, how often, and what each is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssldiff_core.diffusion.field import ConditioningField
from ssldiff_core.diffusion.windows import Windows, centre_weights, disjoint_spans
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.geometry import GridGeometry


@pytest.mark.parametrize("length", [64, 65, 72, 96, 100, 128, 130, 200, 256, 1000])
@pytest.mark.parametrize("offset", range(0, 64, 8))
def test_disjoint_spans_cover_a_side_once_in_parts_of_half_a_window_or_more(length, offset):
    spans = disjoint_spans(length, 64, offset)
    assert [start for start, _ in spans] == np.cumsum([0, *(part for _, part in spans[:-1])]).tolist()
    assert sum(part for _, part in spans) == length
    assert all(32 <= part <= 64 for _, part in spans)
    assert all(start % 8 == 0 for start, _ in spans)


def test_an_offset_moves_the_cuts():
    cuts = {start for offset in range(0, 64, 8) for start, _ in disjoint_spans(256, 64, offset)}
    assert cuts >= set(range(64, 200, 8))


@pytest.mark.parametrize("shape", [(20, 90), (32, 32), (33, 70), (16, 16)])
@pytest.mark.parametrize("stride", [8, 13, 32])
def test_covering_windows_reach_every_position_of_any_canvas(shape, stride):
    covered = torch.zeros(shape)
    for _, places in Windows.covering(shape, 32, stride).batches(3):
        for rows, cols in places:
            covered[rows, cols] += 1
            assert covered[rows, cols].shape == (min(32, shape[0]), min(32, shape[1]))
    assert covered.min() >= 1


def test_batches_hold_every_window_once_and_one_shape_each():
    windows = Windows.disjoint((100, 130), 32, (8, 20))
    seen = []
    for indices, places in windows.batches(4):
        assert len({(r.stop - r.start, c.stop - c.start) for r, c in places}) == 1
        assert len(places) <= 4
        assert all(windows.places[index] == place for index, place in zip(indices, places, strict=True))
        seen += indices
    assert sorted(seen) == list(range(len(windows.places)))


def test_centre_weights_at_half_a_window_add_up_to_one():
    weights = centre_weights(32)
    assert torch.allclose(weights[:16] + weights[16:], torch.ones(16))


def number_cells(rows, cols):
    vectors = np.arange(rows * cols, dtype=np.float32).reshape(rows, cols, 1)
    valid = np.ones((rows, cols), bool)
    valid[0, 0] = False
    return ConditioningField(EmbeddingGrid(vectors, valid, GridGeometry((rows, cols), 1e-6), "numbers"))


def test_a_window_of_several_cells_is_told_the_raw_cells_under_it_in_row_order():
    vectors, valid = Windows.covering((64, 96), 64, 32).conditions(number_cells(4, 6), 4)
    assert vectors.shape == (2, 16, 1)
    assert vectors[0, :, 0].tolist() == [0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21]
    assert vectors[1, :2, 0].tolist() == [2, 3]
    assert valid.sum(1).tolist() == [15, 16]


def test_a_window_between_cells_is_told_those_that_most_of_it_lies_in():
    vectors, _ = Windows(((4, 64),), ((28, 64),)).conditions(number_cells(6, 8), 4)
    assert vectors[0, :5, 0].tolist() == [2, 3, 4, 5, 10]
