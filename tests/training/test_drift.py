"""What the shipped weights draw is what they drew when they were packed."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from ssldiff_core.assets import assets_path
from ssldiff_core.models.catalogue import get_model_spec, read_model_spec
from ssldiff_core.training.drift import SAME_DB, drift_db, write_reference
from tests.ui.tiny_models import write_tiny_models


@pytest.mark.parametrize("domain", ["tissue", "aerial"])
def test_a_shipped_model_draws_its_stored_reference(domain, monkeypatch):
    monkeypatch.delenv("SSLDIFF_MODELS_DIR", raising=False)
    assert drift_db(read_model_spec(assets_path("models") / domain)) >= SAME_DB


def test_other_weights_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(tmp_path))
    write_tiny_models(tmp_path)
    spec = get_model_spec("tissue")
    write_reference(spec)
    assert drift_db(spec) == float("inf")
    weights = next((spec.folder / "denoiser").glob("*.safetensors"))
    tensors = {name: value + 0.02 * torch.randn_like(value) for name, value in load_file(weights).items()}
    save_file(tensors, weights)
    assert drift_db(get_model_spec("tissue")) < SAME_DB
