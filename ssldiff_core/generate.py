"""The whole story: from a grid or a layout to a large image, one denoising step at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .embeddings.grid import EmbeddingGrid
from .errors import SettingsError
from .geometry import GridGeometry
from .layouts import Layout, edit_to_json
from .provenance import Manifest, describe_machine

if TYPE_CHECKING:
    from torch import Tensor

    from .diffusion.appearance import Appearance
    from .diffusion.graph.trajectory import Trajectory
    from .diffusion.reference import Reference
    from .models.catalogue import Model

ENGINES = ("dense",)
PREVIEW_PX = 512


@dataclass(frozen=True)
class Settings:
    """How to draw.

    Args:
        seed: of the noise, 0 ≤ seed < 2**64.
        steps: denoising steps, 1 … 1000.
        guidance_scale: 1 is off; higher follows the grid more strictly; None takes the model's default.
        engine: how the canvas is drawn; see DESIGN and :mod:`ssldiff_core.diffusion.engines`.
        solver: ``dpm++``, ``ddim`` or ``euler``.
        tile_lat: side of the tiles in latents.
        device: ``auto`` or a torch device.
        precision: ``auto``, ``float32``, ``bfloat16`` or ``float16``.

    Raises:
        SettingsError: where a value lies outside its range.
    """

    seed: int = 0
    steps: int = 20
    guidance_scale: float | None = None
    engine: str = "dense"
    solver: str = "dpm++"
    tile_lat: int = 512
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        for name in ("seed", "steps", "tile_lat"):
            if isinstance(getattr(self, name), bool) or not isinstance(getattr(self, name), int):
                raise SettingsError(f"draw with {name} {getattr(self, name)!r}", "it is no whole number")
        _check_range("seed", self.seed, 0, 2**64 - 1)
        _check_range("steps", self.steps, 1, 1000)
        _check_range("tile_lat", self.tile_lat, 16, 4096)
        if self.guidance_scale is not None:
            _check_range("guidance scale", self.guidance_scale, 0.0, 20.0)
        if self.engine not in ENGINES:
            raise SettingsError(
                f"draw with the engine {self.engine!r}", "there is none", f"engines: {', '.join(ENGINES)}"
            )
        if self.tile_lat % 2:
            raise SettingsError(f"draw in tiles of {self.tile_lat} latents", "that is odd", "a tile is an even number")

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Settings:
        """From JSON, as a manifest holds them; an unknown name is an error."""
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(record) - known)
        if unknown:
            raise SettingsError(
                "use these settings", f"they hold {', '.join(unknown)}", f"known: {', '.join(sorted(known))}"
            )
        return cls(**record)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise SettingsError(
            f"draw with {name} {value}", "it lies outside the range", f"{name} goes from {low:g} to {high:g}",
            f"The nearest is {min(max(value, low), high):g}" if math.isfinite(value) else "",
        )  # fmt: skip


@dataclass(frozen=True)
class Result:
    """A finished image.

    Args:
        image: (height, width, 3) uint8.
        latents: the clean canvas (channels, h, w) float32.
        manifest: what made it, with the image's digest.
        geometry: where its cells lie.
        seconds: by phase, ``network`` and ``decode``.
    """

    image: NDArray[np.uint8]
    latents: Tensor
    manifest: Manifest
    geometry: GridGeometry
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Step:
    """What :func:`generate` yields.

    Args:
        index: steps done.
        total: steps in all; decoding counts as the last one.
        phase: ``denoise``, then ``decode`` (before the autoencoder sets to work), then ``done``.
        preview: small picture of the estimate (h, w, 3) uint8.
        eta_s: seconds to go, estimated.
        result: at the last step.
    """

    index: int
    total: int
    phase: str
    preview: NDArray[np.uint8]
    eta_s: float
    result: Result | None = None


def generate(
    source: EmbeddingGrid | Layout, settings: Settings | None = None, *, model: Model | None = None,
    reference: Reference | None = None, appearance: Appearance | None = None, parents: tuple[str, ...] = (),
    keep: Trajectory | None = None, preview_px: int = PREVIEW_PX, cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:  # fmt: skip
    """Draw the large image that a grid describes.

    The model follows from the grid's encoder where none is given. Every denoising step is yielded; the last step
    holds the result. Stop iterating, or let ``cancelled()`` return True, to stop the work.

    Args:
        source: the grid, or a layout (its edits go into the manifest).
        settings: how to draw.
        model: loaded model; by default the shipped one for the grid's encoder.
        reference: what to start from instead of pure noise, and how much of it to forget.
        appearance: the colours that the finished image is given; its shapes stay.
        parents: digests of the manifests that this run continues, oldest first.
        keep: an empty trajectory, filled so that :func:`~ssldiff_core.regenerate.regenerate` can go on from it.
        preview_px: longest side of the previews.
        cancelled: looked at before every tile.

    Raises:
        GridError: where the model cannot draw the grid.
        ModelError: where there is no model for it.
        SettingsError: where the trajectory of this run cannot be kept.
        Cancelled: where ``cancelled()`` said so.
    """
    from .diffusion.autoencoder import decode_canvas, preview_rgb
    from .diffusion.denoisers import GuidedDenoiser
    from .diffusion.engines import DenseEngine
    from .diffusion.field import ConditioningField
    from .diffusion.reference import start_of
    from .diffusion.schedule import get_solver, noise_levels
    from .models.catalogue import find_model_for, load_model

    settings = settings or Settings()
    solver = get_solver(settings.solver)
    grid = source.grid() if isinstance(source, Layout) else source
    if model is None:
        spec = find_model_for(grid.encoder_id)
        spec.check_grid(grid)
        model = load_model(spec.id, device=settings.device, precision=settings.precision)
    model.spec.check_grid(grid)
    scale = model.spec.guidance_scale if settings.guidance_scale is None else settings.guidance_scale
    levels = noise_levels(settings.steps)
    start = start_of(reference, settings.seed, levels, model.autoencoder, grid.geometry, model.device)
    run = start.unchanged() or DenseEngine(settings.tile_lat).run(
        GuidedDenoiser(model.denoiser, scale), ConditioningField(grid), start.noise, solver, start.levels, cancelled
    )
    if keep is not None:
        run = keep.recording(run, grid.geometry.latent_factor, plain=not (start.record or appearance))
    began = time.monotonic()
    for step in run:
        elapsed = time.monotonic() - began
        preview = preview_rgb(step.x0, model.latent_rgb, preview_px)
        eta = elapsed / step.index * (step.total - step.index) + 0.1 * elapsed / step.index * step.total
        yield Step(step.index, step.total + 1, "denoise", preview, eta)
    network_s = time.monotonic() - began
    yield Step(step.index, step.total + 1, "decode", preview, 0.1 * network_s)
    image = decode_canvas(model.autoencoder, step.latents, device=model.device, cancelled=cancelled)
    seconds = {"network": network_s, "decode": time.monotonic() - began - network_s}
    manifest = make_manifest(source, grid, settings, scale, model)
    manifest = replace(manifest, reference=start.record, parents=parents)
    if appearance is not None:
        image, manifest = appearance.match(image), replace(manifest, appearance=appearance.to_json())
    manifest = manifest.with_image(image)
    if keep is not None:
        keep.complete(image, manifest.to_json())
    result = Result(image, step.latents, manifest, grid.geometry, seconds)
    yield Step(step.total + 1, step.total + 1, "done", preview, 0.0, result)


def make_manifest(
    source: EmbeddingGrid | Layout, grid: EmbeddingGrid, settings: Settings, guidance_scale: float, model: Model
) -> Manifest:
    """The manifest of a run; its settings are those that were used, defaults resolved."""
    import torch

    precision = str(model.dtype).removeprefix("torch.")
    used = asdict(settings) | {"guidance_scale": guidance_scale, "precision": precision, "device": model.device.type}
    edits = tuple(edit_to_json(edit) for edit in source.edits) if isinstance(source, Layout) else ()
    return Manifest(
        grid=grid, model_id=model.spec.id, model_digest=model.spec.digest, settings=used, edits=edits,
        bit_exact=model.device.type == "cpu",
        machine=describe_machine(device=model.device.type, precision=precision, threads=torch.get_num_threads()),
    )  # fmt: skip


def replay(
    manifest: Manifest, *, reference_image: NDArray[np.uint8] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:  # fmt: skip
    """Draw a manifest's image again. Bit-equal on the same machine, versions and number of threads.

    Args:
        manifest: of the image.
        reference_image: (h, w, 3) uint8 that a variation started from, where the manifest does not hold it itself.
        cancelled: looked at before every tile.

    Raises:
        ModelError: where the weights are not those that drew it.
        ManifestError: where it needs a reference that is not given, or not this one.
    """
    yield from _continue(manifest, Settings.from_dict(manifest.settings), manifest.parents, reference_image, cancelled)


def finish(
    manifest: Manifest, steps: int = Settings.steps, *, reference_image: NDArray[np.uint8] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:  # fmt: skip
    """The picture of a fast result in full quality: the same start and the same everything, in more steps.

    A run from the same noise keeps the picture better than one from the re-noised result, and is an ordinary run in
    quality (``python -m tests.benchmarks.variation``).

    Args:
        manifest: of the fast result.
        steps: of the finished image.
        reference_image, cancelled: as for :func:`replay`.

    Raises:
        SettingsError: where the result has as many steps already.
        ModelError, ManifestError: as for :func:`replay`.
    """
    settings = Settings.from_dict(manifest.settings)
    if steps <= settings.steps:
        raise SettingsError(
            f"finish an image in {steps} steps", f"it was drawn in {settings.steps}", "finishing takes more steps",
            f"Try {2 * settings.steps}",
        )  # fmt: skip
    parents = (*manifest.parents, manifest.digest)
    yield from _continue(manifest, replace(settings, steps=steps), parents, reference_image, cancelled)


def _continue(
    manifest: Manifest, settings: Settings, parents: tuple[str, ...], reference_image: NDArray[np.uint8] | None,
    cancelled: Callable[[], bool],
) -> Iterator[Step]:  # fmt: skip
    """Draw what a manifest describes, by the same weights and from the same start."""
    from .diffusion.appearance import appearance_from_json
    from .diffusion.reference import reference_from_record
    from .errors import ModelError
    from .models.catalogue import get_model_spec, load_model
    from .regenerate import replay_chain

    spec = get_model_spec(manifest.model_id)
    if spec.digest != manifest.model_digest:
        raise ModelError(
            f"replay an image of the model {spec.id!r}", f"the weights here are {spec.digest[:12]}",
            f"it was drawn by {manifest.model_digest[:12]}", "Install the version of ssldiff that the manifest names",
        )  # fmt: skip
    model = load_model(spec.id, device=settings.device, precision=settings.precision)
    if manifest.chain:
        yield from replay_chain(manifest, settings, model, cancelled)
        return
    yield from generate(
        manifest.grid, settings, model=model,
        reference=reference_from_record(manifest.reference, reference_image),
        appearance=appearance_from_json(manifest.appearance), parents=parents, cancelled=cancelled,
    )  # fmt: skip
