"""``ssldiff evaluate``: everything that can be said of a set of generated images, as one report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..embeddings.grid import EmbeddingGrid
from ..errors import SettingsError
from .compare import compare
from .features import FeatureExtractor, FeatureSet, collect, features_of_grids, load_features, patch_side
from .report import Measurement, Part, Report, Table
from .results import ResultScore, find_manifests, score_results, similarity_figures
from .samples import Cutting, ImageSet, Skipped, find_images, gather, iterate_patches
from .showing import class_table, comparison_pictures, result_parts

MOST_TRAINING, MOST_SEARCHED = 40_000, 2_000
"""Patches that the search for copies holds: training patches, half-overlapping, and those that look for one."""
GRID_SUFFIXES = (".npz", ".h5", ".safetensors")


@dataclass(frozen=True)
class Request:
    """What to evaluate, and how.

    Args:
        generated: a folder, image, manifest or grid.
        real: the same, or None where only manifests are judged.
        features: names, see :mod:`~ssldiff_core.evaluation.features`; by default those of the manifests' models.
        patch_px, stride_px, pixel_size_m, scene_pixel_size_m: see :class:`~ssldiff_core.evaluation.samples.Cutting`.
        whole_images: compare large images with large ones, too.
        draws: half-samples of the intervals.
        keep: features kept of each set.
        seed: of every choice.
        device: of the networks.
        reconstruction: patches for the limits of the autoencoder; 0 leaves them out.
        model: whose autoencoder; by default that of the manifests.
        training: what the model was trained on.
        memorisation: look for training patches among the generated ones.
        command: the words that asked for it.
    """

    generated: Path
    real: Path | None = None
    features: tuple[str, ...] = ()
    patch_px: int | None = None
    stride_px: int = 0
    pixel_size_m: float | None = None
    scene_pixel_size_m: float | None = None
    whole_images: bool = False
    draws: int = 100
    keep: int = 10_000
    seed: int = 0
    device: str = "cpu"
    reconstruction: int = 0
    model: str | None = None
    training: Path | None = None
    memorisation: bool = False
    command: str = "ssldiff evaluate"


@dataclass
class Findings:
    """What is gathered on the way to the report."""

    figures: dict[str, Measurement] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, str | int | float] = field(default_factory=dict)


Progress = Callable[[str, int], None]
"""Called with what is being done and how many patches or images more are done."""


def evaluate(request: Request, progress: Progress = lambda what, count: None) -> Report:
    """Evaluate generated images.

    Raises:
        SSLDiffError: where there is nothing to evaluate, or features or files are not as they must be.
    """
    began = time.monotonic()
    findings = Findings(facts={"Generated": str(request.generated), "Real": str(request.real or "–")})
    if request.generated.suffix in GRID_SUFFIXES:
        _compare_grids(request, findings)
    else:
        scores = _score_manifests(request, findings, progress)
        if request.real is not None:
            _compare_images(request, _feature_names(request, scores), findings, progress)
        if request.reconstruction:
            _reconstruct(request, scores, findings)
        if request.memorisation:
            _find_copies(request, _feature_names(request, scores)[-1], findings, progress)
    if not findings.figures:
        raise SettingsError(
            f"evaluate {request.generated}", "it has no manifests, and nothing to compare it with is given", "",
            "Give --real FOLDER",
        )  # fmt: skip
    overview = Table(
        "All figures", ("figure", "value (95 %)", "N", "features", "note"),
        [_row(name, figure) for name, figure in findings.figures.items()], _preprocessing(findings.figures),
    )  # fmt: skip
    return Report(
        f"Evaluation of {request.generated.name}", request.command, findings.figures, [overview, *findings.parts],
        {**findings.facts, "Seed": request.seed, "Half-samples": request.draws}, findings.warnings,
        time.monotonic() - began,
    )  # fmt: skip


def _row(name: str, figure: Measurement) -> tuple[str, Measurement, str, str, str]:
    count = " and ".join(str(n) for n in figure.n) if isinstance(figure.n, tuple) else str(figure.n)
    return name, figure, count, figure.features, figure.note


def _preprocessing(figures: dict[str, Measurement]) -> str:
    said = {figure.features: figure.preprocessing for figure in figures.values() if figure.preprocessing}
    return "; ".join(f"{features}: {text}" for features, text in said.items())


def _score_manifests(request: Request, findings: Findings, progress: Progress) -> list[ResultScore]:
    skipped: list[tuple[str, str]] = []
    scores = score_results(find_manifests(request.generated), skipped, request.device)
    progress("reading results back", len(scores))
    findings.warnings += [f"{name} was skipped: {reason}." for name, reason in skipped[:10]]
    if scores:
        findings.figures |= similarity_figures(scores)
        findings.parts += result_parts(scores)
        findings.facts["Manifests"] = len(scores)
    return scores


def _feature_names(request: Request, scores: Sequence[ResultScore]) -> tuple[str, ...]:
    """Those asked for, else the encoder of the manifests' grids, and the judge of their model where there is one."""
    from ..models.catalogue import list_models
    from .features import find_judge

    if request.features:
        return request.features
    encoders = list(dict.fromkeys(score.manifest.grid.encoder_id for score in scores))
    if not encoders:
        raise SettingsError(
            f"compare {request.generated} with {request.real}", "no features are named",
            "images without a manifest do not say in which space to compare them",
            "Give --features, for example tissue-2, judge-tissue or inception:FILE",
        )  # fmt: skip
    judges = [f"judge-{spec.id}" for spec in list_models() if spec.encoder_id in encoders]
    return (*encoders, *(name for name in judges if find_judge(name) is not None))


def _compare_images(request: Request, names: tuple[str, ...], findings: Findings, progress: Progress) -> None:
    assert request.real is not None
    real, generated = find_images(request.real), find_images(request.generated)
    for name, images in (("real", real), ("generated", generated)):
        findings.warnings += [f"{name}: the class {folder} is empty." for folder in images.empty]
        singles = [label for label in sorted(set(images.labels) - {""}) if images.labels.count(label) == 1]
        if singles:
            findings.warnings.append(
                f"{name}: {', '.join(singles)} have one image each; no distance within such a class has an interval."
            )
    for index, name in enumerate(names):
        extractor = load_features(name, request.device)
        for whole in (False, True)[: 1 + request.whole_images]:
            _compare_with(request, extractor, real, generated, whole, findings, progress, show=index == 0)


def _compare_with(
    request: Request, extractor: FeatureExtractor, real: ImageSet, generated: ImageSet, whole: bool,
    findings: Findings, progress: Progress, show: bool,
) -> None:  # fmt: skip
    side = patch_side(extractor, request.patch_px)
    cutting = Cutting(side, request.stride_px, request.pixel_size_m, request.scene_pixel_size_m, whole)
    sets: list[FeatureSet] = []
    for name, images in (("real", real), ("generated", generated)):
        skipped = Skipped()
        patches = iterate_patches(images.files, cutting, skipped)
        done = _counter(progress, f"{extractor.id} of {name} patches")
        try:
            sets.append(collect(patches, extractor, keep=request.keep, seed=request.seed, done=done))
        finally:
            _add_once(findings.warnings, skipped.sentences(name))
    kind = "image" if whole else "crop" if sets[1].count > sets[1].images else "patch"
    comparison = compare(sets[0], sets[1], draws=request.draws, seed=request.seed)
    findings.figures |= {f"{kind}_{name}_{extractor.id}": figure for name, figure in comparison.figures.items()}
    _add_once(findings.warnings, comparison.warnings)
    findings.facts[f"{kind} side"] = f"{side} px"
    if not whole and show:
        findings.parts += class_table(sets[0], sets[1], real, generated)
        findings.parts += comparison_pictures(sets[0], sets[1], real, generated, cutting)


def _compare_grids(request: Request, findings: Findings) -> None:
    from ..embeddings.grid_files import read_grid

    if request.real is None or request.real.suffix not in GRID_SUFFIXES:
        raise SettingsError(
            f"compare the grid {request.generated}", f"the other side is {request.real or 'missing'}",
            "a grid is compared with a grid: it holds embeddings and no pixels", "Give --real GRID",
        )  # fmt: skip
    grids: list[EmbeddingGrid] = [read_grid(path) for path in (request.real, request.generated)]
    comparison = compare(*(features_of_grids([grid]) for grid in grids), draws=request.draws, seed=request.seed)
    findings.figures |= {f"grid_{name}": figure for name, figure in comparison.figures.items()}
    findings.warnings += comparison.warnings


def _reconstruct(request: Request, scores: Sequence[ResultScore], findings: Findings) -> None:
    from ..models.catalogue import load_model
    from .reconstruction import reconstruction_figures, reconstruction_pairs

    asked = "measure the limits of the autoencoder"
    if request.real is None:
        raise SettingsError(asked, "no real images are given", "they are what it is measured on", "Give --real FOLDER")
    name = request.model or (scores[0].manifest.model_id if scores else None)
    if name is None:
        raise SettingsError(asked, "no model is named", "images without a manifest do not name it", "Give --model ID")
    extractor = load_features(_feature_names(request, scores)[0], request.device)
    cutting = Cutting(patch_side(extractor, request.patch_px), 0, request.pixel_size_m, request.scene_pixel_size_m)
    files = find_images(request.real).files
    before, after = reconstruction_pairs(
        files, cutting, load_model(name, device=request.device), request.reconstruction
    )
    if not len(before):
        findings.warnings.append("No real image is large enough for the limits of the autoencoder.")
        return
    findings.figures |= reconstruction_figures(before, after, extractor)
    ceiling = findings.figures["reconstruction_similarity"]
    raw, floor = findings.figures.get("similarity"), findings.figures.get("similarity_floor")
    if raw and floor and raw.features == ceiling.features and ceiling.value > floor.value:
        scaled = (raw.value - floor.value) / (ceiling.value - floor.value)
        note = "(similarity - floor) / (autoencoder's similarity - floor)"
        findings.figures["similarity_scaled"] = Measurement(scaled, n=raw.n, features=raw.features, note=note)


def _find_copies(request: Request, name: str, findings: Findings, progress: Progress) -> None:
    from .memorisation import find_nearest, memorisation_figures, memorisation_parts

    if request.real is None or request.training is None:
        raise SettingsError(
            "look for memorised patches", "training or held-out images are missing",
            "generated patches are compared with both", "Give --training FOLDER and --real FOLDER",
        )  # fmt: skip
    extractor = load_features(name, request.device)
    side = patch_side(extractor, request.patch_px)
    cutting = Cutting(side, request.stride_px, request.pixel_size_m, request.scene_pixel_size_m)
    dense = replace(cutting, stride_px=max(1, side // 2))
    sets = [
        gather(find_images(path).files, how, most, request.seed)
        for path, how, most in (
            (request.training, dense, MOST_TRAINING), (request.generated, cutting, MOST_SEARCHED),
            (request.real, cutting, MOST_SEARCHED),
        )
    ]  # fmt: skip
    features = np.concatenate([extractor.extract(part) for part in np.array_split(sets[0], -(-len(sets[0]) // 256))])
    done = _counter(progress, "looking for copies")
    generated, held_out = (find_nearest(each, sets[0], features, extractor, done) for each in sets[1:])
    findings.figures |= memorisation_figures(generated, held_out, extractor.id)
    findings.parts += memorisation_parts(generated, held_out, sets[1], sets[0])
    findings.facts["Training patches searched"] = len(sets[0])


def _counter(progress: Progress, what: str) -> Callable[[int], None]:
    return lambda count: progress(what, count)


def _add_once(warnings: list[str], more: Sequence[str]) -> None:
    warnings += [sentence for sentence in more if sentence not in warnings]
