"""Which model draws a data set's variations."""

from __future__ import annotations

from ...errors import GridError, SettingsError
from ...models.catalogue import ModelSpec, get_model_spec, list_models
from ...scenes import open_scene
from .dataset import Dataset
from .fitting import fit_image


def choose_model(dataset: Dataset, pixel_size_m: float | None, model_id: str | None) -> ModelSpec:
    """The model asked for, or the one whose pixel sizes hold those of the first image.

    Raises:
        ModelError: where there is none of that name.
        SettingsError: where nobody says how large pixels are, or no model draws at that size.
    """
    if model_id is not None:
        return get_model_spec(model_id)
    size_m = pixel_size_m or dataset.samples[0].pixel_size_m
    if size_m is None:
        with open_scene(dataset.root / dataset.samples[0].path) as scene:
            size_m = scene.pixel_size_m
    asked = f"choose a model for {dataset.root.name}"
    if size_m is None:
        raise SettingsError(
            asked, "nothing says how large its pixels are", "a model draws at a pixel size",
            "Give --pixel-size, for example 0.5um or 0.3m",
        )  # fmt: skip
    refusals = []
    for spec in list_models():
        try:
            fit_image((spec.cell_px, spec.cell_px), size_m, spec.pixel_sizes_m, spec.cell_px, spec.id)
            return spec
        except GridError:
            refusals.append(f"{spec.id} draws {spec.pixel_sizes_m[0]:g} to {spec.pixel_sizes_m[-1]:g} m")
    raise SettingsError(
        asked, f"its pixel size is {size_m:g} m", "; ".join(refusals) or "no model is here",
        "Give the --pixel-size that the model is to take them for",
    )  # fmt: skip
