"""What every benchmark prints and writes: a table with the machine's name, and one flat JSON object."""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

from ssldiff_core.provenance import describe_machine, describe_versions


def parse_arguments(description: str) -> argparse.Namespace:
    """``--quick`` and ``--json FILE``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer repeats")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as one flat JSON object")
    return parser.parse_args()


def peak_rss_mib() -> float:
    """The most memory this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0 if sys.platform != "darwin" else 1024.0**2)


def report(figures: Mapping[str, float | str], path: Path | None, **machine: object) -> None:
    """Print a table; write the JSON where a path is given."""
    facts = describe_machine(**machine)  # type: ignore[arg-type]
    print(" · ".join(f"{name} {value}" for name, value in {**facts, **describe_versions()}.items()))
    width = max(len(name) for name in figures)
    for name, value in figures.items():
        print(f"  {name:<{width}}  {value:.4g}" if isinstance(value, float) else f"  {name:<{width}}  {value}")
    if path is not None:
        path.write_text(json.dumps({**figures, **{f"machine_{k}": v for k, v in facts.items()}}, indent=1) + "\n")
