"""The patch encoders this house knows: what each one is, where its weights lie, at which pixel sizes it was trained.

A native encoder is described by the ``encoder.json`` beside its weights (``encoder.safetensors``), written by the
recipe that trained it; :meth:`EncoderSpec.to_json` is that file's form. An encoder whose weights timm fetches is one
more entry of ``_FROM_TIMM``, with ``weights="timm"`` and the facts of its own model card.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..assets import assets_path
from ..errors import GridError, ModelError
from ..geometry import format_length

CONFIG_NAME, WEIGHTS_NAME = "encoder.json", "encoder.safetensors"
PIXEL_SIZE_TOLERANCE = 1.25
"""An encoder may be used beyond the ends of its trained range by this factor."""

_NATIVE = {"tissue-1": "tissue", "aerial-1": "aerial"}  # id -> folder in assets/models


@dataclass(frozen=True)
class EncoderSpec:
    """What a patch encoder is.

    Args:
        id: e.g. ``"tissue-1"``; grids and palettes carry it.
        timm_name: the network, for ``timm.create_model``.
        timm_args: further arguments of that call, e.g. ``{"num_classes": 128}``.
        patch_px: side of the patch it describes, in pixels of the grid.
        input_px: side of the network's input; patches are resized where it differs.
        mean, std: of the input's RGB channels in [0, 1].
        dim: length of an embedding.
        pixel_sizes_m: pixel sizes it was trained at, metres.
        licence: of the weights.
        gated: whether the weights must be asked for.
        weights: path of a safetensors file, or ``"timm"`` for those that timm fetches.
        embedding_mean, embedding_std: (dim,) of the network's output over the training set, to standardise it by; empty
            for no standardisation.
        normalise: whether embeddings are given length 1.
        quantiles: what :func:`~ssldiff_core.embeddings.check.quantiles_from` made of the training set, or None.
        digest: sha256 of the weights' file; empty where it is not known beforehand.

    Raises:
        ModelError: where the facts contradict each other.
    """

    id: str
    timm_name: str
    patch_px: int
    input_px: int
    dim: int
    pixel_sizes_m: tuple[float, ...]
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    timm_args: Mapping[str, Any] = field(default_factory=dict)
    licence: str = "Apache-2.0"
    gated: bool = False
    weights: str = ""
    embedding_mean: tuple[float, ...] = ()
    embedding_std: tuple[float, ...] = ()
    normalise: bool = False
    quantiles: Mapping[str, Any] | None = field(default=None, repr=False)
    digest: str = ""

    def __post_init__(self) -> None:
        for name in ("pixel_sizes_m", "mean", "std", "embedding_mean", "embedding_std"):
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        whole = all(isinstance(v, int) and v > 0 for v in (self.patch_px, self.input_px, self.dim))
        spread = (*self.std, *self.embedding_std, *self.pixel_sizes_m)
        faults = {
            "it has no id or network": not (self.id and self.timm_name),
            "patch_px, input_px and dim are not whole numbers above 0": not whole,
            "mean or std is not of three channels": len(self.mean) != 3 or len(self.std) != 3,
            "it names no pixel size": not self.pixel_sizes_m,
            "a std or pixel size is not a number above 0": not all(math.isfinite(v) and v > 0 for v in spread),
            f"embedding_mean and embedding_std are not of {self.dim} numbers": (
                {len(self.embedding_mean), len(self.embedding_std)} not in ({0}, {self.dim})
            ),
        }
        for fault, holds in faults.items():
            if holds:
                raise ModelError(f"describe the patch encoder {self.id!r}", fault)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dictionary; ``weights`` is left out, for a file lies beside its weights."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "weights"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


_FROM_TIMM: tuple[EncoderSpec, ...] = ()


def list_encoders() -> list[str]:
    """Ids of all encoders of the catalogue; weights may be missing."""
    return [*_NATIVE, *(spec.id for spec in _FROM_TIMM)]


def get_encoder_spec(id: str) -> EncoderSpec:
    """The encoder with this id.

    Raises:
        ModelError: where there is none, or its files are missing or broken.
    """
    for spec in _FROM_TIMM:
        if spec.id == id:
            return spec
    if id not in _NATIVE:
        raise ModelError(
            f"find the patch encoder {id!r}", "there is none", "", f"Known are {', '.join(list_encoders())}"
        )
    return read_encoder_spec(assets_path("models", _NATIVE[id], CONFIG_NAME))


def read_encoder_spec(path: Path) -> EncoderSpec:
    """The encoder described by an ``encoder.json`` (or by the one in a folder).

    Keys that are no field of :class:`EncoderSpec` are notes, and left alone.

    Raises:
        ModelError: where the file is missing, broken or incomplete.
    """
    path = path / CONFIG_NAME if path.is_dir() else path
    asked = f"read the patch encoder {path}"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        known = {name: data[name] for name in (item.name for item in fields(EncoderSpec)) if name in data}
        known["weights"] = str(path.with_name(WEIGHTS_NAME))
        for name in ("embedding_mean", "embedding_std"):
            known[name] = known.get(name) or ()
        return EncoderSpec(**known)
    except FileNotFoundError:
        raise ModelError(asked, "there is no such file", "", "Train it with ssldiff train, or reinstall") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(asked, f"it is broken or incomplete: {error}") from error


def check_pixel_size(pixel_size_m: float, trained_m: Sequence[float], name: str) -> None:
    """Refuse a pixel size outside the trained range, give or take 25 % beyond its ends.

    Args:
        pixel_size_m: asked for.
        trained_m: pixel sizes of the training, in any order.
        name: of the encoder, for the message.

    Raises:
        GridError: naming the nearest valid value.
    """
    finest, coarsest = min(trained_m), max(trained_m)
    if finest / PIXEL_SIZE_TOLERANCE * (1 - 1e-9) <= pixel_size_m <= coarsest * PIXEL_SIZE_TOLERANCE * (1 + 1e-9):
        return
    nearest = coarsest if pixel_size_m > coarsest else finest  # also for what is no number
    raise GridError(
        f"embed at a pixel size of {format_length(pixel_size_m)}",
        f"the patch encoder {name} was trained from {format_length(finest)} to {format_length(coarsest)}",
        "a pixel size lies in the trained range, give or take 25 %", f"The nearest is {format_length(nearest)}",
    )  # fmt: skip
