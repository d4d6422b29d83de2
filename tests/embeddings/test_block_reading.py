"""Reading in worker processes and leaving out the background change what is waited for, and no number."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.embeddings.block_reading import BlockReader
from ssldiff_core.embeddings.embed import _tight, embed_scene
from ssldiff_core.embeddings.encoder import TimmPatchEncoder
from ssldiff_core.embeddings.foreground import foreground_cells
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import Cancelled, ExportError, GridError, SceneError
from ssldiff_core.geometry import Box, GridGeometry
from ssldiff_core.scenes import ArrayScene, Scene, open_scene

PIXEL_SIZE = 5e-7


class MeanEncoder:
    """The mean colour of a patch: an encoder that costs nothing."""

    id, dim, patch_px, pixel_sizes_m, digest = "mean-1", 3, 32, (PIXEL_SIZE,), "mean"

    def encode(self, patches: np.ndarray) -> np.ndarray:
        return patches.mean(axis=(1, 2)).astype(np.float32)


class Endless(ArrayScene):
    """A scene whose pixels are made where they are read."""

    def __init__(self, side: int) -> None:
        super().__init__(np.broadcast_to(np.zeros(3, np.uint8), (side, side, 3)), pixel_size_m=PIXEL_SIZE)

    def _read_level(self, level: int, x: int, y: int, width: int, height: int) -> tuple[np.ndarray, None]:
        return np.full((height, width, 3), (x + y) % 256, np.uint8), None


def slide(path: Path) -> Path:
    """Glass with a purple rectangle over the right half."""
    pixels = np.full((320, 640, 3), 240, np.uint8)
    pixels[:, 330:] = np.random.default_rng(0).integers(0, 60, (320, 310, 3)) + np.array([120, 40, 130])
    Image.fromarray(pixels).save(path)
    return path


def embed(scene: Scene, encoder: TimmPatchEncoder, **options: object) -> EmbeddingGrid:
    *_, last = embed_scene(scene, encoder, **{"pixel_size_m": PIXEL_SIZE, **options})  # type: ignore[arg-type]
    assert last.grid is not None
    assert last.done == last.total
    return last.grid


def test_workers_change_nothing_but_rounding(encoder: TimmPatchEncoder, tmp_path: Path) -> None:
    with open_scene(slide(tmp_path / "a.png"), pixel_size_m=PIXEL_SIZE) as scene:
        one, two = (embed(scene, encoder, workers=n, region_l0=Box(3, 5, 600, 310)) for n in (0, 2))
    assert np.array_equal(one.valid, two.valid)
    np.testing.assert_allclose(one.vectors, two.vectors, atol=1e-5)  # a worker computes with one thread


def test_the_workers_embed_where_the_encoder_is_small_and_read_ahead_where_it_is_not(
    encoder: TimmPatchEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert encoder.travels
    asked: list[int] = []
    encode = encoder.encode
    with open_scene(slide(tmp_path / "a.png"), pixel_size_m=PIXEL_SIZE) as scene:
        alone = embed(scene, encoder)
        monkeypatch.setattr(type(encoder), "travels", False)
        monkeypatch.setattr(encoder, "encode", lambda patches: asked.append(len(patches)) or encode(patches))
        ahead = embed(scene, encoder, workers=1)
    assert sum(asked) == alone.valid.sum()  # all of them in this process
    assert ahead.digest == alone.digest


def test_blocks_hold_no_more_than_what_is_wanted() -> None:
    wanted = np.zeros((8, 8), bool)
    wanted[2:4, 5] = wanted[6, 1] = True
    assert _tight((slice(8, 16), slice(16, 24)), wanted) == (slice(10, 15), slice(17, 22))


def test_without_the_background_the_other_cells_are_the_same(encoder: TimmPatchEncoder, tmp_path: Path) -> None:
    with open_scene(slide(tmp_path / "a.png"), pixel_size_m=PIXEL_SIZE) as scene:
        whole, part = embed(scene, encoder), embed(scene, encoder, foreground_only=True)
        wanted = foreground_cells(scene, whole.geometry)
    assert (part.valid == wanted).all()
    assert not part.valid[:, :10].any()
    assert part.valid[:, 11:].all()
    np.testing.assert_allclose(part.vectors[part.valid], whole.vectors[part.valid], atol=1e-5)
    assert not part.vectors[~part.valid].any()


def test_cells_outside_the_scene_are_no_foreground(tmp_path: Path) -> None:
    with open_scene(slide(tmp_path / "a.png"), pixel_size_m=PIXEL_SIZE) as scene:
        found = foreground_cells(scene, GridGeometry((12, 30), PIXEL_SIZE, (-32.0, -32.0), PIXEL_SIZE, 32, 4))
    assert found.shape == (12, 30)
    assert not found[0].any()
    assert not found[:, 22:].any()
    assert found[5, 20]


def test_a_slide_of_glass_alone_is_told(encoder: TimmPatchEncoder) -> None:
    glass = ArrayScene(np.full((320, 320, 3), 240, np.uint8), pixel_size_m=PIXEL_SIZE)
    with pytest.raises(GridError, match="no cell of it holds tissue"):
        embed(glass, encoder, foreground_only=True)


class Interrupted(MeanEncoder):
    """Dies after some patches, as if killed, and counts."""

    def __init__(self, most: int = 10**9) -> None:
        self.most, self.seen = most, 0

    def encode(self, patches: np.ndarray) -> np.ndarray:
        self.seen += len(patches)
        if self.seen > self.most:
            raise KeyboardInterrupt
        return super().encode(patches)


def test_what_was_embedded_before_a_kill_is_not_embedded_again(tmp_path: Path) -> None:
    whole = embed(Endless(1024), MeanEncoder())  # type: ignore[arg-type]
    first, second, third = Interrupted(700), Interrupted(), Interrupted()
    options = {"keep": tmp_path / ".grid.npz.encoding"}
    with pytest.raises(KeyboardInterrupt):
        embed(Endless(1024), first, **options)  # type: ignore[arg-type]
    marks = np.lib.format.open_memmap(options["keep"] / "marks.npy", "r+")
    assert (marks != 0).sum() == 10  # of sixteen blocks
    vectors = np.lib.format.open_memmap(options["keep"] / "vectors.npy", "r+")
    vectors[0, 0] += 1  # a block whose writing was cut off
    vectors.flush()
    again = embed(Endless(1024), second, **options)  # type: ignore[arg-type]
    assert again.digest == whole.digest
    assert second.seen == 7 * 64
    assert not options["keep"].exists()
    assert embed(Endless(1024), third, **options).digest == whole.digest  # type: ignore[arg-type]
    assert third.seen == 1024


def test_what_is_kept_of_another_grid_is_thrown_away(tmp_path: Path) -> None:
    options = {"keep": tmp_path / "kept"}
    with pytest.raises(KeyboardInterrupt):
        embed(Endless(1024), Interrupted(700), **options)  # type: ignore[arg-type]
    encoder = Interrupted()
    grid = embed(Endless(1024), encoder, region_l0=Box(32, 0, 992, 1024), **options)  # type: ignore[arg-type]
    assert encoder.seen == grid.valid.size == 31 * 32


def test_a_folder_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExportError, match="keep what is encoded"):
        embed(Endless(256), MeanEncoder(), keep=tmp_path / "file" / "kept")  # type: ignore[arg-type]


def test_a_scene_that_is_no_file_is_read_in_this_process() -> None:
    scene = ArrayScene(np.zeros((64, 64, 3), np.uint8), pixel_size_m=PIXEL_SIZE)
    assert BlockReader(scene, GridGeometry((1, 1), PIXEL_SIZE, cell_px=32, latent_factor=4), workers=2).workers == 0


def test_what_a_worker_cannot_read_is_told_in_its_words(encoder: TimmPatchEncoder, tmp_path: Path) -> None:
    path = slide(tmp_path / "a.png")
    with open_scene(path, pixel_size_m=PIXEL_SIZE) as scene:
        path.write_bytes(path.read_bytes()[:2000])
        with pytest.raises(SceneError):
            embed(scene, encoder, workers=1)


def test_errors_survive_the_way_between_processes() -> None:
    for error in (SceneError("open a.svs", "it is gone", "a rule", "a remedy"), Cancelled("reading")):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.remedy) == (type(error), str(error), error.remedy)


@pytest.mark.slow
def test_memory_stays_flat_at_100_000_cells() -> None:
    """Their patches are 307 MB; no more than a few blocks of them are ever held."""
    import tracemalloc

    grid = embed(Endless(10_144), MeanEncoder())  # type: ignore[arg-type]
    assert grid.valid.size == 317**2 > 100_000
    tracemalloc.start()
    embed(Endless(10_144), MeanEncoder())  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * 2**20
