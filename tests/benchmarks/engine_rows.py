"""The rows of the engines' table: what is drawn with, beside the authors' algorithm."""

from __future__ import annotations

from ssldiff_core import ModelSpec, Settings

INTERVALS = ((0.0, 1.0), (0.3, 0.8), (0.0, 0.0))
"""Noise levels at which guidance holds; the last is none at all."""

FEW_IMAGES = {"notebook": 8, "notebook_guidance_4": 2, "dense_50": 8, "shifted_50": 8}
"""Rows that take too long for all images, and how many they get; others are set beside them on these."""


def engine_rows(spec: ModelSpec) -> dict[str, Settings]:
    """The engines at their default settings, and the student where there is one.

    ``notebook``, the yardstick, has the model's own guidance scale. The authors' scale of 4 is that of their networks;
    with it the native networks do worse, so it would flatter the others. It is a row of :func:`more_rows`.
    """
    rows = {
        "notebook": Settings(engine="notebook", steps=50, guidance_scale=spec.guidance_scale),
        "windowed": Settings(engine="windowed"),
        "shifted": Settings(engine="shifted"),
        "dense": Settings(engine="dense"),
    }
    return rows | ({"student": Settings(student=True)} if spec.has_student else {})


def more_rows(spec: ModelSpec) -> dict[str, Settings]:
    """Other numbers of steps, guidance at some noise levels only, and the authors' guidance."""
    own = spec.guidance_scale
    rows = {f"dense_{steps}": Settings(engine="dense", steps=steps) for steps in (4, 8, 50)}
    rows["shifted_50"] = Settings(engine="shifted", steps=50)
    for low, high in INTERVALS:
        name = f"dense_guided_{low:g}_{high:g}"
        rows[name] = Settings(engine="dense", guidance_scale=own, guidance_interval=(low, high))
    rows["notebook_guidance_4"] = Settings(engine="notebook", steps=50, guidance_scale=4.0)
    return rows
