"""``ssldiff text``: files for each candidate, a sketch that stays, and mistakes that end in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.cli import main
from ssldiff_core.cli.text import numbered, parse_size
from ssldiff_core.embeddings.grid import EmbeddingGrid
from tests.ui.tiny_models import write_tiny_models


@pytest.fixture(scope="module")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def _place(tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(tiny_models))
    monkeypatch.chdir(tmp_path)


def test_an_image_and_its_grid_are_written_for_each_candidate(capsys) -> None:
    line = ["text", "houses on the left, woodland", "--size", "256x128", "--steps", "2", "--candidates", "2"]
    assert main([*line, "-o", "out.png", "out.npz"]) == 0
    assert sorted(path.name for path in Path().glob("*.png")) == ["out-1.png", "out-2.png"]
    grids = [EmbeddingGrid.load(Path(f"out-{i}.npz")) for i in (1, 2)]
    assert [grid.shape_cell for grid in grids] == [(1, 2), (1, 2)]
    assert not np.array_equal(grids[0].vectors, grids[1].vectors)
    assert "Read as: houses on the left; woodland" in capsys.readouterr().err


def test_a_sketch_stays_and_near_layouts_are_near() -> None:
    assert main(["text", "a river", "--size", "384x256", "-o", "grid.npz"]) == 0
    first = EmbeddingGrid.load(Path("grid.npz"))
    assert main(["edit", "grid.npz", "--erase", "0,1", "-o", "sketch.npz"]) == 0
    line = ["text", "houses", "--negative", "woodland", "--sketch", "sketch.npz", "--size", "384x256"]
    assert main([*line, "-o", "filled.npz"]) == 0
    filled, kept = EmbeddingGrid.load(Path("filled.npz")), np.ones((2, 3), dtype=bool)
    kept[0, 1] = False
    assert np.array_equal(filled.vectors[kept], first.vectors[kept])
    assert not np.allclose(filled.vectors[0, 1], first.vectors[0, 1], atol=1e-2)
    assert main(["text", "a river", "--size", "384x256", "--like", "0", "--seed", "9", "-o", "near.npz"]) == 0
    assert main(["text", "a river", "--size", "384x256", "--seed", "9", "-o", "own.npz"]) == 0
    near, own = (EmbeddingGrid.load(Path(f"{name}.npz")).vectors for name in ("near", "own"))
    assert np.linalg.norm(near - first.vectors) < np.linalg.norm(own - first.vectors)


def test_an_unknown_word_is_named(capsys) -> None:
    assert main(["text", "houses, a castle", "--size", "128x128", "-o", "out.npz"]) == 0
    assert "'castle' is unknown" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([""], "empty"), (["houses " * 1430], "10,010 characters"), (["a cat"], "nothing of it is known"),
        (["房子"], "nothing of it is known"), (["houses", "--size", "500x500"], "512x512"), (["\udcff"], "UTF-8"),
        (["houses", "--size", "big"], "1024x1024"), (["houses", "--candidates", "40"], "nearest is 16"),
        (["houses", "--model", "tissue"], "prior"), (["houses", "--like", "-2"], "nearest is 0"),
        (["--label", "castle"], "houses, river, woodland"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_and_writes_nothing(words, told, capsys) -> None:
    assert main(["text", *words, "-o", "out.npz"]) == 2
    assert told in capsys.readouterr().err
    assert not list(Path().iterdir())


def test_sizes_and_names_of_several() -> None:
    assert parse_size(" 2048×1024") == (2048, 1024)
    assert numbered(Path("a/out.ome.tif"), 1, 3) == Path("a/out-2.ome.tif")
    assert numbered(Path("out.png"), 0, 1) == Path("out.png")
