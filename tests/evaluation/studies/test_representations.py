"""The representation study, with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.cli import main
from ssldiff_core.errors import SettingsError
from ssldiff_core.evaluation.studies.features import Picture
from ssldiff_core.evaluation.studies.representations import (
    NEIGHBOURS,
    OWN,
    PROBE,
    DenoiserReader,
    joined,
    representation_scores,
)
from ssldiff_core.evaluation.studies.sets import Round
from ssldiff_core.evaluation.studies.trained_encoders import pair_up
from ssldiff_core.models.catalogue import load_model
from tests.evaluation.studies.test_patches import data as data


def test_the_study_is_one_command(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "study representations crc_he --data set -o out --seeds 2 --amounts 2,4 --levels 0.2,0.6 --json"
    assert main(line.split()) == 0
    facts = json.loads(capsys.readouterr().out)
    names = ["colour", OWN, "denoiser at 0.2", "denoiser at 0.6", "denoiser at 0.2 + patch encoder"]
    assert set(facts) >= {f"{reading}|4 a class|{name}" for reading in (PROBE, NEIGHBOURS) for name in names}
    assert facts[f"{PROBE}|4 a class|colour"]["value"] == 1.0  # the classes differ in brightness alone
    page = Path("out/study.html").read_text(encoding="utf-8")
    assert "gain over the patch encoder" in page


@pytest.mark.slow
def test_encoders_are_trained_on_as_many_synthetic_as_real_images(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lightly")
    line = "study patches crc_he --data set -o patches --seeds 2 --amounts 4 --steps 1 --json"
    assert main(line.split()) == 0
    line = "study representations crc_he --data set -o out --seeds 2 --amounts 4 --levels 0.5 --json"
    capsys.readouterr()
    assert main([*line.split(), "--synthetic", "patches/synthetic", "--encoder-steps", "2"]) == 0
    facts = json.loads(capsys.readouterr().out)
    for name in ("encoder of real images", "encoder of synthetic images", "untrained encoder"):
        assert 0.0 <= facts[f"{PROBE}|4 a class|{name}"]["value"] <= 1.0
    record = json.loads(Path("out/study.json").read_text(encoding="utf-8"))
    assert record["facts"]["steps of the trained encoders"] == 2


def test_features_depend_on_the_image_and_the_level_and_not_on_chance(data: Path) -> None:
    reader = DenoiserReader(load_model("tiny"), (0.1, 0.8))
    first, second = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), dtype=np.uint8)
    found = reader.read(first, 0.5e-6, 3)
    assert np.array_equal(found, reader.read(first, 0.5e-6, 3))
    assert not np.allclose(found[0], found[1])
    assert not np.allclose(found, reader.read(second, 0.5e-6, 3))
    assert np.isfinite(found).all()


def test_what_two_blocks_know_is_known_together() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(200) % 4
    halves = {"high": labels // 2, "low": labels % 2}
    blocks = {
        name: (half[:, None] + 0.1 * generator.standard_normal((200, 3))).astype(np.float32)
        for name, half in halves.items()
    }
    one = Round(1.0, 0, tuple(range(100)), tuple(range(100, 200)), "all")
    chosen = {"high": ("high",), "both": ("high", "low")}
    found = {(s.classifier, s.arm): s.accuracy for s in representation_scores(blocks, chosen, labels, [one])}
    assert found[PROBE, "both"] == 1.0
    assert found[NEIGHBOURS, "both"] == 1.0
    assert found[PROBE, "high"] < 0.7


def test_a_block_of_large_numbers_does_not_drown_another() -> None:
    generator = np.random.default_rng(1)
    blocks = {"a": generator.standard_normal((50, 4)).astype(np.float32), "b": generator.standard_normal((50, 9)) * 1e4}
    both = joined(blocks, ("a", "b"), np.arange(50))
    assert both[:, :4].var(axis=0).sum() == pytest.approx(both[:, 4:].var(axis=0).sum(), rel=1e-3)


def test_too_few_variations_train_nothing() -> None:
    picture = Picture(Path("a.png"), "0", "dark", "g", (0,))
    with pytest.raises(SettingsError, match="At least 8"):
        pair_up([picture], [picture])


@pytest.mark.parametrize("levels", ["2", "-0.1", "high"])
def test_levels_outside_the_path_are_refused(data: Path, levels: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "representations", "crc_he", "--data", "set", "-o", "out", f"--levels={levels}"]) != 0
    assert "0 to 1" in capsys.readouterr().err
