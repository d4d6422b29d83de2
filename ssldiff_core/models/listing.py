"""What there is to draw and to encode with, as rows for people: the table of ``ssldiff models`` and of the app."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..embeddings.catalogue import list_encoder_specs
from ..embeddings.spec import ANY_PIXEL_SIZE, EncoderSpec
from ..embeddings.weights import find_weights, how_to_get
from ..geometry import format_length
from .catalogue import list_models
from .published import PUBLISHED, Published
from .spec import ModelSpec


@dataclass(frozen=True)
class ModelRow:
    """A model: one that is here, or one that others published.

    Args:
        id: to ask for it by.
        version: of the weights; ``published`` where they are others'.
        draws: what it draws, for people.
        family: which code loads it.
        encoder: the patch encoder whose embeddings it takes.
        cell_px: canvas pixels along a cell.
        pixel_sizes_m: it was trained at, metres.
        licence: of the weights.
        paper: what it follows.
        digest: sha256 of the weights; empty where they are not here.
        folder: where its files lie; empty where they are not here.
        present: whether all its weights are here.
        how_to_get: the steps, where they are not.
    """

    id: str
    version: str
    draws: str
    family: str
    encoder: str
    cell_px: int
    pixel_sizes_m: tuple[float, ...]
    licence: str
    paper: str
    digest: str
    folder: str
    present: bool
    how_to_get: str


@dataclass(frozen=True)
class EncoderRow:
    """A patch encoder.

    Args:
        id: grids carry it.
        sees: what it was trained on, for people.
        dim: length of an embedding.
        patch_px: side of the patch it describes.
        input_px: side of the network's input.
        pixel_sizes_m: it was trained at, metres; empty for none in particular.
        licence: of the weights.
        gated: whether they must be asked for.
        present: whether they are here.
        how_to_get: how to come by them, where they are not.
    """

    id: str
    sees: str
    dim: int
    patch_px: int
    input_px: int
    pixel_sizes_m: tuple[float, ...]
    licence: str
    gated: bool
    present: bool
    how_to_get: str


@dataclass(frozen=True)
class Listing:
    """All models, those that are here first, and all patch encoders."""

    models: tuple[ModelRow, ...]
    encoders: tuple[EncoderRow, ...]

    @property
    def missing(self) -> list[tuple[str, str]]:
        """(id, how to get it) of what is not here."""
        rows: tuple[ModelRow | EncoderRow, ...] = (*self.models, *self.encoders)
        return [(row.id, row.how_to_get) for row in rows if not row.present]

    def to_json(self) -> dict[str, Any]:
        """The rows as dictionaries; each also says its pixel sizes as text, and ``any`` for none in particular."""
        return {"models": [_to_json(row) for row in self.models], "encoders": [_to_json(row) for row in self.encoders]}


def list_everything() -> Listing:
    """The catalogue as it is on this machine now; nothing is fetched."""
    models = [_row_of_model(spec) for spec in list_models()]
    here = {row.id for row in models}
    models += [_row_of_published(published) for published in PUBLISHED if published.id not in here]
    drawn = {row.encoder: row.draws for row in reversed(models)}
    encoders = [_row_of_encoder(spec, drawn.get(spec.id, "")) for spec in list_encoder_specs()]
    return Listing(tuple(models), tuple(encoders))


def format_sizes(sizes_m: tuple[float, ...]) -> str:
    """Pixel sizes for people, ascending."""
    return ", ".join(format_length(size) for size in sorted(sizes_m)) or "any"


def _to_json(row: ModelRow | EncoderRow) -> dict[str, Any]:
    return {**asdict(row), "pixel_sizes_m": list(row.pixel_sizes_m), "pixel_sizes": format_sizes(row.pixel_sizes_m)}


def _row_of_model(spec: ModelSpec) -> ModelRow:
    missing = spec.how_to_get
    return ModelRow(
        spec.id, spec.version, spec.domain, spec.family, spec.encoder_id, spec.cell_px, spec.pixel_sizes_m,
        spec.licence, spec.paper, "" if missing else spec.digest, str(spec.folder), not missing, missing,
    )  # fmt: skip


def _row_of_published(model: Published) -> ModelRow:
    return ModelRow(
        model.id, "published", model.domain, model.family, model.encoder_id, model.cell_px, (model.pixel_size_m,),
        model.licence, model.paper, "", "", False, model.how_to_get,
    )  # fmt: skip


def _row_of_encoder(spec: EncoderSpec, drawn: str) -> EncoderRow:
    """An encoder; one that does not say what it was trained on takes it from the model it belongs to."""
    present = find_weights(spec) is not None
    sizes = () if spec.pixel_sizes_m == ANY_PIXEL_SIZE else tuple(spec.pixel_sizes_m)
    return EncoderRow(
        spec.id, spec.domain or drawn, spec.dim, spec.patch_px, spec.input_px, sizes, spec.licence, spec.gated,
        present, "" if present else how_to_get(spec),
    )  # fmt: skip
