"""A drawing that a stopped server left is done by the next one, as it was asked for, whatever was painted since."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from ssldiff_core.layouts import Paint
from tests.ui.test_jobs import wait
from tests.ui.tiny_models import write_tiny_models
from ui import handlers
from ui.config import AppConfig
from ui.jobs import Job
from ui.results import find_result, result_folder, result_manifest
from ui.resuming import resume_jobs
from ui.workspace import Workspace

WISH = {"seed": 5, "steps": 8, "guidance_scale": 1.0, "anew": True}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


def test_the_next_server_draws_what_was_asked_and_not_what_was_painted_since(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(models))
    first = Workspace(AppConfig(data_dir=tmp_path))
    document = handlers.empty_canvas(first, "tissue", 2, 2)
    held = threading.Event()
    report = first.jobs.report

    def slow(job: object, **facts: object) -> None:
        report(job, **facts)  # type: ignore[arg-type]
        held.set()
        time.sleep(0.05)

    monkeypatch.setattr(first.jobs, "report", slow)
    asked = document.need_layout().grid()
    job = handlers.start_generation(first, document, WISH)
    held.wait(60)
    swatch = document.need_layout().palette.swatches[1]
    document.edit(Paint(((0, 0), (1, 1)), swatch.id, "mean"))
    first.jobs.close(60)  # until it stops, on however busy a machine
    first.close()
    assert (job.state, document.results) == ("queued", ())

    second = Workspace(AppConfig(data_dir=tmp_path))
    assert [one.id for one in resume_jobs(second)] == [job.id]
    again, reopened = second.jobs.get(job.id), second.documents.get(document.id)
    assert again is not None
    assert reopened is not None
    assert wait(again).state == "done", again.message
    record = find_result(reopened, again.result_id)
    assert record is not None
    assert result_manifest(result_folder(second, reopened, record)).grid == asked
    assert reopened.need_layout().grid() == document.need_layout().grid()
    second.close()


def test_a_drawing_whose_document_is_gone_stays_failed(tmp_path: Path) -> None:
    first = Workspace(AppConfig(data_dir=tmp_path))
    held = threading.Event()
    first.jobs.submit(Job("generate", "0" * 32, request={"values": {}}), lambda _: held.wait(30) and None)
    second = Workspace(AppConfig(data_dir=tmp_path))
    assert resume_jobs(second) == []
    (job,) = second.jobs.interrupted()
    assert job.state == "failed"
    held.set()
    for workspace in (first, second):
        workspace.close()
