"""Files appear under their names whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ExportError


@contextmanager
def replacing(asked: str, *paths: Path, folders: tuple[Path, ...] = ()) -> Iterator[tuple[Path, ...]]:
    """Temporary files and folders beside ``paths`` and ``folders``, renamed to them at the end; on any error, removed.

    Folders come first and the first path last, so that what names the others appears when they are there.

    Yields:
        one path for each, files before folders; the files exist and are empty, and so are the folders.

    Raises:
        ExportError: for whatever the file system refuses: no such folder, no permission, no space.
    """
    parts, folder_parts = tuple(map(_beside, paths)), tuple(map(_beside, folders))
    try:
        for path, part in zip(paths, parts, strict=True):
            if path.is_dir():
                raise IsADirectoryError(f"{path.name} is a folder")
            part.open("xb").close()
        for folder, part in zip(folders, folder_parts, strict=True):
            if folder.exists() and not folder.is_dir():
                raise NotADirectoryError(f"{folder.name} is no folder")
            part.mkdir()
        yield (*parts, *folder_parts)
        for part in parts:
            _flush(part)
        for part, folder in zip(folder_parts, folders, strict=True):
            _exchange(part, folder)
        for part, path in zip(reversed(parts), reversed(paths), strict=True):
            os.replace(part, path)
    except OSError as error:
        raise ExportError(
            asked, f"the file system refused ({error.strerror or error})", "", _remedy(paths[0].parent)
        ) from error  # fmt: skip
    finally:
        for part in parts:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        for part in folder_parts:
            shutil.rmtree(part, ignore_errors=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")


def _exchange(new: Path, old: Path) -> None:
    """Give a folder another's name; what bore it is removed afterwards."""
    aside = _beside(old)
    if old.exists():
        os.replace(old, aside)
    os.replace(new, old)
    shutil.rmtree(aside, ignore_errors=True)


def _flush(path: Path) -> None:
    """Bring a file to the disk, so that a full one is found before the old file is replaced."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _remedy(folder: Path) -> str:
    if not folder.exists():
        return f"There is no folder {folder}: make it, or choose another"
    if not folder.is_dir():
        return f"{folder} is not a folder: choose another place"
    return "Choose a folder that can be written to and has space; nothing was left behind"
