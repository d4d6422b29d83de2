"""Laws of reports: the page needs nothing beside it, the JSON says what the page shows, and both appear or neither."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from ssldiff_core.errors import ExportError
from ssldiff_core.evaluation.plots import bar_plot, cell_map, histogram, line_plot
from ssldiff_core.evaluation.report import Measurement, Pictures, Report, Table, best_median_worst

ACCURACY = Measurement(0.8125, 0.78, 0.84, n=5, features="judge", note="seeds")


@pytest.fixture(scope="module")
def report():
    generator = np.random.default_rng(0)
    lines = {"real": [ACCURACY, Measurement(0.9)], "both": [Measurement(float("nan")), ACCURACY]}
    parts = [
        Table("Accuracy <by arm>", ("arm", "accuracy"), [("real & <b>", ACCURACY), ("none", float("nan"))], "a note"),
        bar_plot("Bars", {"real": ACCURACY, "both": Measurement(0.5)}),
        line_plot("Lines", [5, 100], lines, log_x=True),
        histogram("Spread", {"real": generator.normal(size=50), "generated": np.array([0.0, np.nan])}),
        cell_map("Map", np.array([[0.5, np.nan], [0.1, 0.2]])),
        Pictures("Worst", [(generator.integers(0, 255, (64, 700, 3)).astype(np.uint8), "cosine <0.3>")]),
    ]
    return Report("A study", "ssldiff study DATA", {"accuracy": ACCURACY, "none": np.float32("nan")}, parts, {"N": 5})


def test_the_page_holds_all_parts_and_needs_no_other_file(report, tmp_path):
    page, _ = report.write(tmp_path / "out.html")
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == 4
    assert text.count("data:image/jpeg;base64,") == 1
    assert "0.8125 (0.78 … 0.84)" in re.sub("</?span>", "", text)
    assert "real &amp; &lt;b&gt;" in text
    assert not re.findall(r"(?:src|href)=[\"'](?!data:)", text)


def test_the_json_holds_figures_and_tables_and_null_for_what_is_not_finite(report, tmp_path):
    _, file = report.write(tmp_path / "out.json")
    record = json.loads(file.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert record["figures"]["accuracy"] == {
        "value": 0.8125, "low": 0.78, "high": 0.84, "n": 5, "features": "judge", "note": "seeds",
    }  # fmt: skip
    assert record["figures"]["none"] is None
    assert record["tables"][0]["rows"][1] == ["none", None]
    assert record["machine"]["threads"] >= 1


def test_a_report_that_cannot_be_written_leaves_nothing(report, tmp_path):
    (tmp_path / "out.json").mkdir()
    with pytest.raises(ExportError, match="report"):
        report.write(tmp_path / "out.html")
    assert [file.name for file in tmp_path.iterdir()] == ["out.json"]


def test_best_median_and_worst_leave_out_what_is_not_known():
    scores = np.array([0.1, np.nan, 0.9, 0.5, 0.7, 0.3])
    chosen = best_median_worst(scores, 1)
    assert {name: indices.tolist() for name, indices in chosen.items()} == {"best": [2], "median": [3], "worst": [0]}
    assert len(best_median_worst(scores, 99)["worst"]) == 5
    assert not len(best_median_worst(np.full(3, np.nan))["best"])
