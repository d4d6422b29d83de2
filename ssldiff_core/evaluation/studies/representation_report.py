"""The representation study's tables, plot and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..report import Measurement, Plot, Report, Table
from .patch_report import arm_means, paired_gain
from .patches import Score
from .representations import NEIGHBOURS, OWN, PROBE, TOGETHER
from .sets import Protocol

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MEANING = {
    PROBE: "Balanced accuracy of a regularised linear reading; mean over draws of training images, 95 % t interval.",
    NEIGHBOURS: "Share of test images whose label is that of most of their nearest training images by cosine; mean "
    "over draws, 95 % t interval.",
}


def make_report(
    protocol: Protocol, scores: Sequence[Score], command: str, facts: Mapping[str, str | int | float],
    warnings: Sequence[str], seconds: float,
) -> Report:  # fmt: skip
    """A table for each reading, a plot of the probe against the noise level, and all single runs."""
    parts: list[Table | Plot] = []
    figures: dict[str, object] = {}
    for reading in (PROBE, NEIGHBOURS):
        means = arm_means(scores, reading)
        if not means:
            continue
        parts.append(_table(scores, reading, means))
        figures |= {f"{reading}|{name}|{arm}": mean for (name, arm), mean in means.items()}
    if figures:
        parts.append(_plot(scores))
    columns = ("reading", "representation", "round", "seed", "training images", "test images", "accuracy")
    rows = [(s.classifier, s.arm, s.round, s.seed, s.real, s.test, round(s.accuracy, 4)) for s in scores]
    parts.append(Table("Every run", columns, rows))
    told = {"set": protocol.name, "model": protocol.model_id, **facts}
    if protocol.note:
        told["sizes"] = protocol.note
    return Report(f"Representation study: {protocol.name}", command, figures, parts, told, warnings, seconds)


def _table(scores: Sequence[Score], reading: str, means: Mapping[tuple[str, str], Measurement]) -> Table:
    names = list(dict.fromkeys(name for name, _ in means))
    rows: list[list[str | int | float | Measurement]] = []
    for arm in dict.fromkeys(arm for _, arm in means):
        row: list[str | int | float | Measurement] = [arm]
        for name in names:
            gain = paired_gain(scores, reading, name, arm, OWN)
            row += [means.get((name, arm), Measurement(float("nan"))), "–" if arm == OWN else gain]
        rows.append(row)
    columns = ("representation", *(part for name in names for part in (name, "gain over the patch encoder")))
    return Table(reading, columns, rows, _MEANING[reading])


def _plot(scores: Sequence[Score]) -> Plot:
    means = arm_means(scores, PROBE)
    last = list(dict.fromkeys(name for name, _ in means))[-1]

    def draw(axes: Axes) -> None:
        for label, ending in (("denoiser", ""), ("denoiser + patch encoder", TOGETHER)):
            start = "denoiser at "
            own = {
                float(arm.removeprefix(start).removesuffix(ending)): mean
                for (name, arm), mean in means.items()
                if name == last and arm.startswith(start) and (arm.endswith(TOGETHER) == bool(ending))
            }
            levels = sorted(own)
            middle = [own[level].value for level in levels]
            spread = [_spread(own[level]) for level in levels]
            axes.errorbar(levels, middle, yerr=np.array(spread).T, marker="o", capsize=3, label=label)
        axes.axhline(means[last, OWN].value, linestyle="--", color="grey", label="patch encoder alone")
        axes.set_xlabel("noise level")
        axes.set_ylabel("balanced accuracy")
        axes.legend()

    return Plot(f"What the denoiser knows, by noise level ({last} of the training images)", draw, "Mean and 95 %.")


def _spread(mean: Measurement) -> tuple[float, float]:
    """How far the interval reaches below and above."""
    low = mean.value if mean.low is None else mean.low
    high = mean.value if mean.high is None else mean.high
    return mean.value - low, high - mean.value
