"""The grid prior of a model: its network, what it was taught to name, and where it lies.

A model folder may hold ``prior/`` with the network in diffusers' layout and ``prior.json``::

    {"encoder_id": "aerial-2", "text_encoder": "all-MiniLM-L6-v2", "pixel_sizes_m": [0.15, 0.3, 0.6],
     "default_pixel_size_m": 0.3, "guidance_scale": 2.5,
     "concepts": {"harbour": ["harbour", "boats", …], …}, "labels": {"harbor": "harbour", …}, "words": ["a", …]}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import ModelError
from .grid_prior import GridPriorNetwork
from .parts import load_part
from .prior_sampling import sample_grids
from .spec import ModelSpec

PRIOR_FOLDER, PRIOR_NAME = "prior", "prior.json"


@dataclass(frozen=True)
class PriorSpec:
    """What ``prior.json`` says.

    Args:
        encoder_id: the patch encoder whose space the grids live in.
        text_encoder: the text encoder whose vectors it reads.
        pixel_sizes_m: pixel sizes it was trained at, metres.
        default_pixel_size_m: where nothing is asked for.
        guidance_scale: a good default; 1 is off.
        concepts: name -> caption words.
        labels: label of a data set -> concept.
        words: every word of the captions.
    """

    encoder_id: str
    text_encoder: str
    pixel_sizes_m: tuple[float, ...]
    default_pixel_size_m: float
    guidance_scale: float
    concepts: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, str]
    words: tuple[str, ...]


class LoadedPrior:
    """A prior that is ready to sample."""

    def __init__(self, spec: PriorSpec, network: GridPriorNetwork, digest: str) -> None:
        self.spec, self.network, self.digest = spec, network, digest
        self.encoder_id, self.text_encoder_id = spec.encoder_id, spec.text_encoder
        self.pixel_sizes_m = spec.pixel_sizes_m

    def sample(
        self, phrases: NDArray[np.float32], negative: NDArray[np.float32], shape_cell: tuple[int, int],
        pixel_size_m: float, seeds: Sequence[int], *, guidance_scale: float, steps: int,
        known: NDArray[np.float32] | None = None, known_valid: NDArray[np.bool_] | None = None,
        like_seed: int | None = None, watch: Callable[[int, int], None] = lambda done, total: None,
    ) -> NDArray[np.float32]:  # fmt: skip
        """See :func:`~.prior_sampling.sample_grids`."""
        return sample_grids(
            self.network, phrases, negative, shape_cell, pixel_size_m, seeds, guidance_scale=guidance_scale,
            steps=steps, known=known, known_valid=known_valid, like_seed=like_seed, watch=watch,
        )  # fmt: skip


def has_prior(spec: ModelSpec) -> bool:
    """Whether a model comes with a prior."""
    return (spec.folder / PRIOR_FOLDER / PRIOR_NAME).is_file()


def load_prior(spec: ModelSpec, device: str = "cpu") -> LoadedPrior:
    """The prior of a model.

    Raises:
        ModelError: where the model has none, it is broken, or it was made for another patch encoder.
    """
    file = spec.folder / PRIOR_FOLDER / PRIOR_NAME
    if not file.is_file():
        raise ModelError(
            f"make a layout from text for the model {spec.id!r}", "it comes without a grid prior",
            f"a model that reads text has a folder {PRIOR_FOLDER}/", "Train one: `ssldiff train prior --help`",
        )  # fmt: skip
    weights = next(iter(sorted(file.parent.glob("*.safetensors"))), file)
    return _load(spec, file.stat().st_mtime_ns, weights.stat().st_mtime_ns, device)


@lru_cache(maxsize=4)
def _load(spec: ModelSpec, described: int, trained: int, device: str) -> LoadedPrior:
    """The loaded prior; the times of its files are part of the key, so that changed ones are read again."""
    folder = spec.folder / PRIOR_FOLDER
    prior = read_prior_spec(folder)
    if prior.encoder_id != spec.encoder_id:
        raise ModelError(
            f"make a layout from text for the model {spec.id!r}",
            f"its prior makes embeddings of {prior.encoder_id!r}", f"the model takes those of {spec.encoder_id!r}",
            "Train the prior again: `ssldiff train prior --help`",
        )  # fmt: skip
    network: GridPriorNetwork = load_part(spec, PRIOR_FOLDER, GridPriorNetwork, torch.device(device), torch.float32)
    sha = hashlib.sha256((folder / PRIOR_NAME).read_bytes())
    for file in sorted(folder.glob("*.safetensors")):
        sha.update(file.read_bytes())
    return LoadedPrior(prior, network, sha.hexdigest())


def read_prior_spec(folder: Path) -> PriorSpec:
    """The description in a prior's folder.

    Raises:
        ModelError: where it is missing or malformed.
    """
    try:
        record: dict[str, Any] = json.loads((folder / PRIOR_NAME).read_text(encoding="utf-8"))
        return PriorSpec(
            str(record["encoder_id"]), str(record["text_encoder"]),
            tuple(sorted(float(size) for size in record["pixel_sizes_m"])), float(record["default_pixel_size_m"]),
            float(record["guidance_scale"]),
            {str(name): tuple(str(word) for word in words) for name, words in record["concepts"].items()},
            {str(label): str(name) for label, name in record["labels"].items()},
            tuple(str(word) for word in record["words"]),
        )  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"read the grid prior in {folder}", f"its {PRIOR_NAME} is missing or malformed: {error}",
            f"a prior's folder holds a {PRIOR_NAME} with the fields of PriorSpec",
        ) from error  # fmt: skip


def write_prior(folder: Path, spec: PriorSpec, network: GridPriorNetwork) -> None:
    """Write weights (float16) and description, without the path that diffusers notes of where it was loaded from."""
    network.to(torch.float16).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    record = {name: getattr(spec, name) for name in spec.__dataclass_fields__}
    (folder / PRIOR_NAME).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
