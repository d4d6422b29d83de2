"""Long work: queued, done by one thread for each lane, followed by progress, stopped by a flag, remembered on disk.

A job belongs to a document and to nobody's browser tab: it goes on when a page is closed, and a page that comes back
finds it. ``accelerator`` (encoding, generation) and ``background`` (projections) are the lanes. In a lane users take
turns: next is the oldest job of whoever was served longest ago, so that one's many jobs hold up nobody's first.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ssldiff_core.errors import Cancelled, SSLDiffError, is_out_of_memory

from .files import write_json
from .users import current_user, set_current_user
from .waiting import WaitingJobs

log = logging.getLogger(__name__)

State = Literal["queued", "running", "done", "failed", "cancelled"]
Lane = Literal["accelerator", "background"]
KEPT_FINISHED, KEPT_OF_DOCUMENT, KEPT_S = 200, 50, 3600.0
"""How many finished jobs are remembered, of all documents and of one; within the time that a page may be away, all that
one document's brush and looks do not push out."""
OUT_OF_MEMORY = "The machine has not enough memory for this. Choose a smaller region, or wait until others are done."


@dataclass
class Job:
    """One piece of work. Fields change only on the thread that does it, but for the cancel flag."""

    kind: str
    document_id: str
    lane: Lane = "accelerator"
    owner: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: State = "queued"
    phase: str = ""
    done: int = 0
    total: int = 0
    eta_s: float | None = None
    message: str = ""
    title: str = ""
    """What it does, for a list of jobs."""
    preview: int = 0
    result_id: str = ""
    parts: int = 1
    """Images that the job draws, and which of them it is at, from 0."""
    part: int = 0
    request: dict[str, Any] = field(default_factory=dict)
    """What was asked, so that a new server can ask again (``ui.resuming``); empty for what is not worth it."""
    created: float = field(default_factory=time.time)
    started: float = 0.0
    finished: float = 0.0

    def __post_init__(self) -> None:
        self._cancel = threading.Event()
        self.preview_jpeg: bytes = b""

    @property
    def active(self) -> bool:
        return self.state in ("queued", "running")

    def cancelled(self) -> bool:
        """Whether somebody asked to stop; looked at by the work at every step."""
        return self._cancel.is_set()

    def request_cancel(self) -> None:
        self._cancel.set()

    def to_json(self) -> dict[str, object]:
        keys = (
            "id", "kind", "document_id", "lane", "owner", "state", "phase", "done", "total", "eta_s", "message",
            "title", "preview", "result_id", "parts", "part", "created", "started", "finished",
        )  # fmt: skip
        return {key: getattr(self, key) for key in keys}


Work = Callable[[Job], None]


class JobQueue:
    """All jobs of this server. ``changed`` is called, on any thread, after each change of a job."""

    def __init__(self, folder: Path, changed: Callable[[Job], None]) -> None:
        self._folder, self._changed = folder, changed
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._lanes: dict[str, WaitingJobs] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._interrupted: set[str] = set()
        self._closing = False
        self._load()
        for lane in ("accelerator", "background"):
            self._lanes[lane] = WaitingJobs()
            self._threads[lane] = threading.Thread(
                target=self._run_lane, args=(lane,), name=f"jobs-{lane}", daemon=True
            )
            self._threads[lane].start()

    def submit(self, job: Job, work: Work) -> Job:
        """Queue a job of the user who asks; returns at once."""
        job.owner = job.owner or current_user()
        with self._lock:
            self._jobs[job.id] = job
        self._keep(job)
        self._changed(job)
        self._lanes[job.lane].put(job, work)
        return job

    def count_states(self) -> dict[str, int]:
        """How many jobs are in each state."""
        with self._lock:
            return dict(Counter(job.state for job in self._jobs.values()))

    def dead_lanes(self) -> list[str]:
        """Lanes whose thread has ended, which none should."""
        return [lane for lane, thread in self._threads.items() if not thread.is_alive()]

    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def of_document(self, document_id: str) -> list[Job]:
        """Jobs of a document, oldest first."""
        with self._lock:
            found = [job for job in self._jobs.values() if job.document_id == document_id]
        return sorted(found, key=lambda job: job.created)

    def waiting_before(self, job: Job) -> int:
        """How many jobs of the lane are done before this one, if nobody asks for more."""
        if job.state == "running":
            return 0
        with self._lock:
            running = sum(other.lane == job.lane and other.state == "running" for other in self._jobs.values())
        return running + self._lanes[job.lane].waiting_before(job)

    def active(self, lane: Lane) -> list[Job]:
        """Jobs of a lane that run or wait, in the order in which they will be done."""
        with self._lock:
            found = [job for job in self._jobs.values() if job.lane == lane and job.active]
        return sorted(found, key=self.waiting_before)

    def move(self, job: Job, by: int) -> None:
        """Let a waiting job go before (-1) or after (1) its neighbour among the user's own."""
        self._lanes[job.lane].move(job, by)
        self._changed(job)

    def cancel(self, job_id: str) -> Job | None:
        """Ask a job to stop. One that waits is cancelled at once."""
        job = self._jobs.get(job_id)
        if job is None or not job.active:
            return job
        job.request_cancel()
        if job.state == "queued":
            self._finish(job, "cancelled", "Cancelled before it began.")
        return job

    def report(
        self, job: Job, *, phase: str, done: int, total: int, eta_s: float | None = None, preview_jpeg: bytes = b""
    ) -> None:
        """Tell how far a running job is."""
        job.phase, job.done, job.total, job.eta_s = phase, done, total, eta_s
        if preview_jpeg:
            job.preview_jpeg = preview_jpeg
            job.preview += 1
        self._changed(job)

    def interrupted(self) -> list[Job]:
        """Jobs that the last server had not finished and that can be asked for again, oldest first."""
        with self._lock:
            found = [job for job in self._jobs.values() if job.id in self._interrupted]
        return sorted(found, key=lambda job: job.created)

    def resume(self, job: Job, work: Work) -> Job:
        """Queue an interrupted job again, under its id."""
        self._interrupted.discard(job.id)
        job.state, job.message, job.done, job.finished, job.result_id = "queued", "", 0, 0.0, ""
        return self.submit(job, work)

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop: what runs ends at its next step, and stays on disk as what the next server goes on with."""
        self._closing = True
        with self._lock:
            running = [job for job in self._jobs.values() if job.state == "running"]
        for job in running:
            job.request_cancel()
        until = time.monotonic() + timeout_s
        while any(job.state == "running" for job in running) and time.monotonic() < until:
            time.sleep(0.02)

    def _run_lane(self, lane: str) -> None:
        while True:
            job, work = self._lanes[lane].get()
            if self._closing:
                continue
            if job.state == "queued":
                self._run(job, work)

    def _run(self, job: Job, work: Work) -> None:
        set_current_user(job.owner)  # what the work opens must be its owner's
        job.state, job.started = "running", time.time()
        self._changed(job)
        try:
            work(job)
        except Cancelled:
            self._finish(job, "cancelled", "Cancelled.")
        except SSLDiffError as error:
            self._finish(job, "failed", str(error))
        except OSError as error:
            log.exception("job %s (%s)", job.id, job.kind)
            self._finish(job, "failed", f"A file could not be read or written: {error.strerror or error}.")
        except BaseException as error:  # out of memory, or a bug of ours: the log has the details
            log.exception("job %s (%s)", job.id, job.kind)
            text = f"Something went wrong inside ssldiff ({type(error).__name__}). The server's log has the details."
            self._finish(job, "failed", OUT_OF_MEMORY if is_out_of_memory(error) else text)
        else:
            self._finish(job, "done", job.message)

    def _finish(self, job: Job, state: State, message: str) -> None:
        if self._closing and state != "done":  # stopped with the server: its file says that it waits
            job.state = "queued"
            return
        job.state, job.message, job.finished, job.eta_s, job.preview_jpeg = state, message, time.time(), None, b""
        self._keep(job)
        self._forget_oldest(job.document_id)
        self._changed(job)

    def _forget_oldest(self, document_id: str) -> None:
        """Forget finished jobs that no page asks for any more: following the brush alone makes thousands in an hour."""
        with self._lock:
            finished = [job for job in self._jobs.values() if not job.active and job.id not in self._interrupted]
            own = [job for job in finished if job.document_id == document_id]
            old = [job for job in finished[:-KEPT_FINISHED] if job.finished < time.time() - KEPT_S]
            gone = {job.id for job in (*own[:-KEPT_OF_DOCUMENT], *old)}
            for job_id in gone:
                del self._jobs[job_id]
        for job_id in gone:
            (self._folder / f"{job_id}.json").unlink(missing_ok=True)

    def _keep(self, job: Job) -> None:
        try:
            write_json(self._folder / f"{job.id}.json", {**job.to_json(), "request": job.request})
        except OSError:
            log.warning("job %s could not be written to disk", job.id, exc_info=True)

    def _load(self) -> None:
        """Jobs of earlier runs of the server; what was running then is told to have been stopped."""
        paths = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for old in paths[:-KEPT_FINISHED]:
            old.unlink(missing_ok=True)
        for path in paths[-KEPT_FINISHED:]:
            try:
                job = Job(**json.loads(path.read_text(encoding="utf-8")))
            except (ValueError, TypeError):
                log.warning("%s is no job", path)
                continue
            if job.active:
                job.state, job.message = "failed", "The server was stopped while this ran. Start it again."
                if job.request:
                    self._interrupted.add(job.id)
                    self._jobs[job.id] = job
                    continue
                self._keep(job)
            self._jobs[job.id] = job
