"""Files appear under their names whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ExportError


@contextmanager
def replacing(asked: str, *paths: Path) -> Iterator[tuple[Path, ...]]:
    """Temporary files in the folders of ``paths``, renamed to them at the end; on any error, removed.

    Yields:
        one path for each; the files exist and are empty.

    Raises:
        ExportError: for whatever the file system refuses: no such folder, no permission, no space.
    """
    parts = tuple(path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part") for path in paths)
    try:
        for path, part in zip(paths, parts, strict=True):
            if path.is_dir():
                raise IsADirectoryError(f"{path.name} is a folder")
            part.open("xb").close()
        yield parts
        for part in parts:
            _flush(part)
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
