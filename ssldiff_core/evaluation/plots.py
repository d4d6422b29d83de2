"""Plots that reports need: bars and lines with their intervals, histograms, maps of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .report import Measurement, Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444")
"""Of Okabe and Ito: told apart by all eyes."""


def bar_plot(title: str, bars: Mapping[str, Measurement], *, y_label: str = "", note: str = "") -> Plot:
    """One bar for each measurement, with its interval."""

    def draw(axes: Axes) -> None:
        places = np.arange(len(bars))
        values = np.array([bar.value for bar in bars.values()])
        axes.bar(places, values, color=COLOURS[0], width=0.6, yerr=_errors(list(bars.values())), capsize=3)
        axes.set_xticks(
            places, list(bars), rotation=0 if len(bars) < 7 else 40, ha="center" if len(bars) < 7 else "right"
        )
        axes.set_ylabel(y_label)

    return Plot(title, draw, note)


def line_plot(
    title: str, x: Sequence[float], lines: Mapping[str, Sequence[Measurement]], *, x_label: str = "", y_label: str = "",
    log_x: bool = False, log_y: bool = False, note: str = "",
) -> Plot:  # fmt: skip
    """A line with its interval for each series of measurements, one at each ``x``; NaN leaves a gap."""

    def draw(axes: Axes) -> None:
        for index, (name, points) in enumerate(lines.items()):
            colour = COLOURS[index % len(COLOURS)]
            values = [point.value for point in points]
            axes.errorbar(
                x, values, yerr=_errors(points), color=colour, marker="o", markersize=4, capsize=3, label=name
            )  # fmt: skip
        _finish_lines(axes, x, x_label, y_label, log_x=log_x, log_y=log_y)

    return Plot(title, draw, note)


def histogram(
    title: str, series: Mapping[str, NDArray[np.floating]], *, x_label: str = "", bins: int = 40, note: str = ""
) -> Plot:
    """Shares of each series over common bins; values that are not finite are left out."""
    finite = {name: np.asarray(values, float)[np.isfinite(values)] for name, values in series.items()}

    def draw(axes: Axes) -> None:
        edges = np.histogram_bin_edges(np.concatenate(list(finite.values())), bins).tolist()
        for index, (name, values) in enumerate(finite.items()):
            weights = np.full(len(values), 1.0 / max(len(values), 1))
            axes.hist(
                values, edges, weights=weights, histtype="stepfilled", alpha=0.45, color=COLOURS[index % 7], label=name
            )
        axes.set_xlabel(x_label)
        axes.set_ylabel("share")
        axes.legend(frameon=False)

    return Plot(title, draw, note)


def cell_map(
    title: str, values: NDArray[np.floating], *, label: str = "", low: float | None = None, high: float | None = None,
    note: str = "",
) -> Plot:  # fmt: skip
    """Values (rows, cols) of a grid's cells as colours; NaN stays white."""

    def draw(axes: Axes) -> None:
        shown = axes.imshow(values, cmap="viridis", vmin=low, vmax=high, interpolation="nearest")
        axes.set_xlabel("column")
        axes.set_ylabel("row")
        bar = axes.figure.colorbar(shown, ax=axes)
        bar.set_label(label)

    height = 5.5 * max(0.25, min(1.4, values.shape[0] / values.shape[1]))
    return Plot(title, draw, note, (6.5, height))


def _finish_lines(
    axes: Axes, x: Sequence[float], x_label: str, y_label: str, *, log_x: bool, log_y: bool
) -> None:  # fmt: skip
    if log_x:
        axes.set_xscale("log")
        axes.set_xticks(list(x), [f"{value:g}" for value in x])
        axes.minorticks_off()
    if log_y:
        axes.set_yscale("log")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)


def _errors(points: Sequence[Measurement]) -> NDArray[np.float64] | None:
    """(2, n): from each value down to its low and up to its high; None where no point has an interval."""
    if all(point.low is None or point.high is None for point in points):
        return None
    pairs = [
        (0.0, 0.0) if point.low is None or point.high is None else (point.value - point.low, point.high - point.value)
        for point in points
    ]
    return np.array(pairs, np.float64).T.clip(min=0.0)
