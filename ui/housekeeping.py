"""The disk: tiles and results above the quota go, oldest first; what a killed server left half done, after a day."""

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
EVERY_S, LEFTOVERS_EVERY_S = 60.0, 3600.0
LEFTOVER_S = 24 * 3600.0
LOW_BYTES = 1 << 30
"""Less free disk than this is told by the health check."""


class Housekeeping:
    """Cleans up once a minute, and looks for leftovers once an hour, on a thread of its own."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        looked = -LEFTOVERS_EVERY_S
        while not self._stop.wait(EVERY_S):
            try:
                if time.monotonic() > looked + LEFTOVERS_EVERY_S:
                    looked = time.monotonic()
                    remove_leftovers(self._workspace)
                clean_up(self._workspace)
            except Exception:  # a fault of ours must not end the thread
                log.exception("cleaning up failed")


def clean_up(workspace: Workspace) -> int:
    """Remove what lies above the quota; returns the bytes that were freed.

    Tiles of virtual slides go first, for they can be drawn again; then the oldest results. The result that a document
    shows, and those that a user marked, are never removed.
    """
    data = workspace.config.data_dir
    quota = workspace.config.quota_bytes
    if not quota:
        return trim_tiles(data / "documents", BUDGET_BYTES)
    used = {path: folder_bytes(path) for path in (data / "documents").glob("*/results/*") if path.is_dir()}
    excess = sum(used.values()) - quota
    tiles = trim_tiles(data / "documents", min(BUDGET_BYTES, max(0, -excess)))
    return tiles + _remove_oldest(workspace, used, excess)


def remove_leftovers(workspace: Workspace) -> None:
    """Remove what was being sent, written or drawn when a server was killed, a day ago or longer.

    Besides files that were to take another's place, that is results which no document names, and folders in which no
    document is: work that ended after its document was deleted makes them.
    """
    data = workspace.config.data_dir
    parts = [path for where in ("jobs", "documents/*", "documents/*/*") for path in data.glob(f"{where}/.part-*")]
    for path in [*data.glob(".out-*"), *parts]:
        if _is_old(path):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    for folder in data.glob("documents/*"):
        try:
            said = (folder / "document.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            if _is_old(folder) and workspace.documents.get_any(folder.name) is None:
                shutil.rmtree(folder, ignore_errors=True)
            continue
        for path in folder.glob("results/*"):
            if path.name not in said and _is_old(path):  # only such a document is opened
                document = workspace.documents.get_any(folder.name)
                if document is not None and find_result(document, path.name) is None:
                    shutil.rmtree(path, ignore_errors=True)


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > LEFTOVER_S
    except OSError:  # it has just been removed
        return False


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
