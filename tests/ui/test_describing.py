"""A sentence gives layouts, one is taken as a step of undo; what is wrong with a sentence is said at once or later."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ssldiff_core.errors import LayoutError, ModelError, SettingsError
from ssldiff_core.models.catalogue import get_model_spec
from ui import handlers
from ui.describing import start_description, take_proposal
from ui.document_store import DocumentStore
from ui.documents import Document
from ui.jobs import Job
from ui.proposals import KEPT, load_proposal, proposals_to_json
from ui.results import result_folder, result_manifest
from ui.routes import add_routes
from ui.sentences import EXAMPLES, examples_of
from ui.workspace import Workspace

TEXT = "houses on the left, a river on the right"


@pytest.fixture
def document(studio: Workspace) -> Document:
    return handlers.empty_canvas(studio, "aerial", 4, 5)


def end(job: Job) -> Job:
    until = time.monotonic() + 120
    while job.active and time.monotonic() < until:
        time.sleep(0.02)
    return job


def lay_out(studio: Workspace, document: Document, **values: Any) -> list[str]:
    """The keys of the layouts that a sentence gives."""
    before = keys(studio, document)
    job = end(start_description(studio, document, {"text": TEXT, "count": 2, **values}))
    assert job.state == "done", job.message
    return [key for key in keys(studio, document) if key not in before]


def keys(studio: Workspace, document: Document) -> list[str]:
    return [str(one["key"]) for one in proposals_to_json(studio, document)["proposals"]]


def vectors(studio: Workspace, document: Document, key: str) -> np.ndarray:
    return load_proposal(studio, document, key).grid.vectors


def test_a_sentence_gives_layouts_in_the_place_of_the_document_with_what_the_user_should_know(
    studio: Workspace, document: Document
) -> None:
    first, second = lay_out(studio, document, text="houses, a castle")
    assert (vectors(studio, document, first) != vectors(studio, document, second)).any()
    shown = proposals_to_json(studio, document)["proposals"][-1]
    assert (shown["rows"], shown["cols"], shown["text"]) == (4, 5, "houses, a castle")
    assert any("'castle' is unknown" in note for note in shown["notes"])
    assert load_proposal(studio, document, first).grid.geometry == document.need_layout().base.geometry


def test_the_same_sentence_again_gives_others_and_the_oldest_are_forgotten(
    studio: Workspace, document: Document
) -> None:
    for _ in range(4):
        lay_out(studio, document, count=4)
    kept = keys(studio, document)
    assert (len(kept), len(set(kept))) == (KEPT, KEPT)
    files = list((studio.documents.folder(document.id) / "proposals").glob("*.npz"))
    assert len(files) == KEPT
    with pytest.raises(LayoutError, match="no longer kept"):
        take_proposal(studio, document, f"{'0' * 12}-0")


def test_taking_is_one_step_of_undo_and_looking_at_the_next_is_none_more(studio: Workspace, document: Document) -> None:
    before = document.need_layout().base
    for key in lay_out(studio, document):
        take_proposal(studio, document, key)
        assert np.array_equal(document.need_layout().grid().vectors, vectors(studio, document, key))
    handlers.apply_edit(studio, document, {"kind": "undo"})
    assert document.need_layout().base == before
    handlers.apply_edit(studio, document, {"kind": "redo"})
    assert np.array_equal(document.need_layout().grid().vectors, vectors(studio, document, key))


def test_a_taken_layout_can_be_painted_on_and_opens_again_with_its_undo(studio: Workspace, document: Document) -> None:
    before = document.need_layout().base
    take_proposal(studio, document, lay_out(studio, document)[0])
    swatch = document.need_layout().palette.swatches[1].id
    handlers.apply_edit(studio, document, {"version": 1, "kind": "paint", "cells": [[0, 0]], "swatch": swatch})
    studio.documents.save(document)
    again = DocumentStore(studio.config.data_dir / "documents").get(document.id)
    assert again is not None
    assert again.need_layout().grid() == document.need_layout().grid()
    again.undo()
    again.undo()
    assert again.need_layout().base == before


def test_kept_cells_come_back_to_the_bit_and_the_rest_is_filled(studio: Workspace, document: Document) -> None:
    now = document.need_layout().grid().vectors
    (key,) = lay_out(studio, document, count=1, keep=[[1, 1], [2, 4]])
    filled = vectors(studio, document, key)
    same = (filled == now).all(axis=-1)
    assert [tuple(cell) for cell in np.argwhere(same)] == [(1, 1), (2, 4)]


def test_relatives_keep_much_of_a_layout_and_all_that_it_had_to_keep(studio: Workspace, document: Document) -> None:
    (key,) = lay_out(studio, document, count=1, keep=[[1, 1], [2, 4]])
    one = vectors(studio, document, key)
    for relative in lay_out(studio, document, like=key):
        same = (vectors(studio, document, relative) == one).all(axis=-1)
        assert same[1, 1]
        assert same[2, 4]
        assert 0.1 < same.mean() < 0.9


def test_the_manifest_of_the_image_holds_the_sentence(studio: Workspace, document: Document) -> None:
    take_proposal(studio, document, lay_out(studio, document, count=1, negative="trees")[0])
    end(handlers.start_generation(studio, document, {"steps": 1}))
    text = result_manifest(result_folder(studio, document, document.results[-1])).grid.source["text"]
    assert (text["prompt"], text["negative"]) == (TEXT, "trees")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"text": ""}, "empty"),
        ({"text": "  "}, "empty"),
        ({"text": "x" * 10_000}, "10,000 characters"),
        ({"text": "on the left"}, "nothing to show"),
        ({"text": "quantum chromodynamics lagrangian"}, "nearest known"),
        ({"text": TEXT, "count": 99}, "number of layouts"),
        ({"text": TEXT, "keep": [[9, 9]]}, "outside"),
        ({"text": TEXT, "keep": "all"}, "pairs"),
        ({"text": TEXT, "keep": [[r, c] for r in range(4) for c in range(5)]}, "all cells are kept"),
        ({"text": TEXT, "like": "../../document"}, "no longer kept"),
    ],
)
def test_what_cannot_be_laid_out_is_said_at_once(
    studio: Workspace, document: Document, values: dict[str, Any], said: str
) -> None:
    with pytest.raises((SettingsError, LayoutError), match=said):
        start_description(studio, document, values)
    assert studio.jobs.of_document(document.id) == []


def test_a_large_layout_tells_how_far_it_is_and_is_stopped_in_its_middle(studio: Workspace) -> None:
    document = handlers.empty_canvas(studio, "aerial", 60, 60)
    job = start_description(studio, document, {"text": TEXT, "count": 1})
    until = time.monotonic() + 120
    while job.done < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert 2 <= job.done < job.total
    assert job.eta_s is not None
    studio.jobs.cancel(job.id)
    assert (end(job).state, keys(studio, document)) == ("cancelled", [])
    assert job.done < job.total - 1


def test_a_newer_wish_stops_the_one_before(studio: Workspace, document: Document) -> None:
    jobs = [start_description(studio, document, {"text": TEXT, "count": 6}) for _ in range(2)]
    assert [end(job).state for job in jobs] == ["cancelled", "done"]


def test_a_model_that_was_not_taught_to_read_says_so(studio: Workspace) -> None:
    document = handlers.empty_canvas(studio, "tissue", 3, 3)
    with pytest.raises(ModelError, match="not taught to read"):
        start_description(studio, document, {"text": TEXT})


def test_a_sentence_begins_a_document_that_bears_its_name(studio: Workspace) -> None:
    app = FastAPI()
    add_routes(app, studio)
    client = TestClient(app)
    wish = {"model": "aerial", "text": TEXT, "rows": 3, "cols": 6, "count": 1}
    body = client.post("/described-documents", json=wish).json()
    assert (body["name"], body["grid"]["rows"], body["grid"]["cols"]) == (TEXT.capitalize(), 3, 6)
    job = studio.jobs.get(body["jobs"][0]["id"])
    assert job is not None
    assert end(job).state == "done"
    (made,) = client.get(f"/documents/{body['id']}/proposals").json()["proposals"]
    assert client.get(f"/documents/{body['id']}").json()["grid"]["digest"] == made["digest"]
    count = len(studio.documents.recent())
    assert client.post(f"/documents/{body['id']}/proposals/{made['key']}/take").json() == {"ok": True}
    refused = client.post("/described-documents", json={**wish, "text": ""})
    assert (refused.status_code, len(studio.documents.recent())) == (422, count)


def test_the_page_is_told_of_sentences_that_the_prior_knows(studio: Workspace) -> None:
    aerial, tissue = get_model_spec("aerial"), get_model_spec("tissue")
    assert examples_of(aerial) == ["houses on the left, river on the right"]
    assert examples_of(tissue) == []


def test_every_example_of_a_shipped_prior_is_known_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSLDIFF_MODELS_DIR", raising=False)
    from ssldiff_core.models.catalogue import list_models

    for spec in list_models():
        shown = examples_of(spec)
        if shown and spec.id in EXAMPLES:
            assert shown == list(EXAMPLES[spec.id])
