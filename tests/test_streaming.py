"""Laws of streaming: the image of a run in memory, from a folder, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core import EmbeddingGrid, GridGeometry, Settings, generate, regenerate
from ssldiff_core.diffusion.graph.trajectory import Trajectory
from ssldiff_core.errors import Cancelled, SettingsError
from ssldiff_core.streaming import StreamedRun
from tests.conftest import TREE
from tests.ui.tiny_models import DIM, write_tiny_models

SETTINGS = Settings(seed=3, steps=3, tile_lat=32, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = write_tiny_models(tmp_path_factory.mktemp("models"))
        patch.setenv("SSLDIFF_MODELS_DIR", str(folder))
        yield folder


def make_grid(rows=5, cols=6):
    vectors = np.random.default_rng(0).standard_normal((rows, cols, DIM)).astype(np.float32)
    return EmbeddingGrid(vectors, np.ones((rows, cols), bool), GridGeometry((rows, cols), 1e-6), "tissue-1")


@pytest.fixture(scope="module")
def whole(models):
    *_, last = generate(make_grid(), SETTINGS)
    return last.result


def test_a_streamed_image_is_that_of_a_run_in_memory(whole, tmp_path):
    run = StreamedRun(make_grid(), SETTINGS, tmp_path / "work")
    steps = list(run.steps())
    assert [step.index for step in steps] == list(range(1, steps[-1].total + 1))
    assert run.tiles_computed == 3 * 9
    image = run.scene().thumbnail(10_000)
    np.testing.assert_array_equal(image, whole.image)
    assert run.manifest.image_digest == whole.manifest.image_digest
    assert run.manifest.digest == whole.manifest.digest
    run.close()
    assert not (tmp_path / "work").exists()


def test_a_run_that_was_stopped_goes_on_and_ends_the_same(models, tmp_path):
    undisturbed = StreamedRun(make_grid(), SETTINGS, tmp_path / "a")
    list(undisturbed.steps())
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls % 7 == 0

    for _ in range(50):
        run = StreamedRun(make_grid(), SETTINGS, tmp_path / "b")
        try:
            list(run.steps(cancelled=stop))
        except Cancelled:
            continue
        break
    assert run.manifest.image_digest == undisturbed.manifest.image_digest
    assert run.manifest.bit_exact
    assert calls < 3 * (3 * 9 + 4)


def test_a_kept_folder_can_be_regenerated(models, tmp_path):
    list(StreamedRun(make_grid(), SETTINGS, tmp_path, keep=True).steps())
    grid = make_grid()
    vectors = grid.vectors.copy()
    vectors[2, 2] = vectors[0, 0]
    trajectory = Trajectory(tmp_path)
    before = trajectory.image()
    *_, last = regenerate(trajectory, grid.with_vectors(vectors))
    changed = (last.result.image != before).any(axis=2)
    assert changed[256:384, 256:384].mean() > 0.2
    assert not changed[:32].any()
    with pytest.raises(SettingsError, match="holds edits"):
        StreamedRun(make_grid(), SETTINGS, tmp_path)


def test_a_folder_of_another_run_is_refused(models, tmp_path):
    StreamedRun(make_grid(), SETTINGS, tmp_path / "work")
    with pytest.raises(SettingsError, match="another grid"):
        StreamedRun(make_grid(4), SETTINGS, tmp_path / "work")
    (tmp_path / "mine" / "0000").mkdir(parents=True)
    with pytest.raises(SettingsError, match="something else"):
        StreamedRun(make_grid(), SETTINGS, tmp_path / "mine")


PROGRAM = """
import sys
from ssldiff_core import EmbeddingGrid, Settings
from ssldiff_core.streaming import StreamedRun
grid = EmbeddingGrid.load(sys.argv[1])
run = StreamedRun(grid, Settings(seed=3, steps=int(sys.argv[3]), tile_lat=32, precision="float32"), sys.argv[2])
for step in run.steps(preview_px=16):
    print(step.index, flush=True)
print(run.manifest.image_digest, flush=True)
"""


def start(grid_file: Path, folder: Path, steps: int, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(grid_file), str(folder), str(steps)]
    return subprocess.Popen(
        command, cwd=TREE, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def kill_at(process: subprocess.Popen[str], index: int, delay_s: float) -> bool:
    """SIGKILL a little after it said ``index``; whether it was killed on its way."""
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= index:
            break
    time.sleep(delay_s)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def test_a_killed_run_goes_on_and_ends_with_the_same_image(models, tmp_path):
    grid = make_grid()
    grid.save(tmp_path / "grid.npz")
    undisturbed = StreamedRun(grid, SETTINGS, tmp_path / "a")
    list(undisturbed.steps())
    kill_at(start(tmp_path / "grid.npz", tmp_path / "b", 3), 5, 0.01)
    kill_at(start(tmp_path / "grid.npz", tmp_path / "b", 3), 13, 0.0)
    said = start(tmp_path / "grid.npz", tmp_path / "b", 3).communicate()[0].split()
    assert len(said) - 1 < 3 * 9 + 4
    assert said[-1] == undisturbed.manifest.image_digest


@pytest.mark.slow
@pytest.mark.parametrize(("cells", "steps", "kills"), [(16, 6, 6), (32, 3, 4)], ids=["2048 px", "4096 px"])
def test_a_large_run_killed_again_and_again_ends_with_the_same_image(models, tmp_path, cells, steps, kills):
    grid = make_grid(cells, cells)
    grid.save(tmp_path / "grid.npz")
    undisturbed = start(tmp_path / "grid.npz", tmp_path / "a", steps).communicate()[0].split()
    some = (len(undisturbed) - 1) // (kills + 1)
    for round_ in range(kills):
        assert kill_at(start(tmp_path / "grid.npz", tmp_path / "b", steps), some, 0.013 * round_)
    said = start(tmp_path / "grid.npz", tmp_path / "b", steps).communicate()[0].split()
    assert said[-1] == undisturbed[-1]
    assert len(said) < len(undisturbed)
