"""Documents on disk: opened when asked for, saved by themselves shortly after each change.

``documents/<id>/document.json`` holds everything small, with the edits; ``grid-<digest>.npz``, ``palette-<n>.npz`` and
``points-<digest>.npz`` what is large; ``results/<id>/`` the images with their manifests.

In memory are the documents that somebody holds (a page that is open, a job), those that are not saved yet, and the few
asked for last. Of each there is one object, whoever holds it.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np

from ssldiff_core.errors import SSLDiffError

from .bookmarks import Bookmark
from .documents import Document
from .files import write_atomically, write_json
from .jumps import Jumps, base_name
from .records import ResultRecord, SceneRef
from .users import current_user, may_see

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.layouts.palette import Palette

log = logging.getLogger(__name__)
AUTOSAVE_S = 0.4
KEPT_OPEN = 24
"""Documents that stay in memory although nobody holds them."""


class DocumentStore:
    """All documents of this server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._open: WeakValueDictionary[str, Document] = WeakValueDictionary()
        self._recent: OrderedDict[str, Document] = OrderedDict()
        self._unsaved: dict[str, Document] = {}
        self._saving = threading.Lock()
        self._stop = threading.Event()
        threading.Thread(target=self._autosave, name="autosave", daemon=True).start()

    def create(self) -> Document:
        document = Document(owner=current_user())
        with self._lock:
            self._hold(document)
        return document

    def get(self, document_id: str) -> Document | None:
        """The document of an id, read from disk where needed.

        None where there is none, it cannot be read, or it belongs to another user than the one who asks.
        """
        document = self.get_any(document_id)
        return document if document is not None and may_see(document.owner) else None

    def get_any(self, document_id: str) -> Document | None:
        """As :meth:`get`, whoever asks: for the server's own work."""
        if not re.fullmatch(r"[0-9a-f]{32}", document_id):
            return None
        with self._lock:
            document = self._open.get(document_id) or self._load(document_id)
            if document is not None:
                self._hold(document)
            return document

    def _hold(self, document: Document) -> None:
        """Keep a document in memory while it is one of those asked for last; to be called with the lock held."""
        self._open[document.id] = self._recent[document.id] = document
        document.on_change = self._note_change
        self._recent.move_to_end(document.id)
        while len(self._recent) > KEPT_OPEN:
            self._recent.popitem(last=False)

    def _note_change(self, document: Document) -> None:
        if self._open.get(document.id) is document:  # else it was deleted
            self._unsaved[document.id] = document

    def folder(self, document_id: str) -> Path:
        """The document's own folder, made where it is missing."""
        path = self._folder / document_id
        path.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nothing is saved while the block runs: what lies on disk stays as it is."""
        with self._saving:
            yield

    def forget(self, document_id: str) -> None:
        """Hold a document no longer; its files stay."""
        with self._lock:
            for held in (self._open, self._recent, self._unsaved):
                held.pop(document_id, None)

    def delete(self, document: Document) -> None:
        """Remove a document with all its results."""
        self.forget(document.id)
        with self._saving:
            shutil.rmtree(self._folder / document.id, ignore_errors=True)

    def recent(self, limit: int = 60) -> list[dict[str, object]]:
        """The user's documents changed last, newest first; also one that was made a moment ago."""
        self._save_changed()
        paths = sorted(self._folder.glob("*/document.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        found: list[dict[str, object]] = []
        for path in paths:
            if len(found) >= limit:
                break
            try:
                body = json.loads(path.read_text(encoding="utf-8"))
                if not may_see(body.get("owner", "")):
                    continue
                found.append({
                    "id": body["id"], "name": body["name"], "scene": body["scene"], "edits": len(body.get("edits", ())),
                    "results": body["results"], "changed": path.stat().st_mtime,
                })  # fmt: skip
            except (ValueError, KeyError):
                log.warning("%s is no document", path)
        return found

    def save(self, document: Document) -> None:
        """Write a document now.

        Raises:
            OSError: where the disk is full or read-only; what was saved before stays.
        """
        with self._saving:
            with self._lock:
                gone = self._open.get(document.id) is not document
            if not gone:
                self._save(document)

    def _save(self, document: Document) -> None:
        with document.lock:
            version, body = document.version, self._to_json(document)
            layout, points, palette_version = document.layout, dict(document.points), document.palette_version
            bases = document.jumps.bases()
        folder = self.folder(document.id)
        if layout is not None:
            for name, base in {**bases, base_name(layout.base): layout.base}.items():
                _write_once(folder / name, base)
            if layout.palette is not None:
                _write_once(folder / f"palette-{palette_version}.npz", layout.palette)
            if body["points"] and not (folder / str(body["points"])).exists():
                write_atomically(
                    folder / str(body["points"]), lambda part: np.savez(part, allow_pickle=False, **points)
                )
        write_json(folder / "document.json", body)
        self._remove_stale(folder, body)
        with document.lock:
            document.saved_version = version
            if document.version == version:
                self._unsaved.pop(document.id, None)

    def close(self) -> None:
        """Save what is unsaved and stop saving."""
        self._stop.set()
        self._save_changed()

    def _autosave(self) -> None:
        while not self._stop.wait(AUTOSAVE_S):
            self._save_changed()

    def _save_changed(self) -> None:
        for document in list(self._unsaved.values()):
            if document.scene is None and document.layout is None:
                continue
            try:
                self.save(document)
            except (OSError, SSLDiffError):
                log.exception("document %s could not be saved; trying again", document.id)
                time.sleep(1.0)

    @staticmethod
    def _to_json(document: Document) -> dict[str, object]:
        from ssldiff_core.layouts.edits import edit_to_json

        body: dict[str, object] = {
            "schema": 1,
            "id": document.id,
            "name": document.name,
            "version": document.version,
            "created": document.created,
            "scene": None if document.scene is None else asdict(document.scene),
            "model_id": document.model_id,
            "grid_note": document.grid_note,
            "note_accepted": document.note_accepted,
            "owner": document.owner,
            "palette_version": document.palette_version,
            "results": [asdict(record) for record in document.results],
            "shown": document.shown,
            "bookmarks": [asdict(bookmark) for bookmark in document.bookmarks],
        }
        layout = document.layout
        if layout is not None:
            body["grid"] = base_name(layout.base)
            body["other_grids"] = sorted(document.jumps.bases().keys() - {base_name(layout.base)})
            body["edits"] = [edit_to_json(edit) for edit in layout.edits]
            body["undone"] = [edit_to_json(edit) for edit in layout.undone]
            body["jumps"] = document.jumps.to_json()
            body["palette"] = f"palette-{document.palette_version}.npz" if layout.palette is not None else None
            of_palette = [str(document.palette_version)] if document.scene is None else []
            names = "-".join([layout.base.digest[:16], *of_palette, *sorted(document.points)])
            body["points"] = f"points-{names}.npz" if document.points else None
        return body

    @staticmethod
    def _remove_stale(folder: Path, body: dict[str, object]) -> None:
        """Grids, palettes and points that the saved document no longer names."""
        named = named_files(body)
        for path in [path for kind in ("grid", "palette", "points") for path in folder.glob(f"{kind}-*.npz")]:
            if path.name not in named:
                path.unlink(missing_ok=True)

    def _load(self, document_id: str) -> Document | None:
        folder = self._folder / document_id
        try:
            body = json.loads((folder / "document.json").read_text(encoding="utf-8"))
            document = _from_json(body, folder)
        except FileNotFoundError:
            return None
        except (SSLDiffError, OSError, ValueError, KeyError, TypeError):
            log.exception("document %s cannot be opened", document_id)
            return None
        document.saved_version = document.version
        return document


def _from_json(body: dict[str, Any], folder: Path) -> Document:
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.layouts.edits import edit_from_json
    from ssldiff_core.layouts.layout import Layout
    from ssldiff_core.layouts.palette import Palette

    document = Document(**{key: body[key] for key in ("id", "name", "version", "created", "model_id", "grid_note")})
    document.palette_version = body["palette_version"]
    document.owner, document.note_accepted = str(body.get("owner", "")), bool(body.get("note_accepted", False))
    if body["scene"] is not None:
        scene = dict(body["scene"], size_l0=tuple(body["scene"]["size_l0"]), warnings=tuple(body["scene"]["warnings"]))
        document.scene = SceneRef(**scene)
    document.bookmarks = tuple(Bookmark(**item) for item in body.get("bookmarks", ()))
    document.results = tuple(ResultRecord(**dict(item, origin_l0=tuple(item["origin_l0"]))) for item in body["results"])
    if body.get("grid"):
        palette = Palette.load(folder / body["palette"]) if body["palette"] else None
        edits, undone = (tuple(edit_from_json(item) for item in body[key]) for key in ("edits", "undone"))
        document.layout = Layout(EmbeddingGrid.load(folder / body["grid"]), palette, edits, undone)
        document.shown = str(body.get("shown") or (document.results[-1].id if document.results else ""))
        document.drawn = _drawn_grid(folder, document)
        document.jumps = Jumps.from_json(
            body.get("jumps", {}), document.layout, lambda name: EmbeddingGrid.load(folder / Path(name).name)
        )
    if body.get("points"):
        with np.load(folder / body["points"]) as archive:
            document.points = {name: archive[name] for name in archive.files}
    return document


def _drawn_grid(folder: Path, document: Document) -> EmbeddingGrid | None:
    """The grid in the shown result's manifest; None where it cannot be read any more."""
    from ssldiff_core.provenance import Manifest

    if not document.shown:
        return None
    paths = sorted((folder / "results" / document.shown).glob("*.manifest.json"))
    try:
        return Manifest.load(paths[0]).grid if paths else None
    except SSLDiffError:
        log.exception("the shown result of document %s has no readable manifest", document.id)
        return None


def named_files(body: Mapping[str, Any]) -> list[str]:
    """The grids, palette and points that a saved document names."""
    return [*(str(body[key]) for key in ("grid", "palette", "points") if body.get(key)), *body.get("other_grids", ())]


def _write_once(path: Path, content: EmbeddingGrid | Palette) -> None:
    """Grids and palettes never change under their name; their own ``save`` is atomic."""
    if not path.exists():
        content.save(path)
