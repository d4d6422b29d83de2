"""Jobs run one after the other, can be stopped, and are remembered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ssldiff_core.errors import Cancelled, GridError
from ui.jobs import KEPT_OF_DOCUMENT, Job, JobQueue


def wait(job: Job) -> Job:
    end = time.monotonic() + 20
    while job.active and time.monotonic() < end:
        time.sleep(0.01)
    return job


@pytest.fixture
def queue(tmp_path: Path) -> JobQueue:
    return JobQueue(tmp_path, lambda _: None)


def test_jobs_of_a_lane_run_in_the_order_of_asking_and_never_together(queue: JobQueue) -> None:
    events: list[str] = []

    def work(name: str) -> Callable[[Job], None]:
        def run(_: Job) -> None:
            events.append(f"{name} begins")
            time.sleep(0.02)
            events.append(f"{name} ends")

        return run

    jobs = [queue.submit(Job("test", "d"), work(name)) for name in "abc"]
    assert [wait(job).state for job in jobs] == ["done"] * 3
    assert events == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]


def test_a_running_job_stops_at_its_next_look_and_a_waiting_one_at_once(queue: JobQueue) -> None:
    begun = threading.Event()

    def work(job: Job) -> None:
        begun.set()
        while not job.cancelled():
            time.sleep(0.005)
        raise Cancelled("the test")

    running, waiting = (queue.submit(Job("test", "d"), work) for _ in range(2))
    begun.wait(10)
    queue.cancel(waiting.id)
    assert waiting.state == "cancelled"
    queue.cancel(running.id)
    assert wait(running).state == "cancelled"


def test_a_users_mistake_is_told_in_its_own_words_and_a_bug_without_them(queue: JobQueue) -> None:
    def mistake(_: Job) -> None:
        raise GridError("read", "it is empty")

    def bug(_: Job) -> None:
        raise ZeroDivisionError("inner secret")

    told, hidden = wait(queue.submit(Job("a", "d"), mistake)), wait(queue.submit(Job("b", "d"), bug))
    assert (told.state, hidden.state) == ("failed", "failed")
    assert "it is empty" in told.message
    assert "inner secret" not in hidden.message
    assert "ZeroDivisionError" in hidden.message


def test_a_new_server_remembers_jobs_and_tells_which_it_interrupted(tmp_path: Path) -> None:
    first = JobQueue(tmp_path, lambda _: None)
    done = wait(first.submit(Job("test", "d"), lambda _: None))
    held = threading.Event()
    cut = first.submit(Job("test", "d"), lambda _: held.wait(30) and None)
    second = JobQueue(tmp_path, lambda _: None)
    held.set()
    states = {job.id: job.state for job in second.of_document("d")}
    assert states == {done.id: "done", cut.id: "failed"}
    assert "stopped" in second.get(cut.id).message


def test_finished_jobs_are_forgotten_when_nobody_asks_for_them_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []  # of jobs that have ended, after all that an ending does
    queue = JobQueue(tmp_path, lambda job: None if job.active else told.append(job.id))

    def done(job: Job) -> Job:
        end = time.monotonic() + 20
        while job.id not in told and time.monotonic() < end:
            time.sleep(0.01)
        return job

    first = done(queue.submit(Job("generate", "other"), lambda _: None))
    many = [queue.submit(Job("follow", "d"), lambda _: None) for _ in range(KEPT_OF_DOCUMENT + 30)]
    done(many[-1])
    assert queue.of_document("d") == many[-KEPT_OF_DOCUMENT:]
    assert queue.get(first.id) is first  # that one has made many forgets nothing of others
    assert len(list(tmp_path.glob("*.json"))) == KEPT_OF_DOCUMENT + 1
    monkeypatch.setattr("ui.jobs.KEPT_FINISHED", 10)
    monkeypatch.setattr("ui.jobs.KEPT_S", -1.0)  # an hour later
    last = done(queue.submit(Job("generate", "last"), lambda _: None))
    assert queue.get(first.id) is None
    assert queue.get(last.id) is last
    assert len(queue.of_document("d")) < 10


def test_users_take_turns_whatever_the_order_of_asking(queue: JobQueue) -> None:
    order: list[str] = []
    held = threading.Event()
    first = queue.submit(Job("test", "d", owner="anna"), lambda _: held.wait(10) and None)
    asked = [("anna", 1), ("anna", 2), ("anna", 3), ("bert", 1), ("cleo", 1), ("bert", 2)]
    jobs = [
        queue.submit(Job("test", "d", owner=user), lambda _, name=f"{user} {n}": order.append(name))
        for user, n in asked
    ]
    time.sleep(0.05)
    before = [queue.waiting_before(job) for job in jobs]
    held.set()
    assert [wait(job).state for job in (first, *jobs)] == ["done"] * 7
    assert order == ["bert 1", "cleo 1", "anna 1", "bert 2", "anna 2", "anna 3"]
    assert [f"{user} {n}" for _, (user, n) in sorted(zip(before, asked, strict=True))] == order


def test_a_waiting_job_changes_places_with_its_neighbour_of_the_same_user(queue: JobQueue) -> None:
    order: list[str] = []
    begun, held = threading.Event(), threading.Event()
    first = queue.submit(Job("test", "d"), lambda _: begun.set() or (held.wait(60) and None))
    assert begun.wait(20)
    jobs = [queue.submit(Job("test", "d"), lambda _, name=name: order.append(name)) for name in "abc"]
    queue.move(jobs[2], -1)
    queue.move(jobs[2], -1)
    queue.move(jobs[2], -1)  # it is the first already
    assert [job.id for job in queue.active("accelerator")[-3:]] == [jobs[2].id, jobs[0].id, jobs[1].id]
    held.set()
    assert [wait(job).state for job in (first, *jobs)] == ["done"] * 4
    assert order == ["c", "a", "b"]
