"""A sentence becomes a grid of embeddings, and the grid a large image: the prior of a model joined to its text encoder.

The grid says where it comes from (``source["text"]``: prompt, negative, seed, digests), so the manifest of its image
holds the prompt, and a replay draws the same grid without the prior.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .embeddings.grid import EmbeddingGrid
from .errors import SettingsError
from .generate import Settings, Step, generate
from .geometry import GridGeometry, format_length
from .layouts.text import Prompt, TextEncoder, Vocabulary, read_prompt
from .layouts.understanding import check_understood

if TYPE_CHECKING:
    from .models.catalogue import Model, ModelSpec
    from .models.prior import LoadedPrior

LARGEST_CELLS = 256
"""Longest side of a layout made from text."""
MOST_CANDIDATES = 16
_PIXEL_SIZE_TOLERANCE = 1.25


@dataclass(frozen=True)
class TextRequest:
    """What to make a layout of.

    Args:
        text: what to show; or empty, where there is a label.
        model_id: whose prior and pixels.
        size_px: (width, height) of the image; whole cells.
        label: a class in place of, or before, the text.
        negative: what not to show.
        pixel_size_m: metres along a pixel; None takes the prior's default.
        seed: of the first candidate; the next ones follow.
        candidates: how many grids.
        guidance_scale: how closely to follow the text; 1 is off; None takes the prior's default.
        steps: of the prior.
        sketch: a grid of the same shape whose valid cells are fixed; the rest is filled.
        like_seed: the candidates stay near to the layout that this seed gives; None for layouts of their own.

    Raises:
        SettingsError: where a value lies outside its range.
    """

    text: str
    model_id: str
    size_px: tuple[int, int] = (1024, 1024)
    label: str = ""
    negative: str = ""
    pixel_size_m: float | None = None
    seed: int = 0
    candidates: int = 1
    guidance_scale: float | None = None
    steps: int = 24
    sketch: EmbeddingGrid | None = field(default=None, repr=False)
    like_seed: int | None = None

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("candidates", self.candidates, 1, MOST_CANDIDATES), ("steps", self.steps, 1, 1000),
            ("seed", self.seed, 0, 2**63 - 1), ("seed to stay near to", self.like_seed or 0, 0, 2**63 - 1),
            ("guidance scale", self.guidance_scale or 1.0, 0.0, 20.0),
        ):  # fmt: skip
            if not low <= value <= high:
                nearest = min(max(value, low), high)
                raise SettingsError(
                    f"make a layout with {name} {value}", "it lies outside the range",
                    f"{name} goes from {low} to {high}", f"The nearest is {nearest}",
                )  # fmt: skip


@dataclass(frozen=True)
class Proposal:
    """Layouts for a text.

    Args:
        grids: one for each candidate, all cells valid.
        prompt: how the text was read.
        notes: what the user should know: unknown words and the like.
    """

    grids: tuple[EmbeddingGrid, ...]
    prompt: Prompt
    notes: tuple[str, ...]


def propose_grids(
    request: TextRequest, *, device: str = "cpu", watch: Callable[[int, int], None] = lambda done, total: None
) -> Proposal:
    """Grids of embeddings that a text describes.

    Args:
        request: what to show, and how large.
        device: where the prior computes.
        watch: called before each step with how many are done, of how many; what it raises ends the work.

    Raises:
        ModelError: where the model has no prior, or the text encoder is not here.
        SettingsError: where the text cannot be read, names nothing that the model knows, or the size is no whole cells.
        GridError: where the sketch is of another encoder, shape or pixel size.
    """
    from .models.catalogue import get_model_spec

    spec = get_model_spec(request.model_id)
    _check_before_loading(request, spec)
    from .models.prior import load_prior

    prior = load_prior(spec, device)
    geometry = _geometry(request, spec, prior)
    vocabulary = vocabulary_of(prior)
    text = request.text
    if request.label:
        named = vocabulary.find_label(request.label)
        text = f"{named}, {text}" if text.strip() else named
    prompt = read_prompt(text, request.negative, vocabulary)
    encoder = _text_encoder(prior)
    notes = check_understood(prompt, vocabulary, encoder, spec.domain)
    known, known_valid = _sketched(request.sketch, spec, geometry)
    scale = prior.spec.guidance_scale if request.guidance_scale is None else request.guidance_scale
    seeds = [request.seed + index for index in range(request.candidates)]
    vectors = prior.sample(
        encoder.encode(prompt.phrases), encoder.encode(prompt.absent), geometry.shape_cell, geometry.pixel_size_m,
        seeds, guidance_scale=scale, steps=request.steps, known=known, known_valid=known_valid,
        like_seed=request.like_seed, watch=watch,
    )  # fmt: skip
    sources = [_source(request, prompt, prior, encoder, seed, scale) for seed in seeds]
    valid = np.ones(geometry.shape_cell, dtype=bool)
    grids = [
        EmbeddingGrid(one, valid, geometry, spec.encoder_id, "", source)
        for one, source in zip(vectors, sources, strict=True)
    ]
    return Proposal(tuple(grids), prompt, tuple(notes))


def generate_from_text(
    request: TextRequest, settings: Settings | None = None, *, model: Model | None = None,
    told: Callable[[Proposal], None] = lambda proposal: None, cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:  # fmt: skip
    """The image of a text's first candidate; the seed of the layout draws the image too, unless settings say other.

    Args:
        request: what to show, and how large.
        settings: how to draw.
        model: loaded already; else loaded as the settings say.
        told: called with the layouts before the first step, to show or keep them.
        cancelled: as for :func:`~ssldiff_core.generate.generate`.

    Raises:
        SSLDiffError: as :func:`propose_grids` and :func:`~ssldiff_core.generate.generate`.
    """
    from .models.catalogue import load_model
    from .models.placement import choose_device

    drawn = settings or Settings(seed=request.seed)
    proposal = propose_grids(replace(request, candidates=1), device=str(choose_device(drawn.device)))
    told(proposal)
    model = model or load_model(request.model_id, device=drawn.device, precision=drawn.precision)
    yield from generate(proposal.grids[0], drawn, model=model, cancelled=cancelled)


def vocabulary_of(prior: LoadedPrior) -> Vocabulary:
    """What a prior was taught to name."""
    spec = prior.spec
    return Vocabulary(dict(spec.concepts), dict(spec.labels), frozenset(spec.words))


def _text_encoder(prior: LoadedPrior) -> TextEncoder:
    from .models.text_encoders import load_text_encoder

    return load_text_encoder(prior.text_encoder_id)


def _check_before_loading(request: TextRequest, spec: ModelSpec) -> None:
    """Refuse at once what no prior could follow: it takes seconds to load one.

    Raises:
        SettingsError: where there is nothing to read, or with the nearest size of whole cells.
    """
    if request.text.strip() or not request.label:
        read_prompt(request.text, request.negative, Vocabulary({}, {}, frozenset()))
    width, height = request.size_px
    cell, largest = spec.cell_px, spec.cell_px * LARGEST_CELLS
    if any(side % cell or not cell <= side <= largest for side in (width, height)):
        near = [min(max(round(side / cell), 1), LARGEST_CELLS) * cell for side in (width, height)]
        raise SettingsError(
            f"draw a text at {width}x{height} px", "that is not made of whole cells",
            f"each side is a multiple of {cell} px, at most {largest:,}", f"The nearest is {near[0]}x{near[1]}",
        )  # fmt: skip


def _geometry(request: TextRequest, spec: ModelSpec, prior: LoadedPrior) -> GridGeometry:
    """Where the cells lie.

    Raises:
        SettingsError: with the nearest pixel size.
    """
    sizes = prior.pixel_sizes_m
    size = request.pixel_size_m or prior.spec.default_pixel_size_m
    if not sizes[0] / _PIXEL_SIZE_TOLERANCE <= size <= sizes[-1] * _PIXEL_SIZE_TOLERANCE:
        nearest = min(sizes, key=lambda known: abs(known - size))
        raise SettingsError(
            f"make a layout at a pixel size of {format_length(size)}", "the prior was not trained for it",
            f"its pixel sizes are {', '.join(format_length(s) for s in sizes)}",
            f"The nearest is {format_length(nearest)}",
        )  # fmt: skip
    (width, height), cell = request.size_px, spec.cell_px
    return GridGeometry((height // cell, width // cell), size, cell_px=cell, latent_factor=spec.latent_factor)


def _sketched(
    sketch: EmbeddingGrid | None, spec: ModelSpec, geometry: GridGeometry
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The fixed cells of a sketch.

    Raises:
        GridError: where it does not fit the model.
        SettingsError: where its shape is another.
    """
    if sketch is None:
        return None, None
    spec.check_grid(sketch)
    if sketch.shape_cell != geometry.shape_cell:
        rows, cols = sketch.shape_cell
        side = spec.cell_px
        raise SettingsError(
            f"fill a sketch of {rows} × {cols} cells", f"the image asked for has {geometry.rows} × {geometry.cols}",
            "a sketch is as large as the image", f"Ask for {cols * side}x{rows * side} px",
        )  # fmt: skip
    return sketch.vectors, sketch.valid


def _source(
    request: TextRequest, prompt: Prompt, prior: LoadedPrior, encoder: TextEncoder, seed: int, scale: float
) -> dict[str, Any]:
    """JSON-able notes that say how to make the same grid again."""
    text: dict[str, Any] = {
        "prompt": request.text, "negative": request.negative, "label": request.label, "phrases": list(prompt.phrases),
        "absent": list(prompt.absent), "seed": seed, "guidance_scale": scale, "steps": request.steps,
        "prior_digest": prior.digest, "text_encoder": encoder.id, "text_encoder_digest": encoder.digest,
    }  # fmt: skip
    if request.like_seed is not None:
        text["like_seed"] = request.like_seed
    if request.sketch is not None:
        text["sketch_digest"] = request.sketch.digest
    name = prompt.text if len(prompt.text) <= 60 else f"{prompt.text[:57]}..."
    return {"name": name, "text": text, "id": hashlib.sha256(repr(sorted(text.items())).encode()).hexdigest()[:16]}
