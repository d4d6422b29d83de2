"""``ssldiff inspect``: what a file says of its own making."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..geometry import format_length
from .arguments import Commands, add_parser
from .console import Console

if TYPE_CHECKING:
    from ..export.inspecting import Finding, Inspection

_DESCRIPTION = """\
Say whether a file is marked SYNTHETIC, and what made it: the model and whether its weights are here, settings, source
and edits. Reads images (TIFF, PNG, Deep Zoom), their .manifest.json, and documents saved by the app (.ssldiff).
A file without a mark is not therefore a photograph: other programs drop marks when they save."""

_EXAMPLES = """\
  ssldiff inspect out.ome.tif
  ssldiff inspect out.png.manifest.json --json
  ssldiff inspect study.ssldiff"""


_MACHINE = ("device", "precision")


def add_command(commands: Commands) -> None:
    """Add ``inspect`` to the parser."""
    parser = add_parser(commands, "inspect", "say what made a file", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("file", type=Path, help="an image, a manifest, or a saved document")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``inspect``."""
    from ..export.inspecting import inspect_file

    found = inspect_file(arguments.file)
    facts = {
        "file": str(found.path), "synthetic": found.synthetic, "marked": found.marked,
        "findings": [finding.to_json() for finding in found.findings],
    }  # fmt: skip
    console.report(_describe(found), facts)
    return 0


def _describe(found: Inspection) -> str:
    if not found.findings:
        if found.marked:
            return f"{found.path}: SYNTHETIC, but its manifest is neither in it nor beside it."
        return f"{found.path}: no mark and no manifest of ssldiff. That does not make it a photograph."
    parts = [f"{found.path}: SYNTHETIC{'' if found.marked else ', by its manifest'}"]
    for finding in found.findings:
        parts.append("\n".join(f"  {name:<11}{text}" for name, text in _lines(finding, found.path) if text))
    return "\n\n".join(parts) if len(parts) > 2 else "\n".join(parts)


def _lines(finding: Finding, path: Path) -> list[tuple[str, str]]:
    manifest, geometry = finding.manifest, finding.manifest.grid.geometry
    height, width = manifest.image_shape[:2] or geometry.shape_px
    size = format_length(geometry.pixel_size_m)
    here = {"here": "its weights are here", "not here": "its weights are not here"}
    weights = here.get(finding.weights, "the weights here are of another version")
    replays = finding.weights == "here" and path.suffix != ".ssldiff"
    return [
        ("manifest", finding.where),
        ("made", f"{manifest.created} by ssldiff {manifest.versions.get('ssldiff', 'of an unknown version')}"),
        ("model", f"{manifest.model_id} ({manifest.model_digest[:12]}), {weights}"),
        ("image", f"{width} × {height} px at {size} a pixel"),
        ("grid", f"{geometry.rows} × {geometry.cols} cells of {manifest.grid.encoder_id}"),
        ("source", _source(manifest.source)),
        ("settings", ", ".join(f"{name} {value}" for name, value in manifest.settings.items() if value is not None)),
        ("edits", _counted(str(edit.get("kind")) for edit in manifest.edits)),
        ("reference", f"strength {manifest.reference['strength']}" if manifest.reference else ""),
        ("appearance", str(manifest.appearance.get("kind", "changed")) if manifest.appearance else ""),
        ("drawn again", f"{len(manifest.chain)} times in part" if manifest.chain else ""),
        ("machine", ", ".join(str(manifest.machine[part]) for part in _MACHINE if part in manifest.machine)),
        ("again", f"ssldiff replay {path}" if replays else ""),
    ]


def _source(source: Any) -> str:
    named = [str(source[name]) for name in ("name", "attribution", "crs") if source.get(name)]
    if source.get("region_l0"):
        named.append("region " + ",".join(f"{side:g}" for side in source["region_l0"]))
    return ", ".join(named)


def _counted(kinds: Any) -> str:
    return ", ".join(f"{count} × {kind}" for kind, count in Counter(kinds).items())
