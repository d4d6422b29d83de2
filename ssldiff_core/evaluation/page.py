"""A report as one HTML page that needs nothing beside it: pictures and plots are inside."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image as Pillow

from .report import Cell, Image, Measurement, Part, Pictures, Plot, Report, Table, number

_STYLE = """
:root { --ink: #1a1d21; --soft: #545b65; --paper: #fff; --line: #d9dde2; --band: #f4f6f8; --mark: #8a5300; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #a3abb5; --paper: #16181b; --line: #343a41; --band: #1f2327; --mark: #f0b35a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 72rem; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p, figcaption, dt { color: var(--soft); } .note { max-width: 60rem; } code { font-size: .9em; color: var(--ink); }
.warning { color: var(--mark); border-left: 3px solid; padding-left: .8rem; max-width: 60rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.2rem; margin: 1rem 0; } dd { margin: 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; } .number { text-align: right; }
td span { display: block; white-space: nowrap; color: var(--soft); font-size: .88em; }
.plot { background: #fff; border: 1px solid var(--line); border-radius: 6px; padding: .5rem; max-width: 100%;
  display: inline-block; } .plot img { max-width: 100%; display: block; }
.pictures { display: grid; gap: .8rem; } .pictures figure { margin: 0; } .pictures img { width: 100%; display: block;
  border-radius: 3px; } .pictures figcaption { font-size: .82rem; line-height: 1.35; padding-top: .2rem;
  overflow-wrap: anywhere; } dd, p { overflow-wrap: anywhere; }
"""

_FOOT = (
    "Pictures that a caption calls generated, drawn or varied are SYNTHETIC: they show nothing that was photographed."
)

_NONE = "–"
"""In a table: no number."""

PICTURE_SCALE = 2
"""Pictures are stored at most so many times as wide as they are shown, for displays with small pixels."""


def make_page(report: Report, record: Mapping[str, Any]) -> str:
    """The page of a report.

    Args:
        report: what to show.
        record: its :meth:`~ssldiff_core.evaluation.report.Report.to_json`, for time, machine and versions.
    """
    warnings = "".join(f'<p class="warning">{escape(warning)}</p>' for warning in report.warnings)
    facts = {
        **report.facts,
        "Made": f"{record['created']}, {_inline(record['machine'])}, {_inline(record['versions'])}",
    }
    if report.seconds:
        facts["Took"] = f"{report.seconds:.0f} s"
    body = "\n".join(
        f"<section><h2>{escape(part.title)}</h2>{_part(part)}{_note(part.note)}</section>" for part in report.parts
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(report.title)}</h1><p><code>{escape(report.command)}</code></p>{warnings}{_facts(facts)}{body}"
        f'<p class="note">{_FOOT}</p>'
        f'<script type="application/json" id="report">{_script(record)}</script></body></html>\n'
    )


def _part(part: Part) -> str:
    if isinstance(part, Table):
        return _table(part.columns, part.rows)
    if isinstance(part, Plot):
        return f'<div class="plot"><img alt="{escape(part.title)}" src="data:image/png;base64,{draw_plot(part)}"></div>'
    return _pictures(part)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    classes = [_column_class([row[at] for row in rows]) for at in range(len(columns))]
    head = "".join(f"<th{own}>{escape(column)}</th>" for column, own in zip(columns, classes, strict=True))
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _column_class(cells: Sequence[Cell]) -> str:
    """The head of a column of numbers, and of dashes where there is none, stands over them, to the right."""
    return ' class="number"' if cells and not any(isinstance(cell, str) and cell != _NONE for cell in cells) else ""


def _cell(cell: Cell) -> str:
    if isinstance(cell, str) and cell != _NONE:
        return f"<td>{escape(cell)}</td>"
    text = str(cell) if isinstance(cell, Measurement | int | str) else number(float(cell))
    value, space, interval = text.partition(" ")
    if space:  # below its value: beside it, wide tables would not fit
        return f'<td class="number">{escape(value)} <span>{escape(interval)}</span></td>'
    return f'<td class="number">{escape(text)}</td>'


def _pictures(part: Pictures) -> str:
    columns = (
        f"repeat({part.per_row}, minmax(0, {part.width_px}px))"
        if part.per_row
        else (f"repeat(auto-fill, minmax({part.width_px}px, 1fr))")
    )
    figures = "".join(
        f'<figure><img alt="{escape(caption)}" src="data:image/jpeg;base64,{_jpeg(picture, part.width_px)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for picture, caption in part.pictures
    )
    return f'<div class="pictures" style="grid-template-columns: {columns}">{figures}</div>'


def _jpeg(picture: Image, width_px: int) -> str:
    image = Pillow.fromarray(np.ascontiguousarray(picture))
    if image.width > PICTURE_SCALE * width_px:
        size = (PICTURE_SCALE * width_px, max(1, round(image.height * PICTURE_SCALE * width_px / image.width)))
        image = image.resize(size, Pillow.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def draw_plot(plot: Plot, dpi: int = 150) -> str:
    """The plot as base64 of a PNG, on white."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=plot.size, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    plot.draw(axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _facts(facts: Mapping[str, str | int | float]) -> str:
    rows = (f"<dt>{escape(name)}</dt><dd>{escape(_text(value))}</dd>" for name, value in facts.items())
    return f"<dl>{''.join(rows)}</dl>"


def _text(value: str | int | float) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _inline(record: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in record.items() if value is not None)


def _note(note: str) -> str:
    return f'<p class="note">{escape(note)}</p>' if note else ""


def _script(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False).replace("</", "<\\/")
