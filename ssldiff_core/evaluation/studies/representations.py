"""The representation study: what a denoiser knows of an image, beside the patch encoder that conditions it.

A denoiser is shown an image's latents at a noise level, told nothing (the null condition), and what its coarse blocks
hold is averaged over the image: mean and deviation of each channel. That, the patch encoder's embeddings and both
together are read by a linear probe and by the nearest neighbours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...diffusion.autoencoder import encode_image
from ...errors import ModelError
from ...models.native import NativeDenoiser
from ...training.patch_encoder import knn_accuracy
from ..augment.fitting import Fit
from .features import Picture, Pixels, image_features, read_picture
from .patches import Score
from .probe import TrainingSet, accuracy, fit_probe
from .sets import Round, distinct_rounds

if TYPE_CHECKING:
    from ...embeddings.encoder import PatchEncoder
    from ...models.catalogue import Model

PROBE, NEIGHBOURS = "linear probe", "nearest neighbours"
OWN, COLOUR, TOGETHER = "patch encoder", "colour", " + patch encoder"
K = 10

Features = NDArray[np.float32]
Told = Callable[[str, int, int], None]


def denoiser_name(level: float) -> str:
    """How the features at a noise level are called."""
    return f"denoiser at {level:g}"


class DenoiserReader:
    """What the coarse blocks of a native denoiser hold of an image.

    Args:
        model: of the native family.
        levels: noise levels, 0 (clean) to 1.

    Raises:
        ModelError: where the model is of another family.
    """

    def __init__(self, model: Model, levels: Sequence[float]) -> None:
        network = getattr(model.denoiser, "network", None)
        if not isinstance(network, NativeDenoiser):
            raise ModelError(
                f"read the blocks of the denoiser of {model.spec.id!r}", f"its family is {model.spec.family!r}",
                "coarse blocks are those of the native family", "Choose tissue or aerial",
            )  # fmt: skip
        self.model, self.network, self.levels = model, network, tuple(levels)

    @torch.inference_mode()
    def read(self, canvas: Pixels, pixel_size_m: float, seed: int) -> Features:
        """(levels, 2 × width of the coarse blocks) float32 of an image (h, w, 3) uint8, its sides whole latents.

        The same noise is added at every level, scaled; ``seed`` decides it.
        """
        weight = next(self.network.parameters())
        latents = encode_image(self.model.autoencoder, canvas, device=self.model.device)[None].float().cpu()
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed))
        size = torch.full((1,), pixel_size_m, device=weight.device)
        rows: list[Features] = []
        held: list[Tensor] = []
        with _listening(self.network.middle[-1], held):
            for level in self.levels:
                noisy = torch.lerp(latents, noise, level).to(weight.device, weight.dtype)
                told = torch.full((1,), level, device=weight.device)
                self.network.velocity(noisy, told, self.network.tell_nothing().to(weight.dtype), size)
                block = held.pop().float()[0].flatten(1)
                rows.append(torch.cat([block.mean(dim=1), block.std(dim=1)]).cpu().numpy())
        return np.stack(rows)


class _listening:
    """While it lasts, what a module gives is appended to a list."""

    def __init__(self, module: nn.Module, held: list[Tensor]) -> None:
        self.module, self.held = module, held

    def __enter__(self) -> None:
        self.hook = self.module.register_forward_hook(lambda module, words, found: self.held.append(found))

    def __exit__(self, *error: object) -> None:
        self.hook.remove()


def study_blocks(
    pictures: Sequence[Picture], reader: DenoiserReader, encoder: PatchEncoder,
    fit_size: Callable[[tuple[int, int]], Fit], told: Told = lambda *_: None,
) -> dict[str, Features]:  # fmt: skip
    """Blocks of features, (n, dim) float32 each, by name: colour, the patch encoder, the denoiser at each level."""
    blocks = {OWN: image_features(pictures, encoder, fit_size, 1)[:, 0]}
    colours, held = [], []
    for number, picture in enumerate(pictures, start=1):
        pixels = read_picture(picture)
        fit = fit_size((pixels.shape[0], pixels.shape[1]))
        colours.append(np.concatenate([pixels.mean(axis=(0, 1)), pixels.std(axis=(0, 1))]).astype(np.float32))
        seed = int(hashlib.sha256(picture.sha256.encode()).hexdigest()[:8], 16)
        held.append(reader.read(fit.to_canvas(pixels), fit.pixel_size_m, seed))
        told("denoiser", number, len(pictures))
    whole = np.stack(held)
    blocks |= {denoiser_name(level): whole[:, place] for place, level in enumerate(reader.levels)}
    return blocks | {COLOUR: np.stack(colours)}


def representations(levels: Sequence[float]) -> dict[str, tuple[str, ...]]:
    """Representation -> the blocks it consists of."""
    alone = {name: (name,) for name in (COLOUR, OWN, *(denoiser_name(level) for level in levels))}
    return alone | {denoiser_name(level) + TOGETHER: (denoiser_name(level), OWN) for level in levels}


def joined(blocks: Mapping[str, Features], names: Sequence[str], train: NDArray[np.int64]) -> Features:
    """(n, dims) blocks side by side, each standardised on the training images and of the same total variance."""
    parts = []
    for name in names:
        mean, deviation = blocks[name][train].mean(axis=0), blocks[name][train].std(axis=0)
        standard = (blocks[name] - mean) / np.maximum(deviation, 1e-3 * max(float(deviation.mean()), 1e-9))
        parts.append(standard / np.sqrt(standard.shape[1]))
    return np.concatenate(parts, axis=1).astype(np.float32)


def representation_scores(
    blocks: Mapping[str, Features], chosen: Mapping[str, tuple[str, ...]], labels: NDArray[np.int64],
    rounds: Sequence[Round], told: Told = lambda *_: None,
) -> Iterator[Score]:  # fmt: skip
    """Both readings of every representation in every round.

    Args:
        blocks: name -> (n, dim).
        chosen: representation -> its blocks.
        labels: (n,) int.
        rounds: which images train and test.
    """
    classes = int(labels.max()) + 1
    rounds = distinct_rounds(rounds)  # neither reading has any chance of its own
    for number, one in enumerate(rounds, start=1):
        train, test = np.array(one.train), np.array(one.test)
        if len(np.unique(labels[train])) < 2:
            continue
        for name, parts in chosen.items():
            features = joined(blocks, parts, train)
            everything = TrainingSet(
                features[train], labels[train], train, np.full(len(train), -1), np.ones(len(train), bool)
            )
            weights, _ = fit_probe(everything, classes)
            names = [str(label) for label in labels]
            near = knn_accuracy(
                features[train], [names[i] for i in train], features[test], [names[i] for i in test],
                min(K, len(train) // classes or 1),
            )  # fmt: skip
            for reading, found in ((PROBE, accuracy(weights, features[test], labels[test])), (NEIGHBOURS, near)):
                yield Score(reading, name, one.name, one.amount, one.seed, found, len(train), 0, len(test))
        told("readings", number, len(rounds))
