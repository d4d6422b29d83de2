"""``ssldiff models``: what can draw and what can encode, under which licence, here or how to get it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..geometry import format_length
from .arguments import Commands, add_parser
from .console import Console

if TYPE_CHECKING:
    from ..embeddings.spec import EncoderSpec
    from ..models.published import Published
    from ..models.spec import ModelSpec

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
    from ..embeddings.catalogue import list_encoder_specs
    from ..models.catalogue import list_models
    from ..models.published import PUBLISHED

    models = [_model_facts(spec) for spec in list_models()]
    here = {facts["id"] for facts in models}
    models += [_published_facts(published) for published in PUBLISHED if published.id not in here]
    drawn = {facts["encoder"]: facts["draws"] for facts in reversed(models)}
    encoders = [_encoder_facts(spec, drawn.get(spec.id, "")) for spec in list_encoder_specs()]
    console.report(_describe(models, encoders), {"models": models, "encoders": encoders})
    return 0


def _model_facts(spec: ModelSpec) -> dict[str, Any]:
    missing = spec.how_to_get
    return {
        "id": spec.id, "version": spec.version, "draws": spec.domain, "family": spec.family,
        "encoder": spec.encoder_id, "cell_px": spec.cell_px, "pixel_sizes_m": list(spec.pixel_sizes_m),
        "licence": spec.licence, "paper": spec.paper, "digest": "" if missing else spec.digest,
        "folder": str(spec.folder), "present": not missing, "how_to_get": missing,
    }  # fmt: skip


def _published_facts(published: Published) -> dict[str, Any]:
    return {
        "id": published.id, "version": "published", "draws": published.domain, "family": published.family,
        "encoder": published.encoder_id, "cell_px": 256, "pixel_sizes_m": [published.pixel_size_m],
        "licence": published.licence, "paper": published.paper, "digest": "", "folder": "", "present": False,
        "how_to_get": published.how_to_get,
    }  # fmt: skip


def _encoder_facts(spec: EncoderSpec, drawn: str) -> dict[str, Any]:
    """An encoder; one that does not say what it was trained on takes it from the model it belongs to."""
    from ..embeddings.spec import ANY_PIXEL_SIZE
    from ..embeddings.weights import find_weights, how_to_get

    present = find_weights(spec) is not None
    sizes = [] if spec.pixel_sizes_m == ANY_PIXEL_SIZE else list(spec.pixel_sizes_m)
    return {
        "id": spec.id, "sees": spec.domain or drawn, "dim": spec.dim, "patch_px": spec.patch_px,
        "input_px": spec.input_px, "pixel_sizes_m": sizes, "licence": spec.licence, "gated": spec.gated,
        "present": present, "how_to_get": "" if present else how_to_get(spec),
    }  # fmt: skip


def _describe(models: Sequence[dict[str, Any]], encoders: Sequence[dict[str, Any]]) -> str:
    """Two tables, and below them how to get what is not here."""
    drawing = [("MODEL", "DRAWS", "ENCODER", "CELL", "PIXEL", "LICENCE", "HERE")]
    for facts in models:
        drawing.append(
            (facts["id"], facts["draws"], facts["encoder"], f"{facts['cell_px']} px", _sizes(facts["pixel_sizes_m"]),
             facts["licence"], _present(facts))
        )  # fmt: skip
    seeing = [("ENCODER", "TRAINED ON", "NUMBERS", "PATCH", "PIXEL", "LICENCE", "HERE")]
    for facts in encoders:
        seeing.append(
            (facts["id"], facts["sees"], str(facts["dim"]), f"{facts['patch_px']} px", _sizes(facts["pixel_sizes_m"]),
             facts["licence"], _present(facts))
        )  # fmt: skip
    missing = [f"  {facts['id']}: {facts['how_to_get']}" for facts in (*models, *encoders) if not facts["present"]]
    text = f"{_table(drawing)}\n\n{_table(seeing)}"
    if not any(facts["present"] for facts in models):
        text = f"No model is here: they come with the package. Install ssldiff again.\n\n{text}"
    return "\n".join([text, "", "not here:", *missing]) if missing else text


def _present(facts: dict[str, Any]) -> str:
    return "yes" if facts["present"] else "no, gated" if facts.get("gated") else "no"


def _sizes(sizes: Sequence[float]) -> str:
    return ", ".join(format_length(size) for size in sorted(sizes)) or "any"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
