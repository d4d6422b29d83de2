"""The patch study's tables, plots and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..report import Measurement, Plot, Report, Table
from .intervals import apart, over_seeds
from .kept_labels import Kept, kept_table
from .patches import ARMS, Score
from .sets import Protocol

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST_SEEDS = 5
_DRAWN = """Mean over draws of the training images, and 95 % t interval. Standard augmentation in every arm. The gain is
paired draw by draw."""


def arm_means(scores: Sequence[Score], classifier: str) -> dict[tuple[str, str], Measurement]:
    """(round, arm) -> balanced accuracy over seeds."""
    keys = dict.fromkeys((score.round, score.arm) for score in scores if score.classifier == classifier)
    return {
        key: over_seeds(
            np.array([s.accuracy for s in scores if s.classifier == classifier and (s.round, s.arm) == key])
        )
        for key in keys
    }


def paired_gain(scores: Sequence[Score], classifier: str, name: str, arm: str, beside: str = "real") -> Measurement:
    """An arm less another, draw by draw, over seeds."""
    by_arm = {
        which: {s.seed: s.accuracy for s in scores if (s.classifier, s.round, s.arm) == (classifier, name, which)}
        for which in (beside, arm)
    }
    shared = sorted(by_arm[beside].keys() & by_arm[arm].keys())
    return over_seeds(
        np.array([by_arm[arm][seed] - by_arm[beside][seed] for seed in shared]),
        "paired by draw, t interval over seeds",
    )


def make_report(
    protocol: Protocol, scores: Sequence[Score], kept: Sequence[Kept], command: str,
    facts: Mapping[str, str | int | float], warnings: Sequence[str], seconds: float,
) -> Report:  # fmt: skip
    """Tables of both classifiers, a plot of each, what variations keep of their class, and all single runs."""
    parts: list[Table | Plot] = []
    figures: dict[str, object] = {}
    for classifier in dict.fromkeys(score.classifier for score in scores):
        parts.append(_table(protocol, scores, classifier))
        for (name, arm), mean in arm_means(scores, classifier).items():
            figures[f"{classifier}|{name}|{arm}"] = mean
        if protocol.rounds != "groups":
            parts.append(_plot(scores, classifier))
    if kept:
        parts.append(kept_table(kept))
    columns = ("classifier", "arm", "round", "seed", "real", "synthetic", "test", "balanced accuracy")
    rows = [(s.classifier, s.arm, s.round, s.seed, s.real, s.synthetic, s.test, round(s.accuracy, 4)) for s in scores]
    parts.append(Table("Every run", columns, rows))
    told = {"set": protocol.name, "model": protocol.model_id, **facts}
    if protocol.note:
        told["sizes"] = protocol.note
    return Report(f"Patch study: {protocol.name}", command, figures, parts, told, warnings, seconds)


def _table(protocol: Protocol, scores: Sequence[Score], classifier: str) -> Table:
    means = arm_means(scores, classifier)
    arms = [arm for arm in ARMS if any(which == arm for _, which in means)]
    rows: list[list[str | int | float | Measurement]] = []
    for name in dict.fromkeys(name for name, _ in means):
        own = [s for s in scores if s.classifier == classifier and s.round == name]
        gain = paired_gain(scores, classifier, name, "real + synthetic")
        pair = [means.get((name, arm)) for arm in ("real", "real + synthetic")]
        verdict = "–" if pair[0] is None or pair[1] is None else "yes" if apart(pair[0], pair[1]) else "no"
        sizes = f"{own[0].real}, {max((s.synthetic for s in own), default=0)}"
        rows.append(
            [
                name,
                sizes,
                own[0].test,
                *(means.get((name, arm), Measurement(float("nan"))) for arm in arms),
                gain,
                verdict,
            ]
        )
    return Table(
        f"{classifier}: balanced accuracy",
        ("real data", "real, synthetic images", "test images", *arms, "gain of real + synthetic", "intervals apart"),
        rows, _DRAWN if protocol.rounds != "groups" else "One run a group: descriptive.",
    )  # fmt: skip


def _plot(scores: Sequence[Score], classifier: str) -> Plot:
    means = arm_means(scores, classifier)

    def draw(axes: Axes) -> None:
        names = list(dict.fromkeys(name for name, _ in means))
        for shift, arm in enumerate(arm for arm in ARMS if any(which == arm for _, which in means)):
            found = [(i, means[name, arm]) for i, name in enumerate(names) if (name, arm) in means]
            middle = [mean.value for _, mean in found]
            low = [mean.value - (mean.low if mean.low is not None else mean.value) for _, mean in found]
            high = [(mean.high if mean.high is not None else mean.value) - mean.value for _, mean in found]
            places = [i + 0.06 * (shift - 1.5) for i, _ in found]
            axes.errorbar(places, middle, yerr=[low, high], marker="o", capsize=3, label=arm)
        axes.set_xticks(range(len(names)), names)
        axes.set_xlabel("real training data")
        axes.set_ylabel("balanced accuracy")
        axes.legend()

    return Plot(f"{classifier} against real training data", draw, "Mean and 95 % interval over draws.")
