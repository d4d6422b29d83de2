"""Laws of counting: engines cost by the area, a network's training by what it keeps, and both agree on one window."""

from __future__ import annotations

import json

import pytest
import torch

from ssldiff_core.cli import main
from ssldiff_core.evaluation.studies.memory import Count, Network, count, largest_side_px, measure_peak, native_network


def tiny(windows):
    def call(network, side):
        return network(torch.zeros(1, 4, side, side))

    def build():
        return torch.nn.Sequential(torch.nn.Conv2d(4, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 4, 1))

    return Network("tiny", 8, build, call, windows)


def test_operations_and_kept_bytes_are_those_of_the_closed_form():
    (small, large) = count(tiny(lambda side: [32] * (side // 32) ** 2), (256, 512))
    flop = 2 * 32 * 32 * (4 * 9 * 8 + 8 * 4)
    assert (small.direct_flop, small.engine_flop) == (flop, flop)
    assert (large.direct_flop, large.engine_flop) == (4 * flop, 4 * flop)
    # the input, and the rectified layer, which two operations keep and which counts once
    assert small.direct_training == small.engine_training == 4 * 32 * 32 * (4 + 8)
    assert large.direct_training == 4 * small.direct_training
    assert large.engine_training == small.engine_training


def test_the_largest_side_that_fits_follows_the_power_of_growth():
    counts = [Count(1024, 0, 0, 0, 2**30), Count(2048, 0, 0, 0, 4 * 2**30)]
    assert largest_side_px(counts, 16.0) == pytest.approx(4096)


def test_halos_are_counted_with_the_engines_tiles():
    network = native_network("tissue")
    assert network.windows(64) == [64]
    assert sorted(network.windows(128)) == [80] * 4
    assert max(network.windows(256)) == 96


@pytest.mark.slow
def test_a_step_on_the_whole_image_takes_more_memory_than_one_tile():
    assert measure_peak("direct", "tissue", 1024) > 1.5 * measure_peak("engine", "tissue", 1024)


@pytest.mark.slow
def test_one_command_writes_table_and_plot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["study", "memory", "--counted-only", "--sides", "256,512", "-o", "memory.html"]) == 0
    figures = json.loads((tmp_path / "memory.json").read_text())["figures"]
    assert figures["paper_direct_training_512"] > 4 * figures["paper_engine_training_512"]
    assert figures["native_engine_training_512"] == figures["native_engine_training_256"]
