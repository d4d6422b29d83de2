"""A server that is watched, stopped, killed, filled up and broken: what it says, and that nothing is lost."""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ssldiff_core.errors import Cancelled
from ssldiff_core.layouts import Paint
from tests.ui.results import add_result
from tests.ui.test_documents import make_layout
from tests.ui.test_jobs import wait
from ui.config import AppConfig
from ui.document_store import DocumentStore
from ui.documents import Document
from ui.housekeeping import LEFTOVER_S, clean_up, remove_leftovers
from ui.jobs import OUT_OF_MEMORY, Job, JobQueue
from ui.login import Login
from ui.logs import Redacting
from ui.metrics import Watch
from ui.projecting import start_umap
from ui.routes import add_routes
from ui.workspace import Workspace


@pytest.fixture
def watched(workspace: Workspace) -> TestClient:
    """Behind a login, with everything counted."""
    app = FastAPI()
    add_routes(app, workspace)
    app.add_middleware(Login, accounts={"anna": "secret"})
    app.add_middleware(Watch, metrics=workspace.metrics)
    return TestClient(app)


def test_health_is_told_to_everybody_and_figures_to_users_alone(watched: TestClient, workspace: Workspace) -> None:
    assert watched.get("/healthz").json() == {"status": "ok", "faults": []}
    assert watched.get("/metrics").status_code == 401
    watched.get("/library", auth=("anna", "secret"))
    workspace.metrics.count_stroke(True)
    lines = watched.get("/metrics", auth=("anna", "secret")).text.splitlines()
    assert 'ssldiff_requests_total{route="/library",status="2xx"} 1' in lines
    assert "ssldiff_strokes_total 1" in lines
    assert {line.split("{")[0].split()[0] for line in lines} >= {"ssldiff_disk_free_bytes", "ssldiff_memory_bytes"}


def test_a_data_folder_that_is_gone_is_told(watched: TestClient, workspace: Workspace) -> None:
    shutil.rmtree(workspace.config.data_dir)
    answer = watched.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")


def test_the_log_is_one_object_a_line_and_names_no_scene(tmp_path: Path) -> None:
    formatter = Redacting((tmp_path,), as_json=True)
    error = FileNotFoundError(2, "No such file", str(tmp_path / "Erika Muster.svs"))
    try:
        raise error
    except FileNotFoundError:
        record = logging.getLogger("ui").makeRecord(
            "ui", logging.ERROR, "f", 1, "reading %s", (tmp_path / "in" / "Erika Muster.svs",), None
        )
        record.exc_info = (type(error), error, error.__traceback__)
        record.ms = 12.5
    line = formatter.format(record)
    body = json.loads(line)
    assert "\n" not in line
    assert (body["level"], body["ms"], body["text"]) == ("ERROR", 12.5, "reading <a scene>")
    assert "Muster" not in line


def test_the_oldest_results_go_when_the_quota_is_full_and_what_is_wanted_stays(tmp_path: Path) -> None:
    workspace = Workspace(AppConfig(data_dir=tmp_path, quota_bytes=1))
    document = workspace.documents.create()
    document.set_layout(make_layout(), "tiny")
    records = [add_result(workspace, document, f"{k:012x}", seed=k) for k in range(4)]
    document.mark_result(records[1].id, "kept")
    assert clean_up(workspace) > 0
    assert [record.id for record in document.results] == [records[1].id, records[3].id]
    folders = sorted(path.name for path in (tmp_path / "documents" / document.id / "results").iterdir())
    assert folders == [records[1].id, records[3].id]
    assert clean_up(workspace) == 0
    workspace.close()


def test_what_a_killed_server_left_half_done_goes_after_a_day_and_nothing_else(tmp_path: Path) -> None:
    workspace = Workspace(AppConfig(data_dir=tmp_path))
    document = workspace.documents.create()
    document.set_layout(make_layout(), "tiny")
    record = add_result(workspace, document)
    workspace.documents.save(document)
    folder = workspace.documents.folder(document.id)
    half, nobodys = folder / "results" / "00000000dead", tmp_path / "documents" / ("0" * 32) / "results"
    for path in (half, nobodys):
        path.mkdir(parents=True)
    part = folder / ".part-xyz.json"
    part.write_text("{", encoding="utf-8")
    remove_leftovers(workspace)
    assert all(path.exists() for path in (half, nobodys, part))  # they may be in the making
    for path in (half, nobodys, nobodys.parent, part, folder, folder / "results" / record.id):
        os.utime(path, (time.time() - LEFTOVER_S - 9,) * 2)
    remove_leftovers(workspace)
    assert not any(path.exists() for path in (half, nobodys.parent, part))
    assert (folder / "results" / record.id / "image.ome.tif").is_file()
    assert (folder / "document.json").is_file()
    workspace.close()


def test_a_job_that_ran_when_the_server_stopped_is_done_by_the_next(tmp_path: Path) -> None:
    first, begun = JobQueue(tmp_path, lambda _: None), threading.Event()

    def work(job: Job) -> None:
        begun.set()
        while not job.cancelled():
            time.sleep(0.005)
        raise Cancelled("the test")

    running = first.submit(Job("test", "d", request={"a": 1}), work)
    waiting = first.submit(Job("test", "d", request={"a": 2}), work)
    begun.wait(10)
    first.close()
    second, done = JobQueue(tmp_path, lambda _: None), []
    found = second.interrupted()
    assert [(job.id, job.request["a"]) for job in found] == [(running.id, 1), (waiting.id, 2)]
    for job in found:
        second.resume(job, lambda job: done.append(job.id))
    assert [wait(job).state for job in found] == ["done", "done"]
    assert done == [running.id, waiting.id]
    assert JobQueue(tmp_path, lambda _: None).interrupted() == []


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file grows beyond a few bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_on_a_full_disk_nothing_saved_is_lost_and_it_is_saved_when_there_is_room(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path)
    document = store.create()
    document.set_layout(make_layout(), "tiny")
    store.save(document)
    saved = (tmp_path / document.id / "document.json").read_bytes()
    swatch = document.need_layout().palette.swatches[0]
    with full_disk():
        document.edit(Paint(((0, 0),), swatch.id, "mean"))
        with pytest.raises(OSError, match=r"large|space"):
            store.save(document)
        time.sleep(0.6)  # autosave tries too, and must survive it
        assert (tmp_path / document.id / "document.json").read_bytes() == saved
    store.close()
    again = DocumentStore(tmp_path).get(document.id)
    assert again is not None
    assert again.version == document.version
    assert list((tmp_path / document.id).glob(".part-*")) == []


def test_an_upload_that_fills_the_disk_is_told_and_leaves_nothing(client: TestClient, workspace: Workspace) -> None:
    with full_disk():
        answer = client.post("/uploads", files={"file": ("a.png", bytes(4096))})
    assert (answer.status_code, "disk" in answer.json()["error"]) == (507, True)
    assert list((workspace.config.data_dir / "uploads").iterdir()) == []


def test_a_killed_worker_fails_its_job_and_nothing_else(workspace: Workspace, document: Document) -> None:
    job = start_umap(workspace, document)
    until = time.monotonic() + 60
    while not (children := multiprocessing.active_children()) and time.monotonic() < until:
        time.sleep(0.01)
    for child in children:
        os.kill(child.pid or 0, signal.SIGKILL)
    assert wait(job).state == "failed"
    assert workspace.jobs.dead_lanes() == []
    assert wait(workspace.jobs.submit(Job("test", document.id, lane="background"), lambda _: None)).state == "done"


@pytest.mark.parametrize("fault", [MemoryError, RecursionError, SystemExit])
def test_whatever_a_job_dies_of_the_next_is_done(tmp_path: Path, fault: type[BaseException]) -> None:
    queue = JobQueue(tmp_path, lambda _: None)

    def work(_: Job) -> None:
        raise fault

    assert wait(queue.submit(Job("test", "d"), work)).state == "failed"
    assert wait(queue.submit(Job("test", "d"), lambda _: None)).state == "done"
    assert queue.dead_lanes() == []


def test_an_accelerator_out_of_memory_is_told_and_the_next_job_is_done(tmp_path: Path) -> None:
    import torch

    queue = JobQueue(tmp_path, lambda _: None)

    def on_a_card(_: Job) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    for work in (on_a_card, lambda _: torch.empty(2**58)):  # the second truly asks this machine for an exabyte
        job = wait(queue.submit(Job("test", "d"), work))
        assert (job.state, job.message) == ("failed", OUT_OF_MEMORY)
    assert wait(queue.submit(Job("test", "d"), lambda _: None)).state == "done"


def test_a_clock_that_is_set_back_keeps_the_order_of_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, order, held = JobQueue(tmp_path, lambda _: None), [], threading.Event()
    first = queue.submit(Job("test", "d", owner="a"), lambda _: held.wait(10) and None)

    def note(name: str) -> Callable[[Job], None]:
        return lambda _: order.append(name)

    jobs = [first, queue.submit(Job("test", "d", owner="a"), note("one"))]
    monkeypatch.setattr(time, "time", lambda: 1.0)
    jobs.append(queue.submit(Job("test", "d", owner="a"), note("two")))
    held.set()
    assert [wait(job).state for job in jobs] == ["done"] * 3
    assert order == ["one", "two"]
