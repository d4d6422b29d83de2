"""Means with intervals: over seeds, over images, and over groups that must not be torn apart."""

from __future__ import annotations

import numpy as np

from ..report import Measurement

LEVEL = 0.95
BOOTSTRAPS = 2000


def over_seeds(values: np.ndarray, note: str = "") -> Measurement:
    """Mean of a figure over seeds, with the 95 % interval of Student's t; none for fewer than two seeds."""
    from scipy import stats

    values = np.asarray(values, dtype=np.float64)
    mean = float(values.mean()) if len(values) else float("nan")
    if len(values) < 2:
        return Measurement(mean, n=len(values), note=note)
    half = float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Measurement(mean, mean - half, mean + half, len(values), note=note or "t interval over seeds")


def over_groups(values: np.ndarray, groups: np.ndarray, seed: int = 0, note: str = "") -> Measurement:
    """Mean over items (n,) with a 95 % interval by bootstrap of whole groups (n,); none for fewer than two groups."""
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        return Measurement(float("nan"), note=note or "nothing to count")
    names, places = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(places, weights=values, minlength=len(names))
    counts = np.bincount(places, minlength=len(names))
    mean = float(values.mean())
    if len(names) < 2:
        return Measurement(mean, n=(len(values), len(names)), note=note)
    drawn = np.random.default_rng(seed).integers(len(names), size=(BOOTSTRAPS, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    told = note or "bootstrap over groups; n is items and groups"
    return Measurement(mean, float(low), float(high), (len(values), len(names)), note=told)


def apart(first: Measurement, second: Measurement) -> bool:
    """Whether the second lies above the first with intervals that do not touch."""
    return first.high is not None and second.low is not None and second.low > first.high
