"""A table of the paper with what was measured beside it, from reports that commands wrote, or counted here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import SettingsError
from ..report import Measurement, Part, Report, Table
from .tables import TABLES, PaperTable, Row


def get_table(name: str) -> PaperTable:
    """The table of that id.

    Raises:
        SettingsError: where there is none.
    """
    if name not in TABLES:
        raise SettingsError(f"reproduce the table {name!r}", "there is none", f"tables are {', '.join(TABLES)}")
    return TABLES[name]


def read_measured(files: Iterable[Path]) -> dict[str, Measurement]:
    """The figures of reports (``.json``) that commands wrote; where two have one name, the later wins.

    Raises:
        SettingsError: where a file is no report.
    """
    figures: dict[str, Measurement] = {}
    for file in files:
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            found = record["figures"].items()
            figures |= {name: _measurement(value) for name, value in found if _measurement(value) is not None}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingsError(
                f"take measured figures from {file}", f"it is no report ({type(error).__name__})",
                "a report is the .json that ssldiff evaluate and ssldiff study write",
            ) from error  # fmt: skip
    return figures


def reproduce(
    table: PaperTable, measured: Mapping[str, Measurement], *, model: str = "", command: str = "ssldiff reproduce",
    warnings: Sequence[str] = (), parts: Sequence[Part] = (), seconds: float = 0.0,
) -> Report:  # fmt: skip
    """The table, row by row: the authors' figure, ours, and whether they agree.

    Args:
        table: of the paper.
        measured: figures by name; a name of the table that ends in features matches whatever digest follows.
        model: takes the rows of this model alone, where given.
        command: the words that asked for it.
        warnings: sentences.
        parts: to add below.
        seconds: how long it took.
    """
    rows = [row for row in table.rows if not model or not row.model or row.model == model]
    found = {row.name: find_figure(row, measured) for row in rows}
    body = [
        (
            row.name, row.expected, "–" if row.peer else f"± {row.tolerance:.3g}", found[row.name] or "–",
            _n(found[row.name]), row.verdict(_value(found[row.name])),
        )
        for row in rows
    ]  # fmt: skip
    about = [
        ("Data needed", table.data), ("N", table.n), ("Features", table.features), ("Split", table.split),
        *((f"Step {index}", step) for index, step in enumerate(table.protocol, 1)), ("Notes", table.notes or "–"),
    ]  # fmt: skip
    columns = ("figure", "the authors", "tolerance (ours)", "measured (95 %)", "N", "verdict")
    figures: dict[str, Any] = {
        row.name: {
            "expected": row.expected, "tolerance": row.tolerance, "measured": found[row.name],
            "verdict": line[-1],
        }
        for row, line in zip(rows, body, strict=True)
    }  # fmt: skip
    return Report(
        f"The paper's table: {table.title}", command, figures,
        [Table("The authors' figures and ours", columns, body), Table("Protocol", ("what", "how"), about), *parts],
        {"Paper": "Graikos et al., CVPR 2024, arXiv 2312.07330"}, warnings, seconds,
    )  # fmt: skip


def find_figure(row: Row, measured: Mapping[str, Measurement]) -> Measurement | None:
    """The measured figure of a row: of its very name, or of its name and a digest."""
    if not row.figure:
        return None
    if row.figure in measured:
        return measured[row.figure]
    starts = [name for name in measured if name.startswith(f"{row.figure}-")]
    return measured[starts[0]] if len(starts) == 1 else None


def _measurement(value: Any) -> Measurement | None:
    """A figure of a report: with its interval and N, or a bare number; None for anything else."""
    if isinstance(value, Mapping) and isinstance(value.get("value"), int | float):
        count = value.get("n", 0)
        known = {name: value[name] for name in ("low", "high", "features", "preprocessing", "note") if name in value}
        return Measurement(float(value["value"]), n=tuple(count) if isinstance(count, list) else count, **known)
    return Measurement(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _value(figure: Measurement | None) -> float | None:
    return None if figure is None else figure.value


def _n(figure: Measurement | None) -> str:
    if figure is None or not figure.n:
        return "–"
    return " and ".join(str(n) for n in figure.n) if isinstance(figure.n, tuple) else str(figure.n)
