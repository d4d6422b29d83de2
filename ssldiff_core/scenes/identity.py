"""What a scene is called outside: an alias and a digest, never the name of its file, its path or what its header says.

File names of slides hold names of patients and numbers of cases. So grids, manifests and documents carry what is made
here; the file's own name only where the user asks for it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

_SAMPLE_BYTES = 1 << 20


def file_digest(path: Path) -> str:
    """sha256 (hex) of a file's size, first and last MiB: the same wherever a copy lies, and quick for any size.

    A folder beside the file, as MRXS has one, is not looked into.

    Raises:
        OSError: where the file cannot be read.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_SAMPLE_BYTES))
        file.seek(max(_SAMPLE_BYTES, size - _SAMPLE_BYTES))
        digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def alias_of(digest: str) -> str:
    """The name that a scene has outside where the user gave none."""
    return f"scene {digest[:8]}"
