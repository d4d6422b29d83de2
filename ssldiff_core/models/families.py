"""The families of models: which code loads which weights. The one place where they are listed.

A package of another author adds a family by an entry point of the group ``ssldiff.models``, whose object is a
:class:`Family`::

    [project.entry-points."ssldiff.models"]
    dots = "dots_for_ssldiff:FAMILY"
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelError, SettingsError

if TYPE_CHECKING:
    import torch

    from .spec import Model, ModelSpec

    Loader = Callable[[ModelSpec, torch.device, torch.dtype], Model]

GROUP = "ssldiff.models"
WINDOW_ENGINES = ("windowed", "shifted", "notebook")


@dataclass(frozen=True)
class Family:
    """A kind of weights.

    Args:
        name: as ``model.json`` says it.
        load: ``(spec, device, dtype) -> Model``, or where it stands, ``"module:function"``, imported when first used.
        engines: names of the engines that draw with it.
        auto_precision: what the precision ``auto`` means for it; ``auto`` leaves that to the machine.
        folders: folders of model folders that come with it.
    """

    name: str
    load: Loader | str
    engines: tuple[str, ...] = WINDOW_ENGINES
    auto_precision: str = "auto"
    folders: tuple[Path, ...] = ()

    def load_model(self, spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Model:
        """The networks of a model of this family."""
        if isinstance(self.load, str):
            module, _, name = self.load.partition(":")
            loader: Loader = getattr(importlib.import_module(module), name)
            return loader(spec, device, dtype)
        return self.load(spec, device, dtype)

    def check_engine(self, engine: str) -> None:
        """SettingsError where that engine cannot draw with this family."""
        if engine not in self.engines:
            raise SettingsError(
                f"draw with the engine {engine!r}", f"the family {self.name!r} cannot be drawn with it",
                f"its engines: {', '.join(self.engines)}",
            )  # fmt: skip


BUILT_IN = (
    Family("native", f"{__package__}.native_loading:load", ("dense", *WINDOW_ENGINES)),
    Family("lrdm", f"{__package__}.lrdm_loading:load", auto_precision="float32"),
    Family("pixcell", f"{__package__}.pixcell_loading:load"),
)


def list_families() -> tuple[Family, ...]:
    """Those of this package, then those of plug-ins; one that does not load is left out, with a warning."""
    found = {family.name: family for family in BUILT_IN}
    for point in entry_points(group=GROUP):
        try:
            family = point.load()
        except Exception as error:  # a plug-in is foreign code
            warnings.warn(f"The plug-in {point.value} does not load: {error}", stacklevel=2)
            continue
        if not isinstance(family, Family):
            warnings.warn(f"The plug-in {point.value} is left out: it is no ssldiff Family", stacklevel=2)
            continue
        if found.setdefault(family.name, family) is not family:
            warnings.warn(f"The plug-in {point.value} is left out: {family.name!r} is there already", stacklevel=2)
    return tuple(found.values())


def get_family(name: str) -> Family:
    """The family of that name; ModelError names those there are."""
    families = {family.name: family for family in list_families()}
    if name not in families:
        raise ModelError(
            f"use a model of the family {name!r}", "there is none", f"families: {', '.join(families)}",
            "Install the package that brings it",
        )  # fmt: skip
    return families[name]
