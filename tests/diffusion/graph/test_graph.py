"""Laws of the tile graph: the order of asking changes nothing, nor does forgetting; a region costs its cone."""

from __future__ import annotations

import pytest
import torch

from ssldiff_core.diffusion.engines import DenseEngine
from ssldiff_core.diffusion.field import ConditioningField
from ssldiff_core.diffusion.graph import Block, Lattice, MemoryStore, TileGraph
from ssldiff_core.diffusion.graph.drawing import Drawing
from ssldiff_core.diffusion.noise import PositionNoise
from ssldiff_core.diffusion.schedule import get_solver, noise_levels
from ssldiff_core.errors import SettingsError


@pytest.fixture
def drawing(denoiser, grid):
    return Drawing(denoiser, ConditioningField(grid), PositionNoise(5), get_solver("dpm++"), noise_levels(4))


def graph_of(drawing, steps_per_level=2, budget=None):
    return TileGraph(drawing, MemoryStore(budget), 16, steps_per_level, shift_lat=12, start_lat=6)


@pytest.mark.parametrize("steps_per_level", [1, 2, 3])
def test_the_lazy_canvas_is_that_of_the_engine(drawing, steps_per_level):
    d = drawing
    *_, last = DenseEngine(512).run(d.denoiser, d.field, d.noise, d.solver, d.levels)
    graph = graph_of(drawing, steps_per_level)
    assert (graph.read(graph.levels, d.canvas) - last.latents).abs().max() <= 1e-4


def test_the_order_of_asking_never_changes_a_bit(drawing):
    blocks = [Block(3, 5, 20, 11), Block(30, 60, 10, 20), Block(0, 0, 48, 80), Block(17, 33, 5, 5)]
    forth, back = graph_of(drawing), graph_of(drawing)
    one = [forth.read(2, block) for block in blocks]
    other = [back.read(2, block) for block in reversed(blocks)]
    assert all(torch.equal(a, b) for a, b in zip(one, reversed(other), strict=True))


def test_what_was_forgotten_comes_back_the_same(drawing):
    poor, rich = graph_of(drawing, budget=20_000), graph_of(drawing)
    for block in (Block(0, 0, 16, 16), Block(30, 60, 10, 20), Block(0, 0, 16, 16)):
        assert torch.equal(poor.read(2, block), rich.read(2, block))
        assert poor.store.bytes <= 20_000
    assert poor.tiles_computed > rich.tiles_computed


def test_reading_on_computes_each_tile_once(drawing):
    graph = graph_of(drawing, steps_per_level=1)
    for block in drawing.canvas.cut(13):
        graph.read(graph.levels, block)
    assert graph.tiles_computed == sum(len(list(graph.nodes(level))) for level in range(1, graph.levels + 1))
    before = graph.latents_denoised
    graph.read(graph.levels, drawing.canvas)
    assert graph.latents_denoised == before


def test_tiles_are_disjoint_and_cover_the_canvas_wherever_the_lattice_begins():
    canvas = Block(-16, 32, 37, 51)
    for offset in (0, 4, 13):
        lattice = Lattice(canvas, 14, offset)
        count = torch.zeros(37, 51)
        for place in lattice.covering(canvas):
            count[lattice.block(*place).slices(canvas)] += 1
        assert (count == 1).all()
        assert len(list(lattice.covering(canvas))) == lattice.shape[0] * lattice.shape[1]


def test_a_lattice_without_a_tile_there_says_so():
    with pytest.raises(SettingsError, match="lattice"):
        Lattice(Block(0, 0, 32, 32), 16).block(2, 0)
