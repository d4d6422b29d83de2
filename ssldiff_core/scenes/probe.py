"""A file of unknown origin, looked at in a process of its own before it is opened in one that must not die.

Readers in C end their process on some damaged files: where they cannot have the memory that a header asks for, or by
an assertion of their own. A server tries an upload here first.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ..errors import SceneError

LIMIT_S, LIMIT_BYTES = 120.0, 12 * 2**30
"""How long it may take, and the address space that it may ask for."""

READ = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
except (ImportError, ValueError, OSError):
    pass
from ssldiff_core.errors import SSLDiffError
from ssldiff_core.geometry import Box
from ssldiff_core.scenes import open_scene
try:
    with open_scene(sys.argv[1]) as scene:
        width, height = scene.size_l0
        for x, y in ((0, 0), (max(0, width - 64), max(0, height - 64)), (width // 2, height // 2)):
            scene.read(Box(x, y, min(64, width), min(64, height)))
        for level in scene.levels:
            box = Box(0, 0, min(width, 64 * level.downsample), min(height, 64 * level.downsample))
            scene.read(box, size_px=(64, 64))
except (SSLDiffError, MemoryError):
    pass  # who opens it next says so in words
"""


def probe_file(path: Path, *, code: str = READ, limit_s: float = LIMIT_S) -> None:
    """Open and read a file in another process, and see that it lives.

    Args:
        path: the file.
        code: what that process runs, given the path and the most bytes; for tests.
        limit_s: seconds that it may take.

    Raises:
        SceneError: where the process died or took too long. A file that is refused in words passes.
    """
    words = [sys.executable, "-c", code, str(path), str(LIMIT_BYTES)]
    asked, rule = f"open {path.name} as a scene", "a scene file is whole"
    try:
        done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise SceneError(asked, f"a few pixels of it take more than {limit_s:g} s", rule, "Convert it") from None
    if done.returncode:
        raise SceneError(
            asked, f"its reader broke down over it (code {done.returncode})", rule,
            "It is damaged: copy it again, or convert it with the program that made it",
        )  # fmt: skip
