"""The disk: tiles and results above the quota go, oldest first; what a killed server left half sent, after a day."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .results import delete_result, find_result
from .slide_tiles import BUDGET_BYTES, trim_tiles
from .users import set_current_user

if TYPE_CHECKING:
    from .documents import Document
    from .records import ResultRecord
    from .workspace import Workspace

log = logging.getLogger(__name__)
EVERY_S = 60.0
LEFTOVER_S = 24 * 3600.0
LOW_BYTES = 1 << 30
"""Less free disk than this is told by the health check."""


class Housekeeping:
    """Cleans up once a minute, on a thread of its own."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                clean_up(self._workspace)
            except Exception:  # a fault of ours must not end the thread
                log.exception("cleaning up failed")


def clean_up(workspace: Workspace) -> int:
    """Remove leftovers, then what lies above the quota; returns the bytes that were freed.

    Tiles of virtual slides go first, for they can be drawn again; then the oldest results. The result that a document
    shows, and those that a user marked, are never removed.
    """
    data = workspace.config.data_dir
    for path in data.glob(".out-*"):
        if time.time() - path.stat().st_mtime > LEFTOVER_S:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    quota = workspace.config.quota_bytes
    if not quota:
        return trim_tiles(data / "documents", BUDGET_BYTES)
    used = {path: folder_bytes(path) for path in (data / "documents").glob("*/results/*") if path.is_dir()}
    excess = sum(used.values()) - quota
    tiles = trim_tiles(data / "documents", min(BUDGET_BYTES, max(0, -excess)))
    return tiles + _remove_oldest(workspace, used, excess)


def _remove_oldest(workspace: Workspace, used: dict[Path, int], excess: int) -> int:
    freed = 0
    for path in sorted(used, key=lambda path: path.stat().st_mtime):
        if freed >= excess:
            break
        freed += used[path] if _remove(workspace, path) else 0
    if freed:
        log.warning("results above the quota were removed", extra={"freed_bytes": freed})
    return freed


def _remove(workspace: Workspace, path: Path) -> bool:
    """Remove one result where nobody looks at it."""
    document = workspace.documents.get_any(path.parent.parent.name)
    if document is None:
        return False
    record = find_result(document, path.name)
    if record is None:  # of a document that was not saved after it
        return False
    if _is_wanted(document, record):
        return False
    set_current_user(document.owner)
    delete_result(workspace, document, record)
    set_current_user("")
    return True


def _is_wanted(document: Document, record: ResultRecord) -> bool:
    return record.id == document.results[-1].id or record.id == document.shown or bool(record.mark)


def folder_bytes(folder: Path) -> int:
    """Size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def health(workspace: Workspace) -> dict[str, object]:
    """Whether the server can do its work: ``ok``, or what is wrong."""
    faults = []
    try:
        probe = workspace.config.data_dir / ".probe"
        probe.write_bytes(b"ok")
        probe.unlink()
        if shutil.disk_usage(workspace.config.data_dir).free < LOW_BYTES:
            faults.append("the disk is nearly full")
    except OSError as error:
        faults.append(f"the data folder cannot be written ({error.strerror})")
    faults += [f"{lane} does no jobs any more" for lane in workspace.jobs.dead_lanes()]
    return {"status": "ok" if not faults else "failing", "faults": faults}
