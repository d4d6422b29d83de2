"""Laws of the table of models and patch encoders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ssldiff_core.models.listing import list_everything
from ssldiff_core.models.published import PUBLISHED

from .tiny_families import write_lrdm


def test_every_row_is_here_or_says_how_to_get_it() -> None:
    listing = list_everything()
    for row in (*listing.models, *listing.encoders):
        assert row.present == (row.how_to_get == ""), row.id
        assert row.licence, row.id
    assert {row.id for row in listing.models} >= {"tissue", "aerial", *(model.id for model in PUBLISHED)}


def test_every_published_model_names_an_encoder_of_the_catalogue() -> None:
    listing = list_everything()
    assert {model.encoder_id for model in PUBLISHED} <= {row.id for row in listing.encoders}


def test_a_published_model_that_was_converted_is_listed_once_and_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lrdm(tmp_path / "naip")
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(tmp_path))
    folder = tmp_path / "naip" / "model.json"
    folder.write_text(json.dumps({**json.loads(folder.read_text(encoding="utf-8")), "id": "naip"}), encoding="utf-8")
    rows = [row for row in list_everything().models if row.id == "naip"]
    assert [row.present for row in rows] == [True]


def test_rows_as_json_say_their_pixel_sizes_for_people() -> None:
    rows = {row["id"]: row for row in list_everything().to_json()["encoders"]}
    assert rows["dinov2-small"]["pixel_sizes"] == "any"
    assert rows["ctranspath"]["pixel_sizes"] == "0.5 µm, 2 µm"
    json.dumps(rows)
