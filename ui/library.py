"""The scenes a user can open, each under an opaque id: shipped demos, files of the configured root, uploads.

A page never sends a path. An id is looked up in what was listed here, and the resolved path must lie in its folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from ssldiff_core.errors import SceneError

from .config import SCENE_SUFFIXES, AppConfig
from .users import current_user, folder_of_user, may_see, user_of_folder

Origin = Literal["demo", "root", "upload", "result"]
MAX_LISTED = 20_000
MAX_DEPTH = 4


@dataclass(frozen=True)
class SceneEntry:
    """One openable file. ``folder`` is where it lies in the root; ``version`` changes with the file."""

    id: str
    origin: Origin
    path: Path
    name: str
    folder: str
    version: str
    size_bytes: int
    owner: str = ""

    def to_json(self) -> dict[str, object]:
        keys = ("id", "origin", "name", "folder", "version", "size_bytes")
        return {key: getattr(self, key) for key in keys}


class SceneLibrary:
    """Lists scenes and resolves ids for the user who asks; safe to use from several threads.

    Args:
        config: where scenes lie.
        may_open: whether that user may see the document of an id, and so its results.
    """

    def __init__(self, config: AppConfig, may_open: Callable[[str], bool] = lambda _: True) -> None:
        self._config, self._may_open = config, may_open
        self._lock = threading.Lock()
        self._entries: dict[str, SceneEntry] = {}

    def listing(self) -> list[SceneEntry]:
        """All demo scenes, scenes of the root and the user's uploads, as they are on disk now."""
        found = [*self._scan(self._config.demo_dir, "demo"), *self._scan(self._uploads, "upload")]
        if self._config.root is not None:
            found += self._scan(self._config.root, "root")
        with self._lock:
            self._entries.update((entry.id, entry) for entry in found)
        return [entry for entry in found if may_see(entry.owner)]

    def get(self, scene_id: str) -> SceneEntry:
        """The entry of an id, checked again against its folder.

        Raises:
            SceneError: where there is no such scene any more, or it is another user's.
        """
        if scene_id.startswith("result-"):
            return self._result(scene_id)
        with self._lock:
            entry = self._entries.get(scene_id)
        if entry is None or not entry.path.is_file():
            self.listing()
            entry = self._entries.get(scene_id)
        folder = self._folder_of(entry.origin) if entry and entry.path.is_file() else None
        if entry is None or folder is None or not _lies_in(entry.path, folder) or not may_see(entry.owner):
            raise SceneError("open this scene", "it is no longer in the list", "", "Choose a scene from the list again")
        return _entry(entry.path, entry.origin, folder)

    def add_upload(self, filename: str, stream: BinaryIO) -> SceneEntry:
        """Keep an uploaded file. The name is kept for showing; the folder is ours.

        Raises:
            SceneError: where its suffix is none of a scene, or it is larger than allowed.
        """
        name = re.sub(r"[^\w.() -]", "_", Path(filename.replace("\\", "/")).name).strip(". ")[-120:] or "scene"
        suffix = Path(name).suffix.lower()
        if suffix not in SCENE_SUFFIXES:
            raise SceneError(
                f"open {name}", f"its name ends in {suffix or 'nothing'!r}", "a scene is a slide or an image file",
                "Choose for example an .svs, .tif, .ome.tif, .ndpi, .png or .jpg file",
            )  # fmt: skip
        target = self._uploads / folder_of_user(current_user()) / uuid.uuid4().hex / name
        target.parent.mkdir(parents=True)
        try:
            self._copy(stream, target)
        except BaseException:
            target.unlink(missing_ok=True)
            target.parent.rmdir()
            raise
        entry = _entry(target, "upload", self._uploads)
        with self._lock:
            self._entries[entry.id] = entry
        return entry

    def forget_upload(self, entry: SceneEntry) -> None:
        """Delete an uploaded file that turned out to be no scene."""
        if entry.origin == "upload" and _lies_in(entry.path, self._uploads):
            entry.path.unlink(missing_ok=True)
            entry.path.parent.rmdir()
            with self._lock:
                self._entries.pop(entry.id, None)

    @property
    def _uploads(self) -> Path:
        return self._config.data_dir / "uploads"

    def _folder_of(self, origin: Origin) -> Path | None:
        return {"demo": self._config.demo_dir, "root": self._config.root, "upload": self._uploads}.get(origin)

    def _result(self, scene_id: str) -> SceneEntry:
        match = re.fullmatch(r"result-([0-9a-f]{32})-([0-9a-f]{12})", scene_id)
        documents = self._config.data_dir / "documents"
        path = documents / match[1] / "results" / match[2] / "image.ome.tif" if match else None
        if match is None or path is None or not path.is_file() or not self._may_open(match[1]):
            raise SceneError("show this result", "its image is gone", "", "Generate it again")
        return _entry(path, "result", documents, scene_id)

    def _copy(self, stream: BinaryIO, target: Path) -> None:
        written, limit = 0, self._config.max_upload_bytes
        with target.open("wb") as out:
            while chunk := stream.read(1 << 20):
                written += len(chunk)
                if written > limit:
                    raise SceneError(
                        f"upload {target.name}", f"it is larger than {limit / 2**30:.3g} GiB", "uploads are limited",
                        "Put the file into the folder given with --root and open it from the list",
                    )  # fmt: skip
                out.write(chunk)

    def _scan(self, folder: Path, origin: Origin) -> list[SceneEntry]:
        paths = _scene_files(folder) if folder.is_dir() else iter(())
        entries = (_entry(path, origin, folder) for path in paths)
        return sorted(entries, key=lambda entry: (entry.folder.lower(), entry.name.lower()))


def _scene_files(folder: Path) -> Iterator[Path]:
    """Scene files under a folder, bounded in depth and number; links that lead out of it are left out."""
    count = 0
    for current, folders, files in os.walk(folder):
        depth = len(Path(current).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < MAX_DEPTH else []
        for name in sorted(files):
            path = Path(current) / name
            if not name.startswith(".") and path.suffix.lower() in SCENE_SUFFIXES and _lies_in(path, folder):
                yield path
                count += 1
                if count >= MAX_LISTED:
                    return


def _lies_in(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _entry(path: Path, origin: Origin, folder: Path, scene_id: str | None = None) -> SceneEntry:
    stat = path.stat()
    relative = path.relative_to(folder)
    within = "" if origin in ("upload", "result") else str(relative.parent).strip(".")
    identity = hashlib.blake2b(f"{origin}\0{relative}".encode(), digest_size=10).hexdigest()
    owner = user_of_folder(relative.parts[0]) if origin == "upload" else ""
    return SceneEntry(
        scene_id or f"{origin}-{identity}", origin, path, path.name, within, file_version(path), stat.st_size, owner
    )


def file_version(path: Path) -> str:
    """What changes with a file: it is part of the addresses of its tiles, which may be cached for good."""
    stat = path.stat()
    return hashlib.blake2b(f"{stat.st_mtime_ns} {stat.st_size}".encode(), digest_size=6).hexdigest()
