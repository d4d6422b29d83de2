"""After an edit only what changed is drawn; going back to a result brings its layout back."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from ssldiff_core.errors import SettingsError
from ssldiff_core.layouts import Paint
from ui import handlers
from ui.document_store import DocumentStore
from ui.documents import Document
from ui.generation import start_finish
from ui.jobs import Job
from ui.records import ResultRecord
from ui.results import delete_result, result_folder, result_manifest, result_pixels
from ui.wishes import Wish
from ui.workspace import Workspace


@pytest.fixture
def workspace(studio: Workspace) -> Workspace:
    return studio


@pytest.fixture
def document(canvas: Document) -> Document:
    return canvas


def wait(job: Job) -> Job:
    end = time.monotonic() + 120
    while job.active and time.monotonic() < end:
        time.sleep(0.02)
    assert job.state == "done", job.message
    return job


def draw(workspace: Workspace, document: Document, **values: Any) -> ResultRecord:
    values = {"steps": 2, "shown": document.shown, **values}
    wait(handlers.start_generation(workspace, document, values))
    return document.results[-1]


def pixels(workspace: Workspace, document: Document, record: ResultRecord) -> np.ndarray:
    return result_pixels(result_folder(workspace, document, record), (record.width, record.height))


def paint(document: Document, *cells: tuple[int, int]) -> None:
    document.edit(Paint(cells, document.need_layout().palette.swatches[3].id, "mean"))


def test_an_edit_is_drawn_on_the_result_and_what_lies_outside_keeps_every_bit(
    workspace: Workspace, document: Document
) -> None:
    first = draw(workspace, document)
    paint(document, (0, 0))
    second = draw(workspace, document)
    assert (first.changed_cells, second.changed_cells, second.goes_on) == (0, 1, True)
    before, after = (pixels(workspace, document, record) for record in (first, second))
    assert (before[:128, :128] != after[:128, :128]).any()
    assert np.array_equal(before[3 * 128 :], after[3 * 128 :])
    paint(document, (5, 5))
    assert draw(workspace, document).changed_cells == 1  # and on from there
    assert draw(workspace, document, anew=True).changed_cells == 0


@pytest.mark.parametrize("other", [{"seed": 5}, {"steps": 3}, {"guidance_scale": 2.0}])
def test_other_settings_draw_all_of_it(workspace: Workspace, document: Document, other: dict[str, Any]) -> None:
    draw(workspace, document)
    paint(document, (0, 0))
    assert draw(workspace, document, **other).changed_cells == 0


def test_a_run_that_was_forgotten_is_drawn_whole(workspace: Workspace, document: Document) -> None:
    first = draw(workspace, document)
    workspace.runs.forget(document, first.id)
    paint(document, (0, 0))
    assert draw(workspace, document).changed_cells == 0


def test_a_result_whose_origin_was_deleted_can_still_be_gone_on_with(workspace: Workspace, document: Document) -> None:
    first = draw(workspace, document)
    paint(document, (0, 0))
    draw(workspace, document)
    delete_result(workspace, document, first)
    paint(document, (5, 5))
    assert draw(workspace, document).changed_cells == 1


def test_going_back_restores_the_layout_and_is_one_step_of_undo(workspace: Workspace, document: Document) -> None:
    first = draw(workspace, document)
    paint(document, (0, 0))
    second = draw(workspace, document)
    paint(document, (1, 1))
    painted = document.need_layout().grid()
    handlers.go_back(workspace, document, second)
    handlers.go_back(workspace, document, first)
    assert (document.need_layout().edits, document.pending().any()) == ((), False)
    workspace.documents.save(document)
    again = DocumentStore(workspace.config.data_dir / "documents").get(document.id)
    for one in (document, again):
        one.undo()
        assert one.need_layout().grid() == painted
        one.redo()
        assert one.need_layout().edits == ()


def test_several_images_take_the_seeds_that_follow(workspace: Workspace, document: Document) -> None:
    draw(workspace, document, count=3, seed=7)
    assert [record.seed for record in document.results] == [7, 8, 9]
    assert len({record.batch for record in document.results}) == 1


def test_a_variation_of_a_result_starts_from_it(workspace: Workspace, document: Document) -> None:
    first = draw(workspace, document)
    varied = draw(workspace, document, seed=1, strength=0.5, shown=first.id)
    before, after = (result_manifest(result_folder(workspace, document, record)) for record in (first, varied))
    assert (after.reference["strength"], after.reference["image_digest"]) == (0.5, before.image_digest)
    assert (varied.strength, varied.goes_on) == (0.5, False)


def test_a_fast_result_is_finished_as_another_result(workspace: Workspace, document: Document) -> None:
    fast = draw(workspace, document)
    wait(start_finish(workspace, document, fast, 4))
    assert [record.steps for record in document.results] == [2, 4]
    with pytest.raises(SettingsError):
        start_finish(workspace, document, fast, 2)


@pytest.mark.parametrize("values", [{"count": 10}, {"strength": 0.0}, {"seed": -1}, {"steps": "many"}])
def test_a_wish_out_of_range_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        Wish.from_values(values)


def test_a_student_draws_fast_is_gone_on_with_and_finished_by_the_model(
    workspace: Workspace, document: Document
) -> None:
    fast = draw(workspace, document, fast=True, steps=20, guidance_scale=3.0, engine="windowed")
    assert (fast.steps, fast.guidance_scale, fast.engine) == (4, 1.0, "dense")
    paint(document, (0, 0))
    assert draw(workspace, document, fast=True).changed_cells == 1
    paint(document, (2, 2))
    assert draw(workspace, document, steps=4, guidance_scale=1.0).changed_cells == 0  # another network's picture
    wait(start_finish(workspace, document, fast, 6))
    assert not result_manifest(result_folder(workspace, document, document.results[-1])).settings["student"]
