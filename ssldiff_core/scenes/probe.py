"""Files of unknown origin, looked at in a process of their own before they are opened in one that must not die.

Readers in C end their process on some damaged files: where they cannot have the memory that a header asks for, or by
an assertion of their own. A server tries an upload here first.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import SceneError

LIMIT_S, LIMIT_BYTES = 120.0, 12 * 2**30
"""How long a file may take, and the address space that its readers may ask for."""

READ = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
except (ImportError, ValueError, OSError):
    pass
from ssldiff_core.errors import SSLDiffError
from ssldiff_core.geometry import Box
from ssldiff_core.scenes import open_scene
for name in sys.argv[2:]:
    print(name, flush=True)
    try:
        with open_scene(name) as scene:
            width, height = scene.size_l0
            for x, y in ((0, 0), (max(0, width - 64), max(0, height - 64)), (width // 2, height // 2)):
                scene.read(Box(x, y, min(64, width), min(64, height)))
            for level in scene.levels:
                box = Box(0, 0, min(width, 64 * level.downsample), min(height, 64 * level.downsample))
                scene.read(box, size_px=(64, 64))
    except (SSLDiffError, MemoryError):
        pass  # who opens it next says so in words
"""


def probe_files(paths: Sequence[Path], *, code: str = READ, limit_s: float = LIMIT_S) -> None:
    """Open and read files in another process, one after the other, and see that it lives.

    Args:
        paths: the files.
        code: what that process runs, given the most bytes and the paths; it prints each before it looks at it.
        limit_s: seconds that each may take.

    Raises:
        SceneError: where the process died or took too long. A file that is refused in words passes.
    """
    if not paths:
        return
    words, rule = [sys.executable, "-c", code, str(LIMIT_BYTES), *map(str, paths)], "a scene file is whole"
    try:
        done = subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=limit_s * len(paths), check=False
        )
    except subprocess.TimeoutExpired as error:
        found = f"a few pixels of it take more than {limit_s * len(paths):g} s"
        raise SceneError(_asked(paths, error.stdout), found, rule, "Convert it") from None
    if done.returncode:
        raise SceneError(
            _asked(paths, done.stdout), f"its reader broke down over it (code {done.returncode})", rule,
            "It is damaged: copy it again, or convert it with the program that made it",
        )  # fmt: skip


def _asked(paths: Sequence[Path], printed: bytes | None) -> str:
    """What was asked when the process ended, by the last path that it printed."""
    count = min(max((printed or b"").count(b"\n"), 1), len(paths))
    return f"open {paths[count - 1].name} as a scene"
