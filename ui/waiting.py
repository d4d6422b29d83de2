"""Whose turn it is: jobs that wait in a lane, and which of them is next."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .jobs import Job, Work


class WaitingJobs:
    """Jobs that wait, by whose turn it is."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Job, Work]] = []
        self._served: dict[str, int] = {}
        self._turn = itertools.count(1)
        self._condition = threading.Condition()

    def put(self, job: Job, work: Work) -> None:
        with self._condition:
            self._waiting.append((job, work))
            self._condition.notify()

    def get(self) -> tuple[Job, Work]:
        """The next job; waits for one."""
        with self._condition:
            while True:
                self._waiting = [entry for entry in self._waiting if entry[0].state == "queued"]
                if self._waiting:
                    entry = _next_of(self._waiting, self._served)
                    self._waiting.remove(entry)
                    self._served[_user_of(entry[0])] = next(self._turn)
                    return entry
                self._condition.wait()

    def move(self, job: Job, by: int) -> None:
        """Let a waiting job change places with the one before (-1) or after (1) it of the same user."""
        with self._condition:
            own = [at for at, entry in enumerate(self._waiting) if _user_of(entry[0]) == _user_of(job)]
            here = next((k for k, at in enumerate(own) if self._waiting[at][0] is job), None)
            if here is not None and 0 <= here + by < len(own):
                a, b = own[here], own[here + by]
                self._waiting[a], self._waiting[b] = self._waiting[b], self._waiting[a]

    def waiting_before(self, job: Job) -> int:
        """How many jobs come before one that waits."""
        with self._condition:
            waiting = [entry for entry in self._waiting if entry[0].state == "queued"]
            served, turn = dict(self._served), max(self._served.values(), default=0)
        count = 0
        while waiting:
            entry = _next_of(waiting, served)
            if entry[0] is job:
                break
            waiting.remove(entry)
            turn += 1
            served[_user_of(entry[0])] = turn
            count += 1
        return count


def _user_of(job: Job) -> str:
    """Without a login each document stands for a user."""
    return job.owner or job.document_id


def _next_of(waiting: list[tuple[Job, Work]], served: dict[str, int]) -> tuple[Job, Work]:
    """The oldest job of the user who was served longest ago; the list is in the order of asking."""
    return min(waiting, key=lambda entry: served.get(_user_of(entry[0]), 0))
