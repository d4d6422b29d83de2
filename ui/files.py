"""Files that are either the old or the new, never half of one."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path`` (same suffixes), then put it in place.

    Raises:
        OSError: where the disk is full or the folder cannot be written; the old file is untouched then.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=path.name)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """JSON, atomically."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
