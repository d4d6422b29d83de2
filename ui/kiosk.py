"""A stage: what a public screen shows and does not allow. The page resets itself; here is what the server adds."""

from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING

from ssldiff_core.errors import SSLDiffError

if TYPE_CHECKING:
    from .workspace import Workspace

log = logging.getLogger(__name__)

CLOSED = re.compile(r"/(uploads|document-files|documents/[^/]+/(palette/file|palette/save|annotations|file|delete))")
"""Addresses that are closed on a stage: what comes from outside, what takes documents away, and what others saved."""

REFUSAL = "This is not possible on this screen."
SHOWN = 12


def warm_up(workspace: Workspace) -> threading.Thread:
    """Load all models and their patch encoders in the background, so that the first visitor does not wait."""

    def load() -> None:
        for spec in workspace.models():
            try:
                workspace.model(spec.id)
                workspace.encoder(spec)
            except SSLDiffError:
                log.exception("model %s could not be loaded beforehand", spec.id)

    thread = threading.Thread(target=load, name="warm-up", daemon=True)
    thread.start()
    return thread


def gallery(workspace: Workspace) -> list[dict[str, str]]:
    """What the screen shows while nobody touches it: the newest results, then the demo scenes; all are synthetic."""
    results = [
        {"id": str(record["scene_id"]), "version": str(record["scene_version"]), "text": f"model {record['model_id']}"}
        for document in workspace.documents.recent(SHOWN)
        for record in reversed(document["results"])  # type: ignore[call-overload]
    ]
    demos = [
        {"id": entry.id, "version": entry.version, "text": "demo scene"}
        for entry in workspace.library.listing()
        if entry.origin == "demo"
    ]
    return [*results[:SHOWN], *demos]
