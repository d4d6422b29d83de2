"""Laws of the paper's tables: PAPER's figures are in them, costs are counted to them, and dry runs go all the way."""

from __future__ import annotations

import json

import pytest

from ssldiff_core.cli import main
from ssldiff_core.cli.reproduce import TABLES as NAMES
from ssldiff_core.errors import SettingsError
from ssldiff_core.evaluation.report import Measurement
from ssldiff_core.evaluation.reproduction.cost import count_cost
from ssldiff_core.evaluation.reproduction.dry_run import dry_run
from ssldiff_core.evaluation.reproduction.run import find_figure, get_table, read_measured, reproduce
from ssldiff_core.evaluation.reproduction.tables import COST, QUALITY, SLIDES, TABLES, Row


def test_every_table_says_what_it_needs_and_has_a_protocol():
    assert tuple(TABLES) == NAMES
    for table in TABLES.values():
        assert all((table.data, table.n, table.features, table.split, table.protocol, table.rows))
        assert len({row.name for row in table.rows}) == len(table.rows)
    assert {row.name: row.expected for row in QUALITY.rows}["CRC 20×: embedding similarity"] == 0.938
    assert len(SLIDES.rows) == 16


def test_the_cost_table_is_counted_to_within_its_tolerance():
    report = reproduce(COST, count_cost())
    assert {figure["verdict"] for figure in report.figures.values()} == {"reproduced"}


def test_a_figure_is_found_by_its_name_with_any_digest_but_not_by_two():
    row = Row("crop", 15.5, 1.5, "crop_frechet_inception-fid")
    one = {"crop_frechet_inception-fid-abc": Measurement(16.0)}
    assert find_figure(row, one).value == 16.0
    assert find_figure(row, {**one, "crop_frechet_inception-fid-def": Measurement(1.0)}) is None
    assert [row.verdict(value) for value in (16.0, 18.0, 1.0, None)] == ["reproduced", "above", "below", "not measured"]


def test_measured_reports_stand_beside_the_authors_figures(tmp_path):
    figure = {"value": 0.93, "low": 0.92, "high": 0.94, "n": 500, "features": "crc-20x"}
    (tmp_path / "a.json").write_text(json.dumps({"figures": {"similarity": figure, "bare": 3, "text": "x"}}))
    measured = read_measured([tmp_path / "a.json"])
    report = reproduce(QUALITY, measured, model="crc-20x")
    assert report.figures["CRC 20×: embedding similarity"]["verdict"] == "reproduced"
    assert not any(name.startswith("BRCA") for name in report.figures)
    (tmp_path / "b.json").write_text("[]")
    with pytest.raises(SettingsError, match="no report"):
        read_measured([tmp_path / "b.json"])
    with pytest.raises(SettingsError, match="Tables are"):
        get_table("nonsense")


@pytest.mark.parametrize("table", ["quality", "peers", "patches", "slides"])
def test_a_dry_run_goes_all_the_way_on_a_shipped_model(table, tmp_path):
    figures = dry_run(table, "aerial", tmp_path)
    wanted = {
        "quality": {"dry_similarity", "dry_crop_frechet_aerial-2"}, "peers": {"dry_seconds_256"},
        "patches": {"dry_real", "dry_synthetic", "dry_both"}, "slides": {"dry_clam-sb_real", "dry_dsmil_both"},
    }  # fmt: skip
    assert wanted[table] <= set(figures)
    assert all(figure.value == figure.value for figure in figures.values())


def test_the_command_prints_the_table_and_says_that_a_dry_run_means_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "slides"]) == 0
    said = capsys.readouterr().out
    assert "not stated by the authors" in said
    assert "0.812" in said
    assert main(["reproduce", "cost", "-o", "cost.html", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["UNet on 64 × 64 latents, GFLOP"]["verdict"] == "reproduced"
    assert (tmp_path / "cost.html").is_file()
