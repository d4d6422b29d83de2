"""``ssldiff evaluate MODEL --painting``: where drawn borders come out, and how varied painted areas are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..layouts import Palette
from ..settings import Settings
from .borders import measure_borders
from .features import EncoderFeatures, FeatureExtractor, find_judge, load_features
from .painting import painted_blocks, real_blocks, variance_figures, variance_parts
from .report import Measurement, Part, Report, Table
from .samples import find_images, read_image

if TYPE_CHECKING:
    from ..layouts.edits import Mode
    from ..models.catalogue import Model

MEDIAN_AIM_PX = 32

_IN_WORDS = {
    "layouts": "layouts", "points": "points of their borders", "pairs": "pairs of swatches",
    "pairs_left_out": "pairs that are not told apart", "median_px": "displacement, median (px)",
    "mean_px": "mean (px)", "p95_px": "95th percentile (px)",
    "bias_px": "median with sign, above 0 where the region grew (px)",
    "method_median_px": "the method's own error, median (px)",
    "method_p95_px": "the method's own error, 95th percentile (px)",
}  # fmt: skip


@dataclass(frozen=True)
class PaintingRequest:
    """What to measure of a model's painting.

    Args:
        model: id of the model; its folder holds its palette.
        real: folder of real images, for the variance; None leaves it out.
        scene_pixel_size_m: of the real images, which are then resampled to the palette's; None takes them as they are.
        layouts: of two classes, for the border error; 0 leaves it out.
        images: canvases of each swatch.
        steps: of each image; None takes 20, with ``fast`` the student's own.
        fast: whether the model's student draws.
        precision: of the networks.
        mode: of painting, as :class:`~ssldiff_core.layouts.Paint` takes it.
        seed: of the first image.
        device: of the networks.
        command: the words that asked for it.
    """

    model: str
    real: Path | None = None
    scene_pixel_size_m: float | None = None
    layouts: int = 100
    images: int = 2
    steps: int | None = None
    fast: bool = False
    precision: str = "auto"
    mode: Mode = "sample"
    seed: int = 0
    device: str = "auto"
    command: str = "ssldiff evaluate --painting"


def evaluate_painting(request: PaintingRequest, progress: Callable[[str, int], None] = lambda what, n: None) -> Report:
    """Measure borders and variance of what a model paints.

    Raises:
        SettingsError: where nothing is asked for, or the model has no palette.
        SSLDiffError: where model or images cannot be read.
    """
    from ..embeddings.encoder import load_patch_encoder
    from ..models.catalogue import load_model

    began = time.monotonic()
    model = load_model(request.model, device=request.device, precision=request.precision)
    file = model.spec.folder / "palette.npz"
    if not file.is_file():
        raise SettingsError(
            f"paint with {request.model}", "its folder holds no palette.npz", "swatches are painted with"
        )
    palette = Palette.load(file)
    settings = Settings(seed=request.seed, steps=request.steps, student=request.fast)  # type: ignore[arg-type]
    figures: dict[str, Measurement] = {}
    parts: list[Part] = []
    if request.layouts:
        borders, table = _measure_borders(model, palette, settings, request, progress)
        figures |= borders
        parts.append(table)
    if request.real is not None:
        encoder = load_patch_encoder(model.spec.folder, str(model.device))
        judge = find_judge(f"judge-{model.spec.id}")
        extractor: FeatureExtractor = (
            EncoderFeatures(encoder) if judge is None else load_features(f"judge-{model.spec.id}")
        )
        size = palette.pixel_size_m if request.scene_pixel_size_m else None
        files = find_images(request.real).files
        real = real_blocks(
            (read_image(f.path, size, request.scene_pixel_size_m) for f in files), palette, encoder, extractor
        )
        painted, pictures = painted_blocks(
            model, palette, list(real), extractor, settings=settings, images=request.images, mode=request.mode,
            done=lambda count: progress("painting", count),
        )  # fmt: skip
        variance = variance_figures(real, painted, extractor.id)
        figures |= variance
        parts += variance_parts(variance, pictures)
    if not figures:
        raise SettingsError(
            "measure painting", "neither borders nor real images are asked for", "", "Give --real FOLDER"
        )
    facts: dict[str, str | int | float] = {
        "Model": f"{model.spec.id} {model.spec.version}", "Steps": settings.steps,
        "Drawn by": "its student" if request.fast else "the model itself", "Mode": request.mode,
        "Seed": request.seed,
    }  # fmt: skip
    return Report(
        f"Painting with {request.model}", request.command, figures, parts, facts, (), time.monotonic() - began
    )


def _measure_borders(
    model: Model, palette: Palette, settings: Settings, request: PaintingRequest, progress: Callable[[str, int], None]
) -> tuple[dict[str, Measurement], Table]:
    found = None
    for found in measure_borders(
        model, palette, request.layouts, settings=settings, mode=request.mode, seed=request.seed
    ):
        progress(f"borders, median so far {found.median_px:.1f} px", 1)
    assert found is not None, "at least one layout is drawn"
    values = found.to_json()
    about = Measurement(0.0, n=(found.layouts, found.points), note="layouts and points of their borders")
    figures = {f"border_{name}": replace(about, value=float(value)) for name, value in values.items()}
    note = f"Aim: a median of at most {MEDIAN_AIM_PX} px."
    rows = [(_IN_WORDS[name], value) for name, value in values.items()]
    return figures, Table("Border error", ("figure", "value"), rows, note)
