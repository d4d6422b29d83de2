"""Kept runs on the command line: generate --keep, regenerate, grow, undo, replay; streaming leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.cli import main
from ssldiff_core.embeddings.grid import EmbeddingGrid

ENCODE = "encode scene.png --scene-pixel-size 0.5um --model tiny -o grid.npz"
GENERATE = "generate grid.npz --steps 2 --device cpu --yes"


def pixels(name: str) -> np.ndarray:
    with Image.open(name) as image:
        return np.asarray(image)


def run(line: str) -> int:
    return main(line.split())


def test_a_kept_run_is_edited_undone_grown_and_replayed(workplace: Path) -> None:
    assert run(ENCODE) == 0
    assert run(f"{GENERATE} -o out.png --keep kept") == 0
    assert run("replay out.png --verify") == 0
    assert run("edit grid.npz --erase 0,0 -o edited.npz") == 0
    assert run("regenerate kept edited.npz -o edited.png") == 0
    assert (pixels("edited.png") != pixels("out.png")).any()
    assert run("regenerate kept grid.npz -o undone.png") == 0
    np.testing.assert_array_equal(pixels("undone.png"), pixels("out.png"))
    assert run("regenerate kept --grow 1,0,0,2 --redraw 0 --save-grid grown.npz -o grown.png") == 0
    np.testing.assert_array_equal(pixels("grown.png")[128:, 256:], pixels("out.png"))
    assert EmbeddingGrid.load("grown.npz").shape_cell == (3, 5)
    assert run("regenerate kept --grow 0,0,0,1 -o wider.png") == 0
    wider, grown = pixels("wider.png"), pixels("grown.png")
    np.testing.assert_array_equal(wider[:, -128:], grown[:, -128:])
    assert (wider[:, 128:256] != grown[:, :128]).mean() > 0.2
    assert run("replay wider.png --verify") == 0


def test_a_variation_is_kept_and_edited(workplace: Path) -> None:
    assert run(ENCODE) == 0
    assert run(f"{GENERATE} -o out.png --keep kept --reference scene.png --strength 0.9") == 0
    assert run("edit grid.npz --erase 0,0 -o edited.npz") == 0
    assert run("regenerate kept edited.npz -o edited.png") == 0
    assert (pixels("edited.png") != pixels("out.png")).any()
    assert run("regenerate kept grid.npz -o undone.png") == 0
    np.testing.assert_array_equal(pixels("undone.png"), pixels("out.png"))


def test_streaming_draws_the_same_image_and_leaves_nothing_behind(workplace: Path) -> None:
    assert run(ENCODE) == 0
    assert run(f"{GENERATE} -o out.png") == 0
    assert run(f"{GENERATE} -o streamed.png --stream") == 0
    np.testing.assert_array_equal(pixels("streamed.png"), pixels("out.png"))
    assert not list(workplace.glob("*.work"))


def test_what_cannot_be_done_on_disk_says_so(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ENCODE) == 0
    assert run(f"{GENERATE} -o out.png --stream --reference scene.png --strength 0.5") == 2
    assert "--reference" in capsys.readouterr().err
    assert run("regenerate nowhere grid.npz -o out.png") == 2
    assert "--keep" in capsys.readouterr().err
    assert run("regenerate nowhere --grow x -o out.png") == 2
