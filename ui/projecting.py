"""Points of the scatter: fitted into a square, and laid out by UMAP in a process of its own.

Compiling UMAP would hold up the threads that answer the page, so another process does it, at a lower priority than
the drawing of images.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import numpy as np

from ssldiff_core.errors import Cancelled, LayoutError

from .documents import Document
from .jobs import Job

if TYPE_CHECKING:
    from .workspace import Workspace

MIN_UMAP_POINTS = 16


def fit_square(points: np.ndarray) -> np.ndarray:
    """Points (n, 2) moved and scaled, both axes alike, into [-1, 1]²; the outermost 0.5 % may end on its edge."""
    points = np.asarray(points, np.float32)
    low, high = np.quantile(points, [0.005, 0.995], axis=0)
    centre, half = (low + high) / 2, float(max((high - low).max() / 2, 1e-9))
    square: np.ndarray = np.clip((points - centre) / (half * 1.08), -1, 1)
    return square.astype(np.float32)


def start_umap(workspace: Workspace, document: Document) -> Job:
    """Queue the layout of a document's points by UMAP; the job that is under way where there is one.

    Raises:
        LayoutError: where there are too few points.
    """
    vectors, key = document.point_vectors(), document.points_key
    if len(vectors) < MIN_UMAP_POINTS:
        raise LayoutError(
            "lay out the points by UMAP", f"there are {len(vectors)}", f"UMAP takes at least {MIN_UMAP_POINTS} points"
        )
    for job in workspace.jobs.of_document(document.id):
        if job.kind == "umap" and job.active:
            return job
    return workspace.jobs.submit(
        Job("umap", document.id, lane="background"), _umap_work(workspace, document, vectors, key)
    )


def _umap_work(workspace: Workspace, document: Document, vectors: np.ndarray, key: str) -> Callable[[Job], None]:
    def work(job: Job) -> None:
        workspace.jobs.report(job, phase="laying out the scatter", done=0, total=0)
        points = workspace.projections.get(vectors, lambda: _in_own_process(vectors, job.cancelled))
        if not np.array_equal(vectors, document.point_vectors()):
            return  # the palette has changed meanwhile
        if document.set_points("umap", fit_square(points), key):
            workspace.publish_document(document)

    return work


class Projections:
    """The points of the vectors laid out last: canvases of one palette all show the same."""

    def __init__(self, kept: int = 32) -> None:
        self._kept, self._lock = kept, threading.Lock()
        self._held: OrderedDict[bytes, np.ndarray] = OrderedDict()

    def get(self, vectors: np.ndarray, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Points (n, 2) of vectors (n, dim), made where they are not known."""
        key = hashlib.sha256(repr(vectors.shape).encode() + np.ascontiguousarray(vectors).tobytes()).digest()
        with self._lock:
            known = self._held.get(key)
        points = make() if known is None else known
        with self._lock:
            self._held[key] = points
            self._held.move_to_end(key)
            while len(self._held) > self._kept:
                self._held.popitem(last=False)
        return points


def _in_own_process(vectors: np.ndarray, cancelled: Callable[[], bool]) -> np.ndarray:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_project, args=(vectors, theirs), name="umap", daemon=True)
    process.start()
    theirs.close()
    try:
        while not ours.poll(0.3):
            if cancelled():
                raise Cancelled("the layout of the scatter")
        points = ours.recv()
    except EOFError:
        raise RuntimeError("the process that computes UMAP ended without a result") from None
    finally:
        process.terminate()
        process.join(5)
        ours.close()
    return np.asarray(points, np.float32)


def _project(vectors: np.ndarray, out: Connection) -> None:
    """In the other process: compute, send, and end when the server ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(AttributeError, OSError):
        os.nice(10)
    from ssldiff_core.embeddings.projection import project_umap

    out.send(project_umap(vectors, seed=0))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
