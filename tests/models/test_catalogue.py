"""The catalogue: what is found where, and what is said of what is missing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ssldiff_core.errors import ModelError
from ssldiff_core.evaluation.features import load_features
from ssldiff_core.models.catalogue import find_model_for, get_model_spec, list_models, load_model, read_model_spec
from tests.ui.tiny_models import write_tiny_models


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(tmp_path))
    return write_tiny_models(tmp_path)


def test_own_models_stand_before_the_shipped_ones(folder):
    assert get_model_spec("tissue").folder == folder / "tissue"
    assert len({spec.id for spec in list_models()}) == len(list_models())


def test_the_model_follows_from_the_encoder(folder):
    assert find_model_for("aerial-1").id == "aerial"


def test_embeddings_of_earlier_weights_are_told_from_foreign_ones(folder):
    for encoder_id, said in (("tissue-0", "version 0"), ("moon-1", "adapter")):
        with pytest.raises(ModelError, match=said):
            find_model_for(encoder_id)


def test_an_unknown_model_is_refused_with_those_there_are(folder):
    with pytest.raises(ModelError, match="aerial, tissue"):
        get_model_spec("moon")


def test_the_digest_follows_the_weights(folder):
    before = read_model_spec(folder / "tissue").digest
    weights = next((folder / "tissue" / "denoiser").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    assert len(before) == 64
    assert read_model_spec(folder / "tissue").digest != before


@pytest.mark.parametrize("domain", ["aerial", "tissue"])
def test_a_judge_ships_and_is_no_part_of_what_draws(domain) -> None:
    spec = get_model_spec(domain)
    assert (spec.folder / "judge" / "encoder.safetensors").is_file()
    assert {name for name, _ in spec.weights_files()} == {"autoencoder", "denoiser", "student"}
    judge = load_features(f"judge-{domain}")
    assert judge.id == f"judge-{domain}"
    assert judge.extract(np.zeros((1, 128, 128, 3), np.uint8)).shape == (1, 256)


def test_truncated_weights_are_refused(folder):
    weights = next((folder / "tissue" / "denoiser").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match="broken"):
        load_model("tissue", device="cpu")


def test_a_malformed_entry_is_refused(folder):
    file = folder / "tissue" / "model.json"
    record = json.loads(file.read_text())
    del record["cell_px"]
    file.write_text(json.dumps(record))
    with pytest.raises(ModelError, match="malformed"):
        read_model_spec(folder / "tissue")
    with pytest.warns(UserWarning, match="malformed"):
        assert "aerial" in {spec.id for spec in list_models()}


def test_a_model_is_loaded_once(folder):
    assert load_model("tissue", device="cpu") is load_model("tissue", device="cpu")
