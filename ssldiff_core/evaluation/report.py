"""Reports: what a command measured, as one JSON file and one self-contained HTML page with tables, plots and pictures.

    report = Report("Patch study", "ssldiff study patches DATA", parts=[
        Table("Accuracy", ("arm", "accuracy"), [("real", Measurement(0.81, 0.78, 0.84, n=5))]),
        bar_plot("Accuracy", ["real"], [0.81], [(0.78, 0.84)]),
        Pictures("Worst cells", [(image, "cosine 0.31")]),
    ], figures={"accuracy_real": Measurement(0.81, 0.78, 0.84, n=5)})
    report.write(Path("out.html"))      # out.html and out.json

Plots are drawn by matplotlib, loaded when a page is written; :mod:`~ssldiff_core.evaluation.plots` has ready ones.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..provenance import describe_machine, describe_versions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Measurement:
    """A figure with what one must know to compare it.

    Args:
        value: the figure; NaN where it could not be measured, for the reason that ``note`` gives.
        low, high: its interval, None where it has none.
        n: what it was measured on, e.g. patches or seeds; a pair for two sets.
        features: id of the features it was measured in, empty where it has none.
        preprocessing: of the features.
        note: for people: which interval, and what to mind.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int | tuple[int, ...] = 0
    features: str = ""
    preprocessing: str = ""
    note: str = ""

    def __str__(self) -> str:
        if not math.isfinite(self.value):
            return "–"
        interval = "" if self.low is None or self.high is None else f" ({number(self.low)} … {number(self.high)})"
        return number(self.value) + interval

    def to_json(self) -> dict[str, Any]:
        """JSON-able; fields that were not given are left out."""
        record = {name: value for name, value in vars(self).items() if value not in (None, "", 0)}
        return {"value": self.value, **record}


Cell = str | int | float | Measurement
"""What stands in a table."""


@dataclass(frozen=True)
class Table:
    """Rows of texts, numbers and measurements under named columns; ``note`` stands below."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Plot:
    """A plot that ``draw`` makes on empty axes of matplotlib, ``size`` inches wide and high."""

    title: str
    draw: Callable[[Axes], None] = field(repr=False)
    note: str = ""
    size: tuple[float, float] = (7.0, 3.6)


@dataclass(frozen=True)
class Pictures:
    """(picture (h, w, 3) uint8, caption) in rows, each shown about ``width_px`` wide; ``per_row`` 0 fills the page."""

    title: str
    pictures: Sequence[tuple[Image, str]]
    note: str = ""
    width_px: int = 160
    per_row: int = 0


Part = Table | Plot | Pictures


@dataclass(frozen=True)
class Report:
    """What a command measured.

    Args:
        title: of the page.
        command: the words that make it again.
        figures: name -> measurement or anything JSON-able; what programs read.
        parts: tables, plots and pictures in the order of the page.
        facts: name -> text or number, shown at the top: data, sizes, seeds.
        warnings: sentences, shown above all.
        seconds: how long it took; 0 where it was not measured.
    """

    title: str
    command: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    parts: Sequence[Part] = ()
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """JSON-able: figures, tables, facts, machine, versions; numbers that are not finite become null."""
        tables = [part for part in self.parts if isinstance(part, Table)]
        record = {
            "schema": "ssldiff report", "schema_version": 1, "title": self.title, "command": self.command,
            "created": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": round(self.seconds, 1),
            "facts": dict(self.facts), "warnings": list(self.warnings), "figures": dict(self.figures),
            "tables": [{"title": t.title, "columns": list(t.columns), "rows": t.rows, "note": t.note} for t in tables],
            "machine": _machine(), "versions": describe_versions(),
        }  # fmt: skip
        plain: dict[str, Any] = _plain(record)
        return plain

    def write(self, path: Path) -> tuple[Path, Path]:
        """Write ``NAME.html`` and ``NAME.json``, each completely or not at all.

        Args:
            path: either of the two; the other lies beside it.

        Raises:
            ExportError: where they cannot be written.
        """
        from ..export.replacing import replacing
        from .page import make_page

        page, record = path.with_suffix(".html"), path.with_suffix(".json")
        facts = self.to_json()
        with replacing(f"write the report {page}", page, record) as (page_part, record_part):
            page_part.write_text(make_page(self, facts), encoding="utf-8")
            record_part.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return page, record


def best_median_worst(scores: NDArray[np.floating], count: int = 6) -> dict[str, NDArray[np.int64]]:
    """Which of ``scores`` (n,), high is good, are the ``count`` best, nearest to the median, and worst.

    NaN counts as not there; where there are few, an index may stand in two groups.
    """
    known = np.flatnonzero(~np.isnan(scores))
    order = known[np.argsort(-np.asarray(scores)[known], kind="stable")]
    count = min(count, len(order))
    middle = (len(order) - count) // 2
    return {
        "best": order[:count],
        "median": order[middle : middle + count],
        "worst": order[::-1][:count],
    }


def number(value: float) -> str:
    """Four digits that count, for people."""
    return f"{value:.4g}" if math.isfinite(value) else "–"


def _machine() -> dict[str, Any]:
    """Where the report was made; on what and how exactly networks computed, the facts say where it matters."""
    import torch

    facts = describe_machine(threads=torch.get_num_threads())
    return {name: value for name, value in facts.items() if name not in ("device", "precision")}


def _plain(value: Any) -> Any:
    """Measurements, arrays and numbers of numpy as JSON's own types."""
    if isinstance(value, Measurement):
        return _plain(value.to_json())
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
