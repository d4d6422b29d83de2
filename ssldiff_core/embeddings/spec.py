"""What a patch encoder is: the facts that a catalogue entry or an ``encoder.json`` states, checked on construction."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import ModelError

CONFIG_NAME, WEIGHTS_NAME = "encoder.json", "encoder.safetensors"

ANY_PIXEL_SIZE = (1e-8, 1e5)
"""Pixel sizes (m) of an encoder that was trained on photographs, and so at no pixel size at all."""

READOUTS = ("output", "class+mean")

_NOTES = ("quantiles", "digest", "licence", "gated", "pixel_sizes_m", "source", "domain")
"""Fields that say nothing about the numbers that come out."""


@dataclass(frozen=True)
class EncoderSpec:
    """What a patch encoder is.

    Args:
        id: e.g. ``"tissue-1"``; grids and palettes carry it.
        timm_name: the network, for ``timm.create_model``.
        timm_args: further arguments of that call, e.g. ``{"num_classes": 128}``; layers by name, see
            :mod:`~ssldiff_core.embeddings.networks`.
        patch_px: side of the patch it describes, in pixels of the grid.
        input_px: side of the network's input; patches are resized where it differs.
        resize_px: side to resize to before the centre of ``input_px`` is cut out; 0 for no cutting.
        interpolation: of the resizing, ``bilinear`` or ``bicubic``; both antialiased.
        mean, std: of the input's RGB channels in [0, 1].
        readout: ``output`` of the network as it is, or ``class+mean``: class token and mean of patch tokens.
        dim: length of an embedding.
        pixel_sizes_m: pixel sizes it was trained at, metres; :data:`ANY_PIXEL_SIZE` for none in particular.
        licence: of the weights.
        gated: whether the weights must be asked for.
        weights: path of the file with the weights; empty where ``source`` says how to come by it.
        source: ``owner/name:file`` on the Hugging Face hub, or the address of a page to fetch the file from by hand.
        domain: what it was trained on, for people.
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
    resize_px: int = 0
    interpolation: str = "bilinear"
    readout: str = "output"
    source: str = ""
    domain: str = ""

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
            f"readout {self.readout!r} is none of {', '.join(READOUTS)}": self.readout not in READOUTS,
            f"interpolation {self.interpolation!r} is not bilinear or bicubic": (
                self.interpolation not in ("bilinear", "bicubic")
            ),
            "resize_px is smaller than input_px": bool(self.resize_px) and self.resize_px < self.input_px,
        }
        for fault, holds in faults.items():
            if holds:
                raise ModelError(f"describe the patch encoder {self.id!r}", fault)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dictionary; ``weights`` is left out, for a file lies beside its weights, and so are later fields
        that have their default.
        """
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "weights"}
        later = {item.name: item.default for item in fields(self)[-5:]}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if name not in later or value != later[name]
        }

    def arithmetic(self) -> dict[str, Any]:
        """The part of :meth:`to_json` that shapes the numbers that come out."""
        return {name: value for name, value in self.to_json().items() if name not in _NOTES}


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
