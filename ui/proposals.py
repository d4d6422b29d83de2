"""Layouts that a sentence gave, kept beside their document until newer ones take their place.

They go with the document: into its ``.ssldiff`` file and into its copies.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssldiff_core.errors import LayoutError, SSLDiffError

from .documents import Document
from .files import write_json

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid

    from .workspace import Workspace

KEPT = 12
FOLDER, LIST = "proposals", "proposals.json"
KEY = r"[0-9a-f]{12}-\d{1,10}"
"""Batch and seed."""


@dataclass(frozen=True, eq=False)
class Proposed:
    """One layout to choose.

    Args:
        batch: layouts of one wish have one batch.
        grid: all cells valid; its source holds the sentence.
        notes: what the user should know of the sentence.
        kept: cells of the document that it holds as they were.
    """

    batch: str
    grid: EmbeddingGrid
    notes: tuple[str, ...] = ()
    kept: tuple[tuple[int, int], ...] = ()

    @property
    def told(self) -> Mapping[str, Any]:
        """The sentence, how it was read, and the seed."""
        return dict(self.grid.source.get("text", {}))


def keep_proposal(workspace: Workspace, document: Document, made: Proposed) -> str:
    """Write a layout down, and forget the oldest beyond :data:`KEPT`; its key."""
    folder = _folder(workspace, document)
    folder.mkdir(exist_ok=True)
    key = f"{made.batch}-{made.told.get('seed', 0)}"
    with workspace.documents.exclusive():  # nobody copies the folder meanwhile
        made.grid.save(folder / f"{key}.npz")
        records = [record for record in _records(folder) if record["key"] != key]
        kept = [list(cell) for cell in made.kept]
        records.append({"key": key, "batch": made.batch, "notes": list(made.notes), "kept": kept})
        write_json(folder / LIST, {"proposals": records[-KEPT:]})
        for old in records[:-KEPT]:
            (folder / f"{old['key']}.npz").unlink(missing_ok=True)
    return key


def load_proposal(workspace: Workspace, document: Document, key: str) -> Proposed:
    """A layout by its key.

    Raises:
        LayoutError: where it is no longer kept.
    """
    folder = _folder(workspace, document)
    record = next((record for record in _records(folder) if record["key"] == key), None)
    if record is None or not re.fullmatch(KEY, key):
        raise LayoutError("use this layout", "it is no longer kept", "", "Make it again from the sentence")
    return _load(folder, record)


def _load(folder: Path, record: Mapping[str, Any]) -> Proposed:
    from ssldiff_core.embeddings.grid import EmbeddingGrid

    kept = tuple((int(row), int(col)) for row, col in record["kept"])
    notes = tuple(str(note) for note in record["notes"])
    return Proposed(str(record["batch"]), EmbeddingGrid.load(folder / f"{record['key']}.npz"), notes, kept)


def check_proposals(document_folder: Path) -> None:
    """Hold the layouts of a document that came from elsewhere against what this module writes; no other file stays.

    Raises:
        ValueError: where one is not what it should be.
    """
    folder = document_folder / FOLDER
    if not folder.is_dir():
        return
    try:
        records = json.loads((folder / LIST).read_text(encoding="utf-8"))["proposals"]
        for record in records:
            if not re.fullmatch(KEY, record["key"]):
                raise ValueError("a layout without a key")
            _words(_load(folder, record))
    except (OSError, SSLDiffError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its layouts are damaged ({error})") from None
    named = {LIST, *(f"{record['key']}.npz" for record in records)}
    if len(records) > KEPT:
        raise ValueError(f"it has {len(records)} layouts")
    for path in folder.iterdir():
        if path.name not in named:
            path.unlink()


def newest_seed(workspace: Workspace, document: Document) -> int:
    """The largest seed that gave a layout of the document; -1 where there was none."""
    records = _records(_folder(workspace, document))
    return max((int(record["key"].split("-")[1]) for record in records), default=-1)


def proposals_to_json(workspace: Workspace, document: Document) -> dict[str, object]:
    """What the page shows, oldest first: cells as indices of the document's swatches (int16 as base64)."""
    shown: list[dict[str, object]] = []
    for record in _records(_folder(workspace, document)):
        try:
            shown.append(_to_json(document, load_proposal(workspace, document, record["key"]), record["key"]))
        except (SSLDiffError, OSError):
            continue
    return {"proposals": shown}


def _to_json(document: Document, made: Proposed, key: str) -> dict[str, object]:
    grid, layout = made.grid, document.need_layout()
    labels = np.full(grid.shape_cell, -1, np.int16)
    if layout.palette is not None:
        layout.palette.check_fits(grid)
        labels[:] = layout.palette.nearest(grid.vectors.reshape(-1, grid.dim)).reshape(grid.shape_cell)
    rows, cols = grid.shape_cell
    return {
        "key": key, "batch": made.batch, "rows": rows, "cols": cols, "notes": list(made.notes),
        "kept": len(made.kept), "digest": grid.digest, "labels": base64.b64encode(labels.tobytes()).decode("ascii"),
        **_words(made),
    }  # fmt: skip


def _words(made: Proposed) -> dict[str, object]:
    """The sentence of a layout, and how it was read."""
    told = made.told
    return {
        "text": str(told.get("prompt", "")), "negative": str(told.get("negative", "")),
        "phrases": list(told.get("phrases", ())), "absent": list(told.get("absent", ())),
    }  # fmt: skip


def _folder(workspace: Workspace, document: Document) -> Path:
    return workspace.documents.folder(document.id) / FOLDER


def _records(folder: Path) -> list[dict[str, Any]]:
    try:
        return list(json.loads((folder / LIST).read_text(encoding="utf-8"))["proposals"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
