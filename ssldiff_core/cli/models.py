"""``ssldiff models``: what can draw, what it was trained on, and under which licence."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..geometry import format_length
from .arguments import Commands, add_parser
from .console import Console

if TYPE_CHECKING:
    from ..models.catalogue import ModelSpec

_DESCRIPTION = "List the models of the catalogue: what they draw, from which embeddings, at which pixel sizes."

_EXAMPLES = """\
  ssldiff models
  ssldiff models --json"""


def add_command(commands: Commands) -> None:
    """Add ``models`` to the parser."""
    parser = add_parser(commands, "models", "list the models", _DESCRIPTION, _EXAMPLES)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``models``."""
    from ..models.catalogue import list_models

    specs = list_models()
    if not specs:
        raise ModelError("list the models", "there is none here", "they come with the package", "Install ssldiff again")
    console.report("\n".join(_describe(spec) for spec in specs), {"models": [_facts(spec) for spec in specs]})
    return 0


def _facts(spec: ModelSpec) -> dict[str, Any]:
    return {
        "id": spec.id, "version": spec.version, "draws": spec.domain,
        "family": spec.family, "encoder": spec.encoder_id, "cell_px": spec.cell_px,
        "pixel_sizes_m": list(spec.pixel_sizes_m), "licence": spec.licence, "paper": spec.paper, "digest": spec.digest,
        "folder": str(spec.folder),
    }  # fmt: skip


def _describe(spec: ModelSpec) -> str:
    sizes = ", ".join(format_length(size) for size in spec.pixel_sizes_m)
    return f"{spec.id:8} {spec.domain}; {spec.family} {spec.version}, {spec.encoder_id}, at {sizes}; {spec.licence}"
