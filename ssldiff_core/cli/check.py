"""``ssldiff check``: does it work here, with what, and how long will an image take."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from .arguments import Commands, add_device_options, add_parser
from .console import Console
from .generate import PREVIEW_PX, follow, settings_from

if TYPE_CHECKING:
    from ..embeddings.grid import EmbeddingGrid
    from ..models.catalogue import ModelSpec

_DESCRIPTION = """\
Generate 256 × 256 px and say with what it was done: device, precision, threads, memory, and the seconds to expect for
1024 × 1024 px. The first thing to run on a new machine, and the first thing to send with a report of a fault."""

_EXAMPLES = """\
  ssldiff check
  ssldiff check --model aerial --device cpu --json"""

_CHECK_PX, _EXPECT_PX = 256, 1024


def add_command(commands: Commands) -> None:
    """Add ``check`` to the parser."""
    parser = add_parser(commands, "check", "try this machine: device, memory, speed", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--model", default="tissue", metavar="ID", help="which model to try (tissue)")
    parser.add_argument("--steps", type=int, metavar="N", help="denoising steps (20)")
    parser.set_defaults(seed=0, guidance=None, engine=None, solver=None, run=run)
    add_device_options(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``check``."""
    from ..generate import generate
    from ..models.catalogue import get_model_spec

    spec, settings = get_model_spec(arguments.model), settings_from(arguments)
    grid = _grid_of(spec)
    start = time.monotonic()
    follow(generate(grid, settings, preview_px=PREVIEW_PX), console)  # loads the weights and wakes the kernels
    first_s = time.monotonic() - start
    start = time.monotonic()
    manifest = follow(generate(grid, settings, preview_px=PREVIEW_PX), console).manifest
    seconds = time.monotonic() - start
    facts: dict[str, Any] = {
        "model": spec.id, "device": manifest.machine["device"], "precision": manifest.machine["precision"],
        "threads": manifest.machine["threads"], "processor": manifest.machine["processor"],
        "bit_exact": manifest.bit_exact, "steps": settings.steps, "peak_memory_mib": _peak_memory_mib(),
        f"seconds_{_CHECK_PX}": round(seconds, 3), "seconds_loading": round(max(0.0, first_s - seconds), 3),
        f"seconds_expected_{_EXPECT_PX}": round(seconds * (_EXPECT_PX / _CHECK_PX) ** 2, 1),
        "versions": dict(manifest.versions),
    }  # fmt: skip
    console.report(_describe(facts), facts)
    return 0


def _grid_of(spec: ModelSpec) -> EmbeddingGrid:
    """A small grid of the model's own dimension; what it shows does not matter here."""
    import numpy as np

    from ..embeddings.grid import EmbeddingGrid
    from ..geometry import GridGeometry

    n, dim = _CHECK_PX // spec.cell_px, spec.condition_dim
    vectors = np.random.default_rng(0).standard_normal((n, n, dim)).astype(np.float32)
    geometry = GridGeometry((n, n), spec.pixel_sizes_m[0], cell_px=spec.cell_px, latent_factor=spec.latent_factor)
    return EmbeddingGrid(vectors, np.ones((n, n), dtype=bool), geometry, spec.encoder_id, source={"name": "check"})


def _peak_memory_mib() -> int:
    """The most memory that this process has held, in MiB; what it holds now where the system keeps no peak."""
    import psutil

    memory = psutil.Process().memory_info()
    peak = int(getattr(memory, "peak_wset", memory.rss))  # Windows keeps it there
    try:
        import resource
    except ImportError:
        return peak >> 20
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held >> (20 if sys.platform == "darwin" else 10)


def _describe(facts: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return "\n".join(
        (
            f"{facts['model']} works here: 256 × 256 px in {facts['seconds_256']:.1f} s ({facts['steps']} steps), "
            f"after {facts['seconds_loading']:.1f} s of loading",
            f"expect about {facts['seconds_expected_1024']:.0f} s for 1024 × 1024 px",
            f"device     {facts['device']}, {facts['precision']}, {facts['threads']} threads",
            f"processor  {facts['processor']}",
            f"memory     {facts['peak_memory_mib']} MiB at most",
            f"replay     {'equal in every bit' if facts['bit_exact'] else 'equal to rounding'}",
            f"versions   {versions}",
        )
    )
