"""Memory stays flat: an image of 20,000 × 20,000 px, which is 1.2 GB as pixels, is written within 2 GiB."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SIDE = 20_000

WRITE = """
import json, resource, sys, time
import numpy as np
from ssldiff_core.export import write_image
from ssldiff_core.scenes import ArrayScene


class Account:
    def to_json(self):
        return "{}"


class Waves(ArrayScene):
    '''A scene whose pixels are made where they are read.'''

    def __init__(self, side):
        super().__init__(np.broadcast_to(np.zeros(3, np.uint8), (side, side, 3)))

    def _read_level(self, level, x, y, width, height):
        across, down = np.arange(x, x + width, dtype=np.float32), np.arange(y, y + height, dtype=np.float32)
        wave = (np.sin(across / 37) + np.cos(down / 53)[:, None]) * 60 + 128
        return np.stack([wave, wave / 2, 255 - wave], axis=-1).astype(np.uint8), None


before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.monotonic()
write_image(sys.argv[1], Waves(int(sys.argv[2])), Account(), pixel_size_m=5e-7)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"mib_before": before // 1024, "mib": peak // 1024, "seconds": round(time.monotonic() - start)}))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".cog.tif", ".dzi", ".dzi.zip", ".png"])
def test_20_000_px_a_side_are_written_within_2_gib(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    done = subprocess.run([sys.executable, "-c", WRITE, path, str(SIDE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    print(suffix, facts, "bytes:", path.stat().st_size)
    assert facts["mib"] < 2048
