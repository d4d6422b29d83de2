"""Features of patches, from any patch encoder of the catalogue, the judges, or a network whose weights a user brings.

Names on the command line: an encoder's id or folder; ``judge-tissue``, ``judge-aerial`` (never a condition);
``inception:FILE`` and ``clip:FILE``, see :mod:`~ssldiff_core.evaluation.networks`; ``colour``, mean and deviation of
the channels, as a yardstick for what needs no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ..assets import assets_path, own_models_folder
from ..errors import GridError, ModelError
from ..geometry import CELL_PX
from .moments import Moments, MomentStream
from .samples import Patches

if TYPE_CHECKING:
    from ..embeddings.encoder import PatchEncoder
    from ..embeddings.grid import EmbeddingGrid

JUDGE = "judge-"
KEPT = 10_000
"""Features that are kept of a stream for what needs them all at once: kernels, neighbourhoods and intervals."""


class FeatureExtractor(Protocol):
    """What turns patches into features."""

    @property
    def id(self) -> str:
        """Names the features; distances are compared within one id only."""

    @property
    def patch_px(self) -> int:
        """Side of the patches it takes; 0 where any will do."""

    @property
    def preprocessing(self) -> str:
        """What is done to pixels, for people."""

    def extract(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, h, w, 3) uint8 -> (n, dim) float32; may hold NaN."""


class EncoderFeatures:
    """The embeddings of a patch encoder."""

    def __init__(self, encoder: PatchEncoder) -> None:
        self.encoder, self.id, self.patch_px = encoder, encoder.id, encoder.patch_px
        self.preprocessing = f"{encoder.patch_px} px as the encoder takes them ({encoder.digest[:12]})"

    def extract(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.encoder.encode(np.ascontiguousarray(patches))


class ColourFeatures:
    """Mean and deviation of each channel, 0 to 1."""

    id, patch_px, preprocessing = "colour", 0, "mean and deviation of red, green and blue"

    def extract(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = patches.astype(np.float32) / 255.0
        return np.concatenate([pixels.mean(axis=(1, 2)), pixels.std(axis=(1, 2))], axis=1)


def load_features(name: str, device: str = "cpu") -> FeatureExtractor:
    """The features of a name.

    Raises:
        ModelError: where there are none of that name, or their weights are missing or of another layout.
    """
    from ..embeddings.encoder import load_patch_encoder
    from .networks import load_clip, load_inception

    if name == "colour":
        return ColourFeatures()
    kind, _, file = name.partition(":")
    if kind in ("inception", "clip") and not Path(name).exists():
        if not file:
            raise ModelError(
                f"take features of {kind}", "no weights are named", "its weights do not ship with ssldiff",
                f"Give the file: {kind}:weights.pth",
            )  # fmt: skip
        return (load_inception if kind == "inception" else load_clip)(Path(file), device)
    return EncoderFeatures(load_patch_encoder(encoder_folder(name), device))


def find_judge(name: str) -> Path | None:
    """Where the judge ``judge-DOMAIN`` lies, if it is here."""
    own = own_models_folder()
    for root in [*([own] if own else []), assets_path("models")]:
        folder = root / name.removeprefix(JUDGE) / "judge"
        if (folder / "encoder.json").is_file():
            return folder
    return None


def encoder_folder(name: str) -> Path | str:
    """The folder of a judge; other names, of encoders, as they are.

    Raises:
        ModelError: where there is no such judge.
    """
    if not name.startswith(JUDGE):
        return name
    folder = find_judge(name)
    if folder is None:
        raise ModelError(
            f"judge by {name}", "it is not here", "a judge lies in the folder judge of its domain's model",
            "Train one with python -m ssldiff_core.training.judge_encoder",
        )  # fmt: skip
    return folder


@dataclass(frozen=True)
class FeatureSet:
    """Features of one side of a comparison.

    Args:
        id, preprocessing: of the extractor.
        moments: of all of them.
        kept: (k, dim) float32, all of them or a random part, in a random order where it is a part.
        groups: (k,) the image each comes from.
        corners: (k, 2) where in it, (row, col).
        dropped: features that were not finite and are left out.
        images: how many images gave features.
    """

    id: str
    preprocessing: str
    moments: Moments
    kept: NDArray[np.float32]
    groups: NDArray[np.int64]
    corners: NDArray[np.int64]
    dropped: int
    images: int

    @property
    def count(self) -> int:
        """Features in the set."""
        return self.moments.count

    @property
    def dim(self) -> int:
        """Length of a feature."""
        return len(self.moments.mean)


def collect(
    patches: Iterable[Patches], extractor: FeatureExtractor, *, keep: int = KEPT, seed: int = 0,
    done: Callable[[int], None] = lambda count: None, batch: int = 64,
) -> FeatureSet:  # fmt: skip
    """Features of a stream of patches; memory does not grow beyond ``keep`` of them.

    Args:
        patches: of one side.
        extractor: of the features.
        keep: how many are kept, every one with the same chance.
        seed: of that choice.
        done: called with the number of patches of each batch.
        batch: patches at once; those of small images are put together.

    Raises:
        GridError: where fewer than two features are finite.
    """
    stream, kept, dropped = MomentStream(), _Reservoir(keep, seed), 0
    images: set[int] = set()
    for group in _batches(patches, batch):
        pixels = np.concatenate([part.pixels for part in group])
        places = np.concatenate(
            [np.column_stack([np.full(len(part.corners), part.index), part.corners]) for part in group]
        )
        features = extractor.extract(pixels)
        finite = np.isfinite(features).all(axis=1)
        dropped += int((~finite).sum())
        stream.add(features[finite])
        kept.add(features[finite], places[finite])
        images |= set(places[finite, 0].tolist())
        done(len(pixels))
    if stream.count < 2:
        raise GridError(
            f"take features of {extractor.id}", f"{stream.count} patches have finite features, {dropped} have not",
            "a set has two patches or more", "Give more images, or other features",
        )  # fmt: skip
    features, places = kept.content()
    return FeatureSet(
        extractor.id, extractor.preprocessing, stream.moments(), features, places[:, 0], places[:, 1:], dropped,
        len(images),
    )  # fmt: skip


def features_of_grids(grids: Sequence[EmbeddingGrid]) -> FeatureSet:
    """The valid vectors of grids as features of their encoder: pixels are not needed.

    Raises:
        GridError: where the grids are of several encoders, or hold fewer than two vectors.
    """
    encoders = {grid.encoder_id for grid in grids}
    if len(encoders) != 1:
        raise GridError(
            "compare grids", f"they are of {', '.join(sorted(encoders)) or 'no encoder'}", "all are of one encoder"
        )
    stream = MomentStream()
    vectors = [grid.vectors[grid.valid] for grid in grids]
    for part in vectors:
        stream.add(part)
    places = [
        np.column_stack([np.full(len(part), index), np.argwhere(grid.valid) * grid.geometry.cell_px])
        for index, (grid, part) in enumerate(zip(grids, vectors, strict=True))
    ]
    all_places = np.concatenate(places)
    return FeatureSet(
        encoders.pop(), "as the grids hold them", stream.moments(), np.concatenate(vectors).astype(np.float32),
        all_places[:, 0], all_places[:, 1:], 0, len(grids),
    )  # fmt: skip


def _batches(patches: Iterable[Patches], size: int) -> Iterable[list[Patches]]:
    group: list[Patches] = []
    for part in patches:
        group.append(part)
        if sum(len(p.pixels) for p in group) >= size:
            yield group
            group = []
    if group:
        yield group


class _Reservoir:
    """At most ``size`` of the rows that came, each with the same chance (Vitter's algorithm R)."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seen, self.generator = size, 0, np.random.default_rng(seed)
        self.features: list[NDArray[np.float32]] = []
        self.places: list[NDArray[np.int64]] = []

    def add(self, features: NDArray[np.float32], places: NDArray[np.int64]) -> None:
        for feature, place in zip(features, places, strict=True):
            if len(self.features) < self.size:
                self.features.append(feature)
                self.places.append(place)
            elif (slot := int(self.generator.integers(0, self.seen + 1))) < self.size:
                self.features[slot], self.places[slot] = feature, place
            self.seen += 1

    def content(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        return np.stack(self.features).astype(np.float32), np.stack(self.places)


def patch_side(extractor: FeatureExtractor, asked: int | None) -> int:
    """The side of patches for an extractor: its own, or what was asked for, else two cells where any will do.

    Raises:
        GridError: where it takes no other than its own.
    """
    if extractor.patch_px and asked not in (None, extractor.patch_px):
        raise GridError(
            f"take features of {asked}-px patches with {extractor.id}", f"it takes {extractor.patch_px} px",
            "a patch encoder describes patches of one size", f"Leave the size out, or give {extractor.patch_px}",
        )  # fmt: skip
    return extractor.patch_px or asked or 2 * CELL_PX
