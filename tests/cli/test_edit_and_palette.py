"""``ssldiff palette`` and ``ssldiff edit`` do what the library does, in the order given."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.cli import main
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.layouts import Copy, Erase, Layout, Paint, Palette, Vary, edit_to_json


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with a grid of three bands of rows, and its palette."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    band = np.repeat([0, 1, 2], 2)[:, None].repeat(6, axis=1)
    vectors = (generator.normal(size=(3, 8))[band] + 0.05 * generator.normal(size=(6, 6, 8))).astype(np.float32)
    valid = np.ones((6, 6), dtype=bool)
    valid[0, 0] = False
    grid = EmbeddingGrid(vectors, valid, GridGeometry((6, 6), 0.5e-6), "tissue-1", source={"name": "bands"})
    grid.save("grid.npz")
    assert main(["palette", "grid.npz", "-n", "3", "--names", "north", "-o", "palette.npz"]) == 0
    capsys.readouterr()
    return tmp_path


def test_the_printed_map_shows_a_letter_for_each_cell(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["palette", "grid.npz", "-n", "3", "-o", "again.npz"]) == 0
    lines = capsys.readouterr().out.splitlines()[-6:]
    assert [len(set(line.replace(".", ""))) for line in lines] == [1] * 6
    assert lines[0][0] == "."
    assert len(set("".join(lines))) == 4


def test_options_are_edits_in_the_order_given(folder: Path) -> None:
    line = (
        "edit grid.npz --palette palette.npz --seed 5 --copy 0,0,2,2:4,4 --paint 1,1,2,2:north:mean:0.5 --vary 5,0:0.2"
    )
    assert main([*line.split(), "--erase", "0,1", "-o", "out.npz"]) == 0
    palette = Palette.load("palette.npz")
    layout = Layout(EmbeddingGrid.load("grid.npz"), palette)
    for edit in (
        Copy((0, 0, 2, 2), (4, 4)),
        Paint(((1, 1), (1, 2), (2, 1), (2, 2)), "north", "mean", 0.5, seed=5),
        Vary(((5, 0),), 0.2, seed=5),
        Erase(((0, 1),)),
    ):
        layout = layout.apply(edit)
    assert EmbeddingGrid.load("out.npz") == layout.grid()


def test_a_swatch_may_be_given_by_its_letter(folder: Path) -> None:
    name = Palette.load("palette.npz").names[1]
    assert main(["edit", "grid.npz", "--palette", "palette.npz", "--paint", "0,0,6,6:B", "-o", "by_letter.npz"]) == 0
    assert (
        main(["edit", "grid.npz", "--palette", "palette.npz", "--paint", f"0,0,6,6:{name}", "-o", "by_name.npz"]) == 0
    )
    assert EmbeddingGrid.load("by_letter.npz") == EmbeddingGrid.load("by_name.npz")


def test_edits_from_a_file_keep_their_own_seeds(folder: Path) -> None:
    edits = [Vary(((0, 1), (3, 3)), 0.4, seed=9), Erase(((2, 2),))]
    (folder / "edits.json").write_text(json.dumps([edit_to_json(edit) for edit in edits]))
    assert main(["edit", "grid.npz", "--edits", "edits.json", "--seed", "1", "-o", "out.npz"]) == 0
    layout = Layout(EmbeddingGrid.load("grid.npz"))
    for edit in edits:
        layout = layout.apply(edit)
    assert EmbeddingGrid.load("out.npz") == layout.grid()


def test_a_grid_tells_every_edit_since_it_was_read(folder: Path) -> None:
    assert main(["edit", "grid.npz", "--erase", "0,1", "-o", "first.npz"]) == 0
    assert main(["edit", "first.npz", "--vary", "2,2", "-o", "second.npz"]) == 0
    source = EmbeddingGrid.load("second.npz").source
    assert [edit["kind"] for edit in source["edits"]] == ["erase", "vary"]
    assert source["edited_from"] == EmbeddingGrid.load("grid.npz").digest
    assert source["name"] == "bands"


def test_an_empty_canvas_is_filled_with_a_swatch_or_left_to_the_model(folder: Path) -> None:
    assert main(["edit", "--empty", "2,3:north", "--palette", "palette.npz", "-o", "filled.npz"]) == 0
    assert main(["edit", "--empty", "2,3", "--palette", "palette.npz", "-o", "bare.npz"]) == 0
    filled, bare = EmbeddingGrid.load("filled.npz"), EmbeddingGrid.load("bare.npz")
    assert filled.shape_cell == bare.shape_cell == (2, 3)
    assert filled.valid.all()
    assert not bare.valid.any()


def test_json_is_one_object_and_quiet_is_silent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", "grid.npz", "--erase", "0,1", "-o", "out.npz", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["changed_cells"] == 1
    assert main(["edit", "grid.npz", "--erase", "0,1", "-o", "out.npz", "--quiet"]) == 0
    said = capsys.readouterr()
    assert said.out == said.err == ""
