"""The slide study's table, plot and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..report import Measurement, Plot, Report, Table
from .intervals import apart, over_seeds
from .slides import ARMS, BOTH, FEW, SlideScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def arm_means(scores: Sequence[SlideScore]) -> dict[tuple[str, str], Measurement]:
    """(model, arm) -> AUC over seeds."""
    keys = dict.fromkeys((score.model, score.arm) for score in scores)
    return {
        key: over_seeds(np.array([s.auc for s in scores if (s.model, s.arm) == key and np.isfinite(s.auc)]))
        for key in keys
    }


def make_report(
    scores: Sequence[SlideScore], command: str, facts: Mapping[str, str | int | float], warnings: Sequence[str],
    seconds: float,
) -> Report:  # fmt: skip
    """Table, plot, and every run."""
    means = arm_means(scores)
    nothing = Measurement(float("nan"))
    rows: list[list[str | int | float | Measurement]] = []
    for model in dict.fromkeys(score.model for score in scores):
        by_arm = {arm: {s.seed: s.auc for s in scores if (s.model, s.arm) == (model, arm)} for arm in (FEW, BOTH)}
        shared = sorted(by_arm[FEW].keys() & by_arm[BOTH].keys())
        gain = over_seeds(np.array([by_arm[BOTH][seed] - by_arm[FEW][seed] for seed in shared]), "paired by draw")
        pair = [means.get((model, arm)) for arm in (FEW, BOTH)]
        verdict = "–" if pair[0] is None or pair[1] is None else "yes" if apart(pair[0], pair[1]) else "no"
        rows.append([model, *(means.get((model, arm), nothing) for arm in ARMS), gain, verdict])
    columns = ("model", *ARMS, "gain of synthetic", "intervals apart")
    note = "AUC on the test bags; mean over draws of the few and over trainings, 95 % t interval."
    every = Table(
        "Every run", ("model", "arm", "seed", "real bags", "synthetic", "test bags", "AUC"),
        [(s.model, s.arm, s.seed, s.train, s.synthetic, s.test, round(s.auc, 4)) for s in scores],
    )  # fmt: skip
    figures = {f"{model}|{arm}": mean for (model, arm), mean in means.items()}
    parts: list[Table | Plot] = [Table("AUC", columns, rows, note), _plot(means), every]
    return Report("Slide study", command, figures, parts, facts, warnings, seconds)


def _plot(means: Mapping[tuple[str, str], Measurement]) -> Plot:
    def draw(axes: Axes) -> None:
        models = list(dict.fromkeys(model for model, _ in means))
        for shift, arm in enumerate(ARMS):
            found = [(i, means[model, arm]) for i, model in enumerate(models) if (model, arm) in means]
            values = np.array([mean.value for _, mean in found])
            low = values - np.array([mean.value if mean.low is None else mean.low for _, mean in found])
            high = np.array([mean.value if mean.high is None else mean.high for _, mean in found]) - values
            places = [i + 0.25 * (shift - 1) for i, _ in found]
            axes.bar(places, values, 0.22, yerr=np.abs([low, high]), capsize=3, label=arm)
        axes.axhline(0.5, color="grey", linewidth=0.8)
        axes.set_xticks(range(len(models)), models)
        axes.set_ylabel("AUC")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(ARMS), frameon=False)  # above the bars

    return Plot("AUC", draw, "With 95 % intervals; 0.5 is chance.")
