"""The robustness study: how often a classifier says something else of a version that shows the same thing.

Only versions whose embeddings stayed near the source's are counted, so that a picture which no longer shows its source
is no fault of the classifier; how many these are stands beside each figure. ``stain only`` leaves every shape where it
was and is counted always.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..report import Measurement, Pictures, Plot, Report, Table
from .intervals import over_groups
from .predictors import Predictor
from .versions import REAL, STAIN, Version

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORST = 12


@dataclass(frozen=True, eq=False)
class Answers:
    """What a classifier said.

    Args:
        versions: n of them.
        scores: (n, classes) probabilities.
        classes: names.
        min_fidelity: least similarity of a version that is counted.
    """

    versions: tuple[Version, ...]
    scores: NDArray[np.float64]
    classes: tuple[str, ...]
    min_fidelity: float

    def __post_init__(self) -> None:
        assert len(self.versions) == len(self.scores), "a row of scores for each version"

    def names(self) -> list[str]:
        """Versions there are, but the real one."""
        return [name for name in dict.fromkeys(version.version for version in self.versions) if name != REAL]

    def own(self, name: str) -> NDArray[np.int64]:
        """Indices of a kind of version."""
        return np.array([i for i, version in enumerate(self.versions) if version.version == name], dtype=np.int64)

    def reals(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """The real image of each version."""
        real = {version.image: i for i, version in enumerate(self.versions) if version.version == REAL}
        return np.array([real[self.versions[i].image] for i in indices], dtype=np.int64)

    def counted(self, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of them show what their source shows."""
        return np.array(
            [self.versions[i].version == STAIN or self.versions[i].fidelity >= self.min_fidelity for i in indices], bool
        )


def ask(predictor: Predictor, versions: Sequence[Version], out: Path, min_fidelity: float) -> Answers:
    """Let a classifier look at every version."""
    scores = predictor.scores(out, [version.file for version in versions])
    return Answers(tuple(versions), scores, predictor.classes, min_fidelity)


def shifts(answers: Answers, indices: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """For versions (n,): whether the likeliest class is another one than the real image's, and by how much the score
    of the real image's class moved.
    """
    reals = answers.reals(indices)
    top = answers.scores[reals].argmax(axis=1)
    flips = answers.scores[indices].argmax(axis=1) != top
    moved = answers.scores[indices, top] - answers.scores[reals, top]
    return flips, moved


def measure(answers: Answers) -> dict[str, dict[str, Measurement]]:
    """For each version: ``flip rate``, ``score shift`` and ``absolute shift``, with intervals over groups."""
    found = {}
    for name in answers.names():
        indices = answers.own(name)
        indices = indices[answers.counted(indices)]
        flips, moved = shifts(answers, indices)
        groups = np.array([answers.versions[i].group for i in indices])
        found[name] = {
            "flip rate": over_groups(flips.astype(float), groups),
            "score shift": over_groups(moved, groups),
            "absolute shift": over_groups(np.abs(moved), groups),
        }
    return found


def make_report(
    answers: Answers, out: Path, command: str, facts: Mapping[str, str | int | float], seconds: float
) -> Report:
    """Table, plot and gallery of the worst cases."""
    measured = measure(answers)
    rows: list[list[str | int | float | Measurement]] = []
    for name, figures in measured.items():
        indices = answers.own(name)
        fidelity = float(np.mean([answers.versions[i].fidelity for i in indices])) if len(indices) else float("nan")
        passed = f"{int(answers.counted(indices).sum())} of {len(indices)}"
        rows.append([name, passed, round(fidelity, 3), *figures.values()])
    table = Table(
        "What a version changes", ("version", "counted", "mean fidelity", "flip rate", "score shift", "absolute shift"),
        rows, f"Counted where the mean cosine to the source's embeddings is at least {answers.min_fidelity:g}; stain "
        "only always. Intervals: 95 %, bootstrap over groups.",
    )  # fmt: skip
    parts: list[Table | Plot | Pictures] = [table, _plot(measured), _gallery(answers, out)]
    agree = _accuracy(answers)
    told = {**facts, **({} if agree is None else {"accuracy on the real images": round(agree, 3)})}
    figures = {f"{name}|{what}": value for name, own in measured.items() for what, value in own.items()}
    warnings = [
        f"No {name} version is near enough to its source to be counted"
        for name, own in measured.items() if not np.isfinite(own["flip rate"].value)
    ]  # fmt: skip
    return Report("Robustness study", command, figures, parts, told, warnings, seconds)


def _accuracy(answers: Answers) -> float | None:
    """Share of the real images that are told right, where their labels are classes."""
    reals = answers.own(REAL)
    labels = [answers.versions[i].label for i in reals]
    if not set(labels) <= set(answers.classes):
        return None
    return float(
        np.mean([answers.classes[answers.scores[i].argmax()] == label for i, label in zip(reals, labels, strict=True)])
    )


def _plot(measured: Mapping[str, Mapping[str, Measurement]]) -> Plot:
    def draw(axes: Axes) -> None:
        known = [(name, own["flip rate"]) for name, own in measured.items() if np.isfinite(own["flip rate"].value)]
        values = np.array([rate.value for _, rate in known])
        low = values - np.array([rate.value if rate.low is None else rate.low for _, rate in known])
        high = np.array([rate.value if rate.high is None else rate.high for _, rate in known]) - values
        axes.bar(range(len(known)), values, yerr=np.abs([low, high]), capsize=4)
        axes.set_xticks(range(len(known)), [name.replace(", ", ",\n") for name, _ in known])
        axes.set_ylabel("flip rate")

    return Plot("Flip rate", draw, "With 95 % intervals, over versions that are counted.")


def _gallery(answers: Answers, out: Path) -> Pictures:
    """Pairs of a real image and the version whose score fell most, the worst first."""
    cases: list[tuple[float, int, int]] = []
    for name in answers.names():
        indices = answers.own(name)
        indices = indices[answers.counted(indices)]
        _, moved = shifts(answers, indices)
        cases += [(float(m), int(i), int(r)) for m, i, r in zip(moved, indices, answers.reals(indices), strict=True)]
    pictures = []
    for fall, index, real in sorted(cases)[:WORST]:
        pair = [_read(out / answers.versions[i].file) for i in (real, index)]
        before, after = (answers.classes[answers.scores[i].argmax()] for i in (real, index))
        version = answers.versions[index]
        caption = (
            f"{version.image}: {before} → {after} ({fall:+.2f}), {version.version}, fidelity {version.fidelity:.2f}"
        )
        pictures.append((np.concatenate(pair, axis=1), caption))
    return Pictures("Worst cases: real, and its version", pictures, "SYNTHETIC on the right.", width_px=320)


def _read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
