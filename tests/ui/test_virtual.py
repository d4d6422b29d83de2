"""A virtual slide is drawn where somebody looks and kept on disk; an edit costs the tiles that it reaches."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ssldiff_core.errors import LayoutError
from ssldiff_core.layouts import Paint
from ssldiff_core.layouts.edits import PaintRegion
from tests.ui.test_generation import pixels, wait, workspace
from ui import handlers
from ui.config import AppConfig
from ui.documents import Document
from ui.housekeeping import clean_up
from ui.resuming import resume_jobs
from ui.routes import add_routes
from ui.slide_tiles import LEVELS, TILE_PX, SlideTiles, tile_keys, trim_tiles
from ui.virtual import Slide, draw_rest, look, slide_wish
from ui.workspace import Workspace

__all__ = ["workspace"]
REACH = 6
"""Cells that a tile of four steps feels."""


def slide_of(workspace: Workspace, document: Document) -> Slide:
    return workspace.slides.get(document, slide_wish({}))


def look_at(workspace: Workspace, document: Document, *view: int) -> Slide:
    """Draw the tiles of a view."""
    wait(look(workspace, document, {"view": list(view)}))
    return slide_of(workspace, document)


def opened_again(workspace: Workspace, document: Document) -> tuple[Workspace, Document]:
    """The same data folder and document on a new server."""
    workspace.documents.save(document)
    new = Workspace(AppConfig(data_dir=workspace.config.data_dir))
    again = new.documents.get(document.id)
    assert again is not None
    return new, again


def test_only_the_tiles_of_the_view_are_drawn_and_then_the_rest(workspace: Workspace) -> None:
    document = handlers.empty_canvas(workspace, "tissue", 9, 8)
    slide = look_at(workspace, document, 0, 0, 1, 1)
    assert (slide.shape, slide.ready()) == ((3, 2), {(0, 0)})
    first = slide.store.pixels(document.id, slide.keys[0, 0])
    wait(draw_rest(workspace, document, {}))
    assert len(slide.ready()) == 6
    image = pixels(workspace, document, document.results[-1])
    assert image.shape == (9 * 128, 8 * 128, 3)
    assert np.array_equal(image[:512, :512], first)
    assert np.array_equal(image, slide.scene.read(slide.scene.bounds_l0))


def test_after_a_restart_nothing_that_was_drawn_is_drawn_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = handlers.empty_canvas(workspace, "tissue", 9, 8)
    wait(draw_rest(workspace, document, {}))
    before = pixels(workspace, document, document.results[-1])
    new, again = opened_again(workspace, document)
    monkeypatch.setattr("ui.virtual._draw_tile", lambda *_: pytest.fail("a tile is drawn again"))
    assert len(slide_of(new, again).ready()) == 6
    wait(draw_rest(new, again, {}))
    assert np.array_equal(pixels(new, again, again.results[-1]), before)


def test_a_drawing_of_the_rest_that_was_interrupted_goes_on_with_the_layout_it_was_asked_for(
    workspace: Workspace,
) -> None:
    document = handlers.empty_canvas(workspace, "tissue", 5, 8)
    workspace.jobs.close()  # what is asked for now waits for the next server
    draw_rest(workspace, document, {})
    wanted = slide_of(workspace, document)
    document.edit(Paint(((0, 0),), document.need_layout().palette.swatches[3].id, "mean"))
    new, again = opened_again(workspace, document)
    (job,) = resume_jobs(new)
    wait(job)
    assert wanted.ready() == set(wanted.keys)
    assert len(again.results) == 1


def test_an_edit_leaves_the_tiles_that_it_does_not_reach_and_undo_finds_all(workspace: Workspace) -> None:
    document = handlers.empty_canvas(workspace, "tissue", 60, 60)
    swatch = document.need_layout().palette.swatches[3].id
    before = tile_keys((), document.need_layout().grid(), REACH)
    document.edit(Paint(((0, 0),), swatch, "mean"))
    after = tile_keys((), document.need_layout().grid(), REACH)
    assert {place for place in before if before[place] != after[place]} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    document.undo()
    assert tile_keys((), document.need_layout().grid(), REACH) == before
    assert len(set(before.values())) == 15 * 15  # noise differs from place to place, though the cells are alike


def test_a_border_finer_than_cells_changes_the_tiles_that_it_reaches(workspace: Workspace) -> None:
    document = handlers.empty_canvas(workspace, "tissue", 40, 40)
    palette = document.need_layout().palette
    line = PaintRegion(palette.swatches[2].id, lines=(((1.2, 1.5), (2.2, 1.5)),), width_cell=0.3)
    document.edit(line)
    before = tile_keys((), document.need_layout().grid(), REACH)
    document.edit(PaintRegion(palette.swatches[2].id, lines=(((1.2, 1.6), (2.2, 1.6)),), width_cell=0.3))
    after = tile_keys((), document.need_layout().grid(), REACH)
    changed = {place for place in before if before[place] != after[place]}
    assert (0, 0) in changed
    assert changed <= {(row, col) for row in range(3) for col in range(3)}


def test_tiles_come_as_pictures_of_each_level_until_they_are_removed(workspace: Workspace) -> None:
    document = handlers.empty_canvas(workspace, "tissue", 4, 4)
    slide = look_at(workspace, document, 0, 0, 1, 1)
    app = FastAPI()
    add_routes(app, workspace)
    client, base = TestClient(app), f"/documents/{document.id}/virtual/{slide.version}"
    answers = [client.get(f"{base}/{level}/0_0.jpg") for level in range(LEVELS)]
    assert [answer.content[:2] for answer in answers] == [b"\xff\xd8"] * LEVELS
    assert [client.get(f"{base}/{wrong}.jpg").status_code for wrong in ("9/0_0", "0/7_7")] == [204, 204]
    assert trim_tiles(workspace.config.data_dir / "documents", 0) > 0
    assert client.get(f"{base}/0/0_0.jpg").status_code == 204
    assert slide.ready() == set()


def test_tiles_go_before_results_and_those_looked_at_last_stay(tmp_path: Path) -> None:
    config = AppConfig(data_dir=tmp_path, quota_bytes=1_200_000)
    workspace = Workspace(config)
    store, noise = SlideTiles(tmp_path / "documents"), np.random.default_rng(0)
    keys = [f"{k:032x}" for k in range(3)]
    for age, key in enumerate(reversed(keys)):
        store.put("d", key, noise.integers(0, 255, (TILE_PX, 256, 3), np.uint8))
        os.utime(tmp_path / "documents" / "d" / "tiles" / key, (age, age))
    assert store.jpeg("d", keys[2], 0)  # somebody looks at the oldest
    assert clean_up(workspace) > 0
    assert store.there("d", keys) == {keys[0], keys[2]}


@pytest.mark.parametrize("view", [None, [0, 0, 1], [0, 0, 99, 99]])
def test_a_view_that_is_none_or_too_wide_is_refused(workspace: Workspace, view: object) -> None:
    document = handlers.empty_canvas(workspace, "tissue", 60, 60)
    with pytest.raises(LayoutError):
        look(workspace, document, {"view": view})
