"""The patch encoders this house knows, from three places, in this order.

1. The folder that ``SSLDIFF_MODELS_DIR`` names, and the shipped models: every ``encoder.json`` beside its weights.
2. Plug-ins: entry points of the group ``ssldiff.encoders``, named by the encoder's id, each an :class:`EncoderSpec`, a
   function that returns one, or a function ``(device) -> PatchEncoder`` for what timm cannot build.
3. :mod:`~ssldiff_core.embeddings.entries`: encoders of others, whose weights users bring.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..assets import assets_path, own_models_folder
from ..errors import GridError, ModelError
from ..geometry import format_length
from .entries import ENTRIES
from .spec import CONFIG_NAME as CONFIG_NAME
from .spec import WEIGHTS_NAME as WEIGHTS_NAME
from .spec import EncoderSpec as EncoderSpec
from .spec import read_encoder_spec as read_encoder_spec

if TYPE_CHECKING:
    from .encoder import PatchEncoder

PIXEL_SIZE_TOLERANCE = 1.25
"""An encoder may be used beyond the ends of its trained range by this factor."""

PLUGIN_GROUP = "ssldiff.encoders"


def list_encoders() -> list[str]:
    """Ids of all encoders of the catalogue, each once; weights may be missing."""
    return list(dict.fromkeys([*_folders(), *(point.name for point in _plugins()), *(spec.id for spec in ENTRIES)]))


def list_encoder_specs() -> list[EncoderSpec]:
    """What is known of each encoder, without those that only a plug-in's code describes; a broken one is left out, with
    a warning.
    """
    specs = []
    for id in list_encoders():
        try:
            found = find_encoder(id)
        except ModelError as error:
            warnings.warn(str(error), stacklevel=2)
            continue
        if isinstance(found, EncoderSpec):
            specs.append(found)
    return specs


def get_encoder_spec(id: str) -> EncoderSpec:
    """The encoder with this id.

    Raises:
        ModelError: where there is none, its files are missing or broken, or only a plug-in's code describes it.
    """
    found = find_encoder(id)
    if isinstance(found, EncoderSpec):
        return found
    raise ModelError(f"describe the patch encoder {id!r}", "its plug-in builds it itself", "", "Load it instead")


def find_encoder(id: str) -> EncoderSpec | Callable[[str], PatchEncoder]:
    """The encoder with this id: its spec, or a plug-in's function ``(device) -> PatchEncoder``.

    Raises:
        ModelError: where there is none, or its files or its plug-in are broken.
    """
    folder = _folders().get(id)
    if folder is not None:
        return read_encoder_spec(folder)
    for point in _plugins():
        if point.name == id:
            return _load_plugin(point)
    for spec in ENTRIES:
        if spec.id == id:
            return spec
    raise ModelError(f"find the patch encoder {id!r}", "there is none", "", f"Known are {', '.join(list_encoders())}")


def _folders() -> dict[str, Path]:
    """id -> model folder that holds the encoder; a folder that cannot be read is left out, with a warning."""
    found: dict[str, Path] = {}
    own = own_models_folder()
    for root in [*([own] if own else []), assets_path("models")]:
        for file in sorted([*root.glob(CONFIG_NAME), *root.glob(f"*/{CONFIG_NAME}")]):
            try:
                found.setdefault(read_encoder_spec(file).id, file.parent)
            except ModelError as error:
                warnings.warn(str(error), stacklevel=3)
    return found


def _plugins() -> list[EntryPoint]:
    return sorted(entry_points(group=PLUGIN_GROUP), key=lambda point: point.name)


def _load_plugin(point: EntryPoint) -> EncoderSpec | Callable[[str], PatchEncoder]:
    import inspect

    asked = f"load the patch encoder {point.name!r} from the plug-in {point.value}"
    try:
        found: Any = point.load()
        if callable(found) and not inspect.signature(found).parameters:
            found = found()
    except Exception as error:  # a plug-in's code may raise whatever it likes
        raise ModelError(asked, f"it failed: {type(error).__name__}: {error}", "", "Ask its author") from error
    if isinstance(found, EncoderSpec) and found.id != point.name:
        raise ModelError(asked, f"it describes {found.id!r}", "an entry point is named by the encoder's id")
    if not isinstance(found, EncoderSpec) and not callable(found):
        raise ModelError(asked, f"it is a {type(found).__name__}", "it is an EncoderSpec or a function")
    return found  # type: ignore[no-any-return]


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
