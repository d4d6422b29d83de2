"""Documents and their scene files: a document that came from elsewhere, or whose file moved, finds its scene again."""

from __future__ import annotations

from dataclasses import replace

from ssldiff_core.errors import SSLDiffError
from ssldiff_core.scenes.identity import file_digest

from .documents import Document
from .library import SceneEntry
from .records import SceneRef
from .workspace import Workspace


def link_scene(workspace: Workspace, document: Document) -> None:
    """Point the document at its scene as this server has it; a scene without version is not here.

    A file counts as the scene where it has the id, or the digest, and an image of the size that the document knows.
    """
    scene = document.scene
    if scene is None:
        return
    entry = _find(workspace, scene)
    identity, version = (entry.id, entry.version) if entry else (scene.id, "")
    if (identity, version) != (scene.id, scene.version):
        document.set_scene(replace(scene, id=identity, version=version), document.model_id)


def _find(workspace: Workspace, scene: SceneRef) -> SceneEntry | None:
    try:
        entry = workspace.library.get(scene.id)
        if entry.version == scene.version or _fits(workspace, entry, scene):
            return entry
    except SSLDiffError:
        pass
    alike = [entry for entry in workspace.library.listing() if _has_content(entry, scene)]
    return next((entry for entry in alike if _fits(workspace, entry, scene)), None)


def _has_content(entry: SceneEntry, scene: SceneRef) -> bool:
    """Whether a file is the scene's; by its name for a document from before digests were kept."""
    if not scene.digest:
        return entry.name == scene.name
    try:
        return entry.size_bytes == scene.size_bytes and file_digest(entry.path) == scene.digest
    except OSError:
        return False


def _fits(workspace: Workspace, entry: SceneEntry, scene: SceneRef) -> bool:
    try:
        return workspace.tiles.scenes.get(entry).size_l0 == tuple(scene.size_l0)
    except SSLDiffError:
        return False
