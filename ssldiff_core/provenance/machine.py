"""What a run ran on: versions of what decides the numbers, and the machine, without a word of who owns it."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any


def describe_versions(packages: Iterable[str] = ("numpy", "torch", "diffusers")) -> dict[str, str]:
    """Versions of Python, of ssldiff and of the packages that decide the numbers; none of them is loaded for it."""
    from .. import __version__

    found = {"python": platform.python_version(), "ssldiff": __version__}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def describe_machine(*, device: str = "cpu", precision: str = "float32", threads: int | None = None) -> dict[str, Any]:
    """The machine a run used: what can change a rounding, nothing that names its owner.

    Args:
        device: what computed, e.g. ``"cpu"`` or ``"cuda (NVIDIA H100)"``.
        precision: type of the network's numbers, e.g. ``"bfloat16"``.
        threads: computing threads, where known.
    """
    return {
        "processor": _processor_name(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": device,
        "precision": precision,
        "threads": threads,
    }


def _processor_name() -> str:
    """The processor as its maker calls it, where the system tells; else the architecture."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
