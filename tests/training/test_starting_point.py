"""What a recipe that goes on from a packed model takes over from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ssldiff_core.models.native import NativeDenoiser
from ssldiff_core.models.native_autoencoder import NativeAutoencoder
from ssldiff_core.models.spec import ModelSpec, read_model_spec, write_model_spec
from ssldiff_core.training.pack import describe
from ssldiff_core.training.recipes import Recipe, make_parser
from ssldiff_core.training.starting_point import start_from
from tests.ui.tiny_models import write_tiny_models


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def tissue(models: Path) -> ModelSpec:
    return read_model_spec(models / "tissue")


def test_a_recipe_begins_with_the_models_networks_and_its_student_where_that_is_wanted(
    tissue: ModelSpec, tmp_path: Path
) -> None:
    start_from(tissue, tmp_path)
    assert not (tmp_path / "student").exists()
    start_from(tissue, tmp_path, with_student=True)
    for part in ("denoiser", "student"):
        ours = NativeDenoiser.from_pretrained(tmp_path / part / "weights").state_dict()
        theirs = NativeDenoiser.from_pretrained(tissue.folder / part).state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_denoiser_that_was_trained_further_has_no_student(tissue: ModelSpec, tmp_path: Path) -> None:
    start_from(tissue, tmp_path)
    (tmp_path / "denoiser" / "checkpoint.pt").write_bytes(b"of a training")
    start_from(tissue, tmp_path, with_student=True)
    assert not (tmp_path / "student").exists()


def test_a_model_without_a_student_gives_none(models: Path, tmp_path: Path) -> None:
    start_from(read_model_spec(models / "aerial"), tmp_path, with_student=True)
    assert not (tmp_path / "student").exists()


@pytest.mark.parametrize("begins_fast", [True, False])
def test_whether_the_app_begins_fast_is_written_with_the_model(
    tissue: ModelSpec, tmp_path: Path, begins_fast: bool
) -> None:
    autoencoder = NativeAutoencoder.from_pretrained(tissue.folder / "autoencoder")
    denoiser = NativeDenoiser.from_pretrained(tissue.folder / "denoiser")
    spec = describe(
        tmp_path, "tissue", autoencoder, denoiser, version="own", guidance=1.5, encoder_id="tissue-1",
        begins_fast=begins_fast,
    )  # fmt: skip
    write_model_spec(spec)
    assert read_model_spec(tmp_path).begins_fast is begins_fast


@pytest.mark.parametrize("with_student", [True, False])
def test_a_recipe_keeps_that_its_model_begins_fast_where_there_is_a_student(
    models: Path, tissue: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_student: bool
) -> None:
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(models))
    write_model_spec(replace(tissue, begins_fast=True))
    words = ["tissue", "--from", "tissue", "--data", "none", "--work", str(tmp_path), "-o", "none"]
    recipe = Recipe(make_parser().parse_args(words))
    start_from(tissue, tmp_path, with_student=with_student)
    assert recipe.spec(tmp_path, "tissue-1", recipe.denoiser()).begins_fast is with_student
