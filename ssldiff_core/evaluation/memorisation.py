"""Memorisation: is a generated patch a training patch, perhaps flipped or shifted?

Every generated patch looks for its nearest training patch; so do held-out real patches, which no model can have seen.
Where generated ones lie about as far away as held-out ones, nothing was copied; much nearer ones are looked at. The
space forgives flips, quarter turns and shifts: the search runs in the features of all eight turns of the generated
patch, and the nearest few are compared again in pixels, over turns and shifts, at an eighth of the resolution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .features import FeatureExtractor
from .intervals import bootstrap_of_mean
from .plots import histogram
from .report import Image, Measurement, Part, Pictures
from .showing import beside

CANDIDATES = 8
"""Training patches, nearest by features, that are compared in pixels."""
COARSE_PX = 16
"""Side of the patch in which pixels are compared."""
SHIFT = 4
"""Shifts that are forgiven, in pixels of the coarse patch: a quarter of a patch to either side, so that training
patches that overlap by half cover every place."""
CLOSEST = 10
COPY_RATIO = 0.5
"""A generated patch nearer than this part of the held-out ones' median is counted as suspect."""


@dataclass(frozen=True)
class Nearest:
    """Nearest training patch of each patch of a set.

    Args:
        index: (n,) into the training patches.
        distance: (n,) mean absolute difference of coarse pixels, 0 to 1, over the best turn and shift, as a part of the
            patch's own contrast.
        turn: (n,) which of the eight turns of the patch fits best.
    """

    index: NDArray[np.int64]
    distance: NDArray[np.float64]
    turn: NDArray[np.int64]


def turned(patches: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """Patches (n, h, w, 3) in one of the eight flips and quarter turns."""
    found = np.rot90(patches, turn % 4, axes=(1, 2))
    return np.ascontiguousarray(found[:, :, ::-1] if turn >= 4 else found)


def find_nearest(
    patches: NDArray[np.uint8], training: NDArray[np.uint8], training_features: NDArray[np.float32],
    extractor: FeatureExtractor, done: Callable[[int], None] = lambda count: None, block: int = 64,
) -> Nearest:  # fmt: skip
    """The nearest training patch of each patch.

    Args:
        patches: (n, px, px, 3) uint8.
        training: (m, px, px, 3) uint8.
        training_features: (m, dim) of the same extractor.
        extractor: of the search.
        done: called with the number of patches of each block.
        block: patches at once.
    """
    coarse_training = coarse(training)
    index, distance, turn = [], [], []
    for start in range(0, len(patches), block):
        part = patches[start : start + block]
        turns = [turned(part, t) for t in range(8)]
        features = [extractor.extract(t) for t in turns]
        candidates = [_candidates(f, training_features) for f in features]
        own = [coarse(t) for t in turns]
        for i in range(len(part)):
            options = [(t, j) for t in range(8) for j in candidates[t][i]]
            pairs = np.stack([own[t][i] for t, _ in options]), coarse_training[[j for _, j in options]]
            found = _differences(*pairs)
            best = int(np.argmin(found))
            turn.append(options[best][0])
            index.append(options[best][1])
            distance.append(float(found[best]))
        done(len(part))
    return Nearest(np.array(index, np.int64), np.array(distance), np.array(turn, np.int64))


def coarse(patches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Block means (n, 16, 16, 3), 0 to 1, of patches whose side is a multiple of 16."""
    side = patches.shape[1] // COARSE_PX
    cut = patches[:, : side * COARSE_PX, : side * COARSE_PX]
    blocks = cut.reshape(len(patches), COARSE_PX, side, COARSE_PX, side, 3)
    return np.asarray(blocks.mean(axis=(2, 4), dtype=np.float32) / 255.0)


def _candidates(features: NDArray[np.float32], training: NDArray[np.float32]) -> NDArray[np.int64]:
    distances = (training**2).sum(axis=1) - 2.0 * features @ training.T
    count = min(CANDIDATES, len(training))
    return np.asarray(np.argpartition(distances, count - 1, axis=1)[:, :count], np.int64)


def _differences(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of pairs of coarse patches (k, 16, 16, 3), the least over all shifts, relative to the contrast of the two, so
    that flat patches are not called copies of flat ones.
    """
    least, side = np.full(len(first), np.inf, np.float32), COARSE_PX
    for row in range(-SHIFT, SHIFT + 1):
        for col in range(-SHIFT, SHIFT + 1):
            a = first[:, max(row, 0) : side + min(row, 0), max(col, 0) : side + min(col, 0)]
            b = second[:, max(-row, 0) : side + min(-row, 0), max(-col, 0) : side + min(-col, 0)]
            least = np.minimum(least, np.abs(a - b).mean(axis=(1, 2, 3)))
    contrast = 0.5 * sum(patches.std(axis=(1, 2)).mean(axis=1) for patches in (first, second))
    return np.asarray(least / np.maximum(contrast, 0.02))


def memorisation_figures(generated: Nearest, held_out: Nearest, features: str) -> dict[str, Measurement]:
    """Median distances, their ratio, and how many generated and held-out patches lie suspiciously near."""
    count = (len(generated.distance), len(held_out.distance))
    medians = [float(np.median(each.distance)) for each in (generated, held_out)]
    generator = np.random.default_rng(0)
    ratios = [
        np.divide(*(np.median(generator.choice(each.distance, len(each.distance))) for each in (generated, held_out)))
        for _ in range(500)
    ]
    low, high = (float(v) for v in np.quantile(ratios, [0.025, 0.975]))
    ratio = Measurement(medians[0] / max(medians[1], 1e-12), low, high, count, features)
    figures = {"memorisation_ratio": replace(ratio, note="generated / held out; far below 1: copies")}
    for index, (name, each) in enumerate((("", generated), ("_held_out", held_out))):
        near = (each.distance < COPY_RATIO * medians[1]).astype(np.float64)
        about = Measurement(medians[index], n=count[index], features=features, note="median over patches")
        low, high = bootstrap_of_mean(near)
        note = f"nearer to a training patch than {COPY_RATIO:g} of the held-out median"
        figures[f"memorisation_distance{name}"] = about
        figures[f"memorisation_suspect_share{name}"] = replace(
            about, value=float(near.mean()), low=low, high=high, note=note
        )
    return figures


def memorisation_parts(
    generated: Nearest, held_out: Nearest, patches: NDArray[np.uint8], training: NDArray[np.uint8]
) -> list[Part]:
    """The spread of distances, and the ten closest pairs."""
    order = np.argsort(generated.distance)[:CLOSEST]
    pictures: list[tuple[Image, str]] = []
    for i in order:
        own = turned(patches[i][None], int(generated.turn[i]))[0]
        pictures.append(
            (beside(own, training[generated.index[i]]), f"generated | training, {generated.distance[i]:.3f}")
        )
    note = "Left generated, turned as it fits best; right its nearest training patch."
    return [
        histogram(
            "Distance to the nearest training patch",
            {"generated": generated.distance, "held-out real": held_out.distance}, x_label="difference / contrast",
        ),
        Pictures("The ten closest pairs", pictures, note, width_px=260, per_row=4),
    ]  # fmt: skip
