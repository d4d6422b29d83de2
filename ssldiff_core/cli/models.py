"""``ssldiff models``: what can draw and what can encode, under which licence, here or how to get it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .arguments import Commands, add_parser
from .console import Console

if TYPE_CHECKING:
    from ..models.listing import Listing

_DESCRIPTION = """\
List the catalogue: the models that draw, and the patch encoders whose embeddings they take. Those that are not here say
how to get them; nothing is fetched by this command."""

_EXAMPLES = """\
  ssldiff models
  ssldiff models --models-dir models
  ssldiff models --json"""


def add_command(commands: Commands) -> None:
    """Add ``models`` to the parser."""
    parser = add_parser(commands, "models", "list models and patch encoders", _DESCRIPTION, _EXAMPLES)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``models``."""
    from ..models.listing import list_everything

    listing = list_everything()
    console.report(_describe(listing), listing.to_json())
    return 0


def _describe(listing: Listing) -> str:
    """Two tables, and below them how to get what is not here."""
    from ..models.listing import format_sizes

    drawing = [("MODEL", "DRAWS", "ENCODER", "CELL", "PIXEL", "LICENCE", "HERE")]
    for model in listing.models:
        drawing.append(
            (model.id, model.draws, model.encoder, f"{model.cell_px} px", format_sizes(model.pixel_sizes_m),
             model.licence, "yes" if model.present else "no")
        )  # fmt: skip
    seeing = [("ENCODER", "TRAINED ON", "NUMBERS", "PATCH", "PIXEL", "LICENCE", "HERE")]
    for encoder in listing.encoders:
        seeing.append(
            (encoder.id, encoder.sees, str(encoder.dim), f"{encoder.patch_px} px", format_sizes(encoder.pixel_sizes_m),
             encoder.licence, "yes" if encoder.present else "no, gated" if encoder.gated else "no")
        )  # fmt: skip
    missing = [f"  {id}: {way}" for id, way in listing.missing]
    text = f"{_table(drawing)}\n\n{_table(seeing)}"
    if not any(model.present for model in listing.models):
        text = f"No model is here: they come with the package. Install ssldiff again.\n\n{text}"
    return "\n".join([text, "", "not here:", *missing]) if missing else text


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
