"""``ssldiff evaluate`` on a tiny model: results with manifests, limits of the autoencoder, painting, mistakes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.cli import main


@pytest.fixture
def result(workplace):
    """``out.png`` of 2 × 3 cells with its manifest."""
    assert main(["encode", "scene.png", "--scene-pixel-size", "0.5um", "--model", "tiny", "-o", "grid.npz", "-q"]) == 0
    assert main(["generate", "grid.npz", "-o", "out.png", "--steps", "2", "--yes", "-q"]) == 0
    return workplace


def test_one_command_measures_the_similarity_of_a_result_and_writes_both_files(result, capsys):
    assert main(["evaluate", "out.png", "-o", "report.html", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert figures["similarity"]["features"] == "tiny-1"
    assert figures["similarity"]["n"] == 6
    assert json.loads((result / "report.json").read_text())["figures"] == figures
    assert "Similarity by cell" in (result / "report.html").read_text(encoding="utf-8")


def test_the_limits_of_the_autoencoder_scale_the_similarity(result):
    from ssldiff_core.evaluation.evaluate import Request, evaluate

    report = evaluate(Request(result / "out.png", result / "scene.png", reconstruction=4, draws=0, device="cpu"))
    figures = report.figures
    assert figures["reconstruction_psnr"].value < 60
    assert figures["reconstruction_similarity"].n >= 1
    assert figures["crop_frechet_tiny-1"].n == (6, 6)
    if "similarity_scaled" in figures:
        floor, ceiling = figures["similarity_floor"].value, figures["reconstruction_similarity"].value
        wanted = (figures["similarity"].value - floor) / (ceiling - floor)
        assert figures["similarity_scaled"].value == pytest.approx(wanted)


def test_painting_with_a_model_is_measured_beside_real_images(workplace, models_dir):
    from ssldiff_core.evaluation.painting_report import PaintingRequest, evaluate_painting
    from ssldiff_core.layouts import Palette, Swatch

    vectors = np.random.default_rng(0).standard_normal((1, 6)).astype(np.float32)
    palette = Palette((Swatch("all", "#ff0000", vectors / np.linalg.norm(vectors)),), "tiny-1", 0.5e-6)
    palette.save(models_dir / "tiny" / "palette.npz")
    for name in "abc":
        (workplace / "real").mkdir(exist_ok=True)
        (workplace / "real" / f"{name}.png").write_bytes((workplace / "scene.png").read_bytes())
    request = PaintingRequest("tiny", workplace / "real", layouts=0, images=1, steps=2, device="cpu")
    figures = evaluate_painting(request).figures
    assert figures["region_variance"].value > 0
    assert figures["region_variance_all"].n == (3, 4)


def test_a_student_paints_where_asked(tmp_path, monkeypatch, capsys):
    from tests.ui.tiny_models import write_tiny_models

    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(write_tiny_models(tmp_path / "models")))
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(2).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    (tmp_path / "real").mkdir()
    for name in "abcdef":
        Image.fromarray(np.full_like(pixels, 40 * (ord(name) - 96))).save(tmp_path / "real" / f"{name}.png")
    line = "evaluate tissue --painting 0 --real real -o {}.html --device cpu"
    figures = {}
    for name, how in (("model", "--steps 4"), ("student", "--fast"), ("mean", "--fast --mode mean")):
        assert main([*line.format(name).split(), *how.split()]) == 0
        record = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        assert record["facts"]["Steps"] == 4
        figures[name] = record["figures"]["region_variance"]["value"]
    assert figures["model"] != figures["student"]
    assert figures["mean"] < figures["student"], "cells of one embedding differ less than cells of several"
    assert main([*line.format("other").replace("tissue", "aerial").split(), "--fast"]) == 2
    assert "has none" in capsys.readouterr().err


def test_mistakes_are_told_with_their_remedy(workplace, capsys):
    assert main(["evaluate", "nothing", "--real", "scene.png", "--features", "colour"]) == 2
    assert "no such file" in capsys.readouterr().err
    assert main(["evaluate", "scene.png", "--real", "scene.png", "--features", "judge-none"]) == 2
    assert "judge_encoder" in capsys.readouterr().err
    assert main(["evaluate", "scene.png", "-o", "report.pdf"]) == 2
    assert ".html or .json" in capsys.readouterr().err
