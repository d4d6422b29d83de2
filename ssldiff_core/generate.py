"""The whole story: from a grid or a layout to a large image, one denoising step at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .drawing import decode, draw, model_for, resolve
from .embeddings.grid import EmbeddingGrid
from .errors import SettingsError
from .geometry import GridGeometry
from .layouts import Layout, edit_to_json
from .provenance import Manifest, describe_machine
from .settings import STEPS
from .settings import Settings as Settings

if TYPE_CHECKING:
    from torch import Tensor

    from .diffusion.appearance import Appearance
    from .diffusion.graph.trajectory import Trajectory
    from .diffusion.reference import Reference
    from .models.catalogue import Model

PREVIEW_PX = 512


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
        cancelled: looked at before every network call.

    Raises:
        GridError: where the model cannot draw the grid.
        ModelError: where there is no model for it.
        SettingsError: where the model has no such engine, the engine no such solver, or the trajectory of this run
            cannot be kept.
        Cancelled: where ``cancelled()`` said so.

    Example:
        >>> grid = ssldiff.EmbeddingGrid.load("grid.npz")
        >>> for step in ssldiff.generate(grid, ssldiff.Settings(seed=7, steps=2)):
        ...     print(step.phase, step.index, "of", step.total)
        denoise 1 of 3
        denoise 2 of 3
        decode 2 of 3
        done 3 of 3
        >>> step.result.image.shape
        (256, 384, 3)
    """
    from .diffusion.autoencoder import preview_rgb
    from .diffusion.engines import WindowStep
    from .diffusion.reference import start_of
    from .diffusion.schedule import noise_levels

    settings = settings or Settings()
    grid = source.grid() if isinstance(source, Layout) else source
    model = model_for(grid, settings, model)
    settings = resolve(settings, model)
    levels = noise_levels(settings.steps)
    start = start_of(reference, settings.seed, levels, model.autoencoder, grid.geometry, model.device)
    run = draw(model, grid, settings, start, cancelled, kept=keep is not None)
    if keep is not None:
        run = keep.recording(run, grid.geometry.latent_factor, plain=appearance is None and len(start.levels) > 1)
    began = time.monotonic()
    for step in run:
        elapsed = time.monotonic() - began
        preview = preview_rgb(step.x0, model.latent_rgb, preview_px)
        eta = elapsed / step.index * (step.total - step.index) + 0.1 * elapsed / step.index * step.total
        yield Step(step.index, step.total + 1, "denoise", preview, eta)
    network_s = time.monotonic() - began
    yield Step(step.index, step.total + 1, "decode", preview, 0.1 * network_s)
    image = decode(model, step.latents, settings, cancelled)
    seconds = {"network": network_s, "decode": time.monotonic() - began - network_s}
    manifest = make_manifest(source, grid, settings, settings.guidance_scale or 0.0, model)
    manifest = replace(manifest, reference=start.record, parents=parents)
    if isinstance(step, WindowStep):
        machine = {**manifest.machine, "windows_a_call": step.batch}
        manifest = replace(manifest, machine=machine, bit_exact=manifest.bit_exact and not step.halved)
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

    used = asdict(resolve(replace(settings, guidance_scale=guidance_scale), model))
    device, precision = used["device"], used["precision"]
    edits = tuple(edit_to_json(edit) for edit in source.edits) if isinstance(source, Layout) else ()
    return Manifest(
        grid=grid, model_id=model.spec.id, model_digest=model.spec.digest, settings=used, edits=edits,
        bit_exact=device == "cpu",
        machine=describe_machine(device=device, precision=precision, threads=torch.get_num_threads()),
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

    Example:
        >>> grid = ssldiff.EmbeddingGrid.load("grid.npz")
        >>> *_, first = ssldiff.generate(grid, ssldiff.Settings(seed=7, steps=2))
        >>> *_, again = ssldiff.replay(ssldiff.Manifest.from_json(first.result.manifest.to_json()))
        >>> np.array_equal(first.result.image, again.result.image)
        True
    """
    yield from _continue(manifest, Settings.from_dict(manifest.settings), manifest.parents, reference_image, cancelled)


def finish(
    manifest: Manifest, steps: int = STEPS, *, reference_image: NDArray[np.uint8] | None = None,
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
    if settings.student:  # the model itself draws the picture of its student, in its own way
        settings = Settings(seed=settings.seed, device=settings.device, precision=settings.precision)
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
    reference = reference_from_record(manifest.reference, reference_image)
    if manifest.chain:
        yield from replay_chain(manifest, settings, model, reference, cancelled)
        return
    yield from generate(
        manifest.grid, settings, model=model, reference=reference,
        appearance=appearance_from_json(manifest.appearance), parents=parents, cancelled=cancelled,
    )  # fmt: skip
