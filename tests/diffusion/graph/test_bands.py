"""Laws of drawing in bands: several processes draw what one draws, and tell each other no more than the halo."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from ssldiff_core.diffusion.engines import DenseEngine
from ssldiff_core.diffusion.field import ConditioningField
from ssldiff_core.diffusion.graph import Block
from ssldiff_core.diffusion.graph.band_files import BandFiles
from ssldiff_core.diffusion.graph.bands import BandStep, cut_bands, draw_band
from ssldiff_core.diffusion.graph.drawing import Drawing
from ssldiff_core.diffusion.noise import PositionNoise
from ssldiff_core.diffusion.schedule import get_solver, noise_levels
from ssldiff_core.errors import SettingsError
from tests.conftest import TREE


class ThreadPeers:
    """Neighbours that are threads of this process."""

    def __init__(self, rank: int, size: int, post: dict[tuple[int, int], queue.Queue]) -> None:
        self.rank, self.size, self._post, self.rows = rank, size, post, 0

    def exchange(self, up, down):
        for part, to in ((up, self.rank - 1), (down, self.rank + 1)):
            if part is not None:
                self._post[self.rank, to].put(part)
                self.rows += part.shape[1]
        return self._from_both()

    def wait(self) -> None:
        raise AssertionError("nobody waits while drawing")

    def _from_both(self):
        return tuple(
            self._post[peer, self.rank].get(timeout=60) if 0 <= peer < self.size else None
            for peer in (self.rank - 1, self.rank + 1)
        )


class WaitingPeers(ThreadPeers):
    """The same, where a run is kept and waits for nobody: each thread waits for its neighbours' rows anyway."""

    def wait(self) -> None:
        pass


def draw_together(drawing: Drawing, size: int, tile_lat: int) -> tuple[torch.Tensor, int]:
    """The canvas drawn by threads, and the rows that were sent."""
    post = {(a, b): queue.Queue() for a in range(size) for b in range(size) if abs(a - b) == 1}
    peers, bands = [ThreadPeers(rank, size, post) for rank in range(size)], {}

    def work(rank: int) -> None:
        *_, bands[rank] = draw_band(drawing, peers[rank], tile_lat)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return torch.cat([bands[rank].latents for rank in range(size)], dim=1), sum(peer.rows for peer in peers)


@pytest.fixture
def drawing(denoiser, grid):
    return Drawing(denoiser, ConditioningField(grid), PositionNoise(5), get_solver("dpm++"), noise_levels(3))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_bands_are_the_canvas_of_one_process(drawing, size):
    d = drawing
    *_, whole = DenseEngine(16).run(d.denoiser, d.field, d.noise, d.solver, d.levels)
    together, rows = draw_together(drawing, size, 16)
    assert torch.equal(together, whole.latents)
    assert rows == 2 * (size - 1) * d.halo_lat * d.steps


def test_bands_cover_the_canvas_in_whole_rows_of_tiles():
    for count in (1, 2, 3, 5):
        bands = cut_bands(Block(-8, 3, 83, 40), count, 16)
        assert [band.row for band in bands] == [-8, *(band.bottom for band in bands[:-1])]
        assert bands[-1].bottom == 75
        assert all((band.row + 8) % 16 == 0 for band in bands)


def test_more_processes_than_rows_of_tiles_are_told():
    with pytest.raises(SettingsError, match="rows of tiles"):
        cut_bands(Block(0, 0, 48, 80), 4, 16)


def test_tiles_narrower_than_the_halo_are_told(drawing):
    with pytest.raises(SettingsError, match="looks"):
        next(draw_band(drawing, ThreadPeers(0, 1, {}), 2))


@pytest.mark.parametrize("size", [1, 2])
def test_a_run_that_stopped_goes_on_to_the_same_numbers(drawing, size, tmp_path):
    whole, _ = draw_together(drawing, size, 16)
    bands = cut_bands(drawing.canvas, size, 16)
    post = {(a, b): queue.Queue() for a in range(size) for b in range(size) if abs(a - b) == 1}
    ended = {}

    def work(rank: int, steps: int) -> None:
        peers = WaitingPeers(rank, size, post)
        files = BandFiles(tmp_path, peers, bands[rank])
        before = files.last_common(drawing.steps)
        for step in draw_band(drawing, peers, 16, after=before):
            files.keep(step)
            ended[rank] = (before.index if before else 0, step)
            if step.index == steps:
                return

    for steps in (2, drawing.steps):
        threads = [threading.Thread(target=work, args=(rank, steps)) for rank in range(size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(list(tmp_path.iterdir())) <= 2 * size
    assert [ended[rank][0] for rank in range(size)] == [2] * size
    assert torch.equal(torch.cat([ended[rank][1].latents for rank in range(size)], dim=1), whole)


def test_only_a_step_that_all_processes_have_is_gone_on_from(tmp_path):
    band = Block(0, 0, 4, 4)
    first, second = (BandFiles(tmp_path, WaitingPeers(rank, 2, {}), band) for rank in (0, 1))
    steps = [BandStep(k, 9, band, torch.full((1, 4, 4), float(k)), torch.zeros(1, 4, 4)) for k in (1, 2)]
    first.keep(steps[0])
    assert second.last_common(9) is None
    second.keep(steps[0])
    second.keep(steps[1])
    (tmp_path / "band-1-of-2-1.safetensors").write_bytes((tmp_path / "band-0-of-2-1.safetensors").read_bytes())
    found = first.last_common(9)
    assert (found.index, float(found.latents.mean())) == (1, 1.0)


RANK = """
import sys
import torch, torch.distributed as dist
sys.path.insert(0, sys.argv[1])
import numpy as np
from ssldiff_core.diffusion.denoisers import VelocityDenoiser
from ssldiff_core.diffusion.engines import DenseEngine
from ssldiff_core.diffusion.field import ConditioningField
from ssldiff_core.diffusion.graph.bands import draw_band
from ssldiff_core.diffusion.graph.drawing import Drawing
from ssldiff_core.diffusion.graph.peers import TorchPeers
from ssldiff_core.diffusion.noise import PositionNoise
from ssldiff_core.diffusion.schedule import get_solver, noise_levels
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.models.native import NativeDenoiser

torch.manual_seed(0)
network = NativeDenoiser(
    latent_channels=4, condition_dim=6, channels=(16, 24), hidden=(16, 24), blocks=(1, 2, 1), embedding=16, reading=8
).eval()
for parameter in network.parameters():
    parameter.data.add_(0.1 * torch.randn_like(parameter))
vectors = np.random.default_rng(0).standard_normal((4, 3, 6)).astype(np.float32)
grid = EmbeddingGrid(vectors, np.ones((4, 3), bool), GridGeometry((4, 3), 1e-6), "test")
drawing = Drawing(
    VelocityDenoiser(network, network.radius_lat), ConditioningField(grid), PositionNoise(5), get_solver("dpm++"),
    noise_levels(3),
)
dist.init_process_group("gloo")
peers = TorchPeers()
*_, band = draw_band(drawing, peers, 16)
shapes = [None] * peers.size
dist.all_gather_object(shapes, band.latents)
if peers.rank == 0:
    d = drawing
    *_, whole = DenseEngine(16).run(d.denoiser, d.field, d.noise, d.solver, d.levels)
    difference = (torch.cat(shapes, dim=1) - whole.latents).abs().max()
    print("difference", float(difference), "sent", peers.bytes_sent)
dist.destroy_process_group()
"""


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 4])
def test_processes_over_gloo_draw_what_one_draws(tmp_path: Path, size: int) -> None:
    script = tmp_path / "rank.py"
    script.write_text(RANK, "utf-8")
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={size}", str(script)]
    done = subprocess.run([*words, str(TREE)], capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    said = next(line for line in done.stdout.splitlines() if line.startswith("difference")).split()
    assert float(said[1]) <= 1e-5
    assert int(said[3]) > 0
