"""The patch study from a folder of images to its report, with a tiny model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.cli import main
from ssldiff_core.embeddings.catalogue import EncoderSpec
from ssldiff_core.embeddings.encoder import save_patch_encoder
from ssldiff_core.evaluation.augment.dataset import digest_file
from ssldiff_core.evaluation.augment.manifest import read_rows
from ssldiff_core.evaluation.studies.cnn import Training, predict_labels, train_network
from ssldiff_core.evaluation.studies.kept_labels import kept_labels
from ssldiff_core.evaluation.studies.patches import make_set
from ssldiff_core.evaluation.studies.sets import PROTOCOLS, Protocol, load_set, make_rounds
from ssldiff_core.training.data import DOMAINS, Collection


@pytest.fixture
def data(patches: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``set/`` with two classes of six images as the set ``crc_he``, drawn by the model ``tiny``."""
    generator = np.random.default_rng(3)
    lines = ["path,group,label,split,sha256"]
    for label, low in (("dark", 0), ("light", 150)):
        for number in range(6):
            file = patches / "pictures" / label / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(generator.integers(low, low + 100, (96, 96, 3), dtype=np.uint8)).save(file)
            path = file.relative_to(patches).as_posix()
            lines.append(f"{path},{path},{label},ood,{digest_file(file)}")
    (patches / "splits.csv").write_text("\n".join(lines) + "\n")
    protocol = Protocol("crc_he", "pictures", "tiny", 0.5e-6, "shots", (("image", 1),), per_image=1)
    monkeypatch.setitem(PROTOCOLS, "crc_he", protocol)
    monkeypatch.setitem(DOMAINS, "tiny", (Collection("elsewhere", 0.5e-6, (0.5e-6,)),))
    return patches


def test_a_study_is_one_command_and_its_rounds_use_children_of_their_own_images_only(
    data: Path, capsys: pytest.CaptureFixture[str]
):
    line = "study patches crc_he --data set -o out --seeds 2 --amounts 1,2 --steps 1 --json"
    assert main(line.split()) == 0
    facts = json.loads(capsys.readouterr().out)
    page = Path("out/study.html").read_text(encoding="utf-8")
    assert "What variations keep of their class" in page
    assert set(facts) >= {"linear probe|1 a class|real", "linear probe|2 a class|real + synthetic"}
    dataset = load_set(PROTOCOLS["crc_he"], data)
    rounds = make_rounds(PROTOCOLS["crc_he"], dataset.samples, 2, (1, 2))
    rows = read_rows(Path("out/synthetic"))
    assert {row.source for row in rows} == {dataset.samples[i].name for one in rounds for i in one.train}
    study = make_set(PROTOCOLS["crc_he"], dataset, rows, Path("out/synthetic"), rounds)
    for one in rounds:
        children = study.children(one)
        assert len(children) == len(one.train)
        assert {study.pictures[i].parents[0] for i in children} == set(one.train)


def test_what_variations_keep_is_asked_of_images_that_did_not_train(data: Path):
    dataset = load_set(PROTOCOLS["crc_he"], data)
    rounds = make_rounds(PROTOCOLS["crc_he"], dataset.samples, 3, (2,))
    study = make_set(PROTOCOLS["crc_he"], dataset, [], Path("out"), rounds)
    count = len(dataset.samples)
    for kind, parent in (("same", i) for i in range(count)):
        picture = replace(study.pictures[parent], parents=(parent,))
        study = replace(study, pictures=(*study.pictures, picture), kinds=(*study.kinds, kind))
    labels = study.labels()
    told = np.where(labels == 0, -1.0, 1.0).astype(np.float32)[:, None, None]
    scatter = np.random.default_rng(0).normal(0, 0.1, (len(labels), 2, 3)).astype(np.float32)
    real = (told + scatter)[:count]
    faithful, forgotten = (told + scatter)[count:], np.random.default_rng(1).normal(size=(count, 2, 3))
    for synthetic, low, high in ((faithful, 1.0, 1.0), (forgotten.astype(np.float32), 0.2, 0.8)):
        found = list(kept_labels(study, real, synthetic))
        assert [one.seed for one in found] == [0, 1, 2]
        assert all(one.count == count - len(rounds[0].train) for one in found)
        assert all(one.parents == 1.0 for one in found)
        assert low <= np.mean([one.variations for one in found]) <= high
    few = replace(study, rounds=(replace(rounds[0], test=rounds[0].test[:3]),))
    assert [one.count for one in kept_labels(few, real, faithful)] == [3], "no round uses the others"
    assert list(kept_labels(make_set(PROTOCOLS["crc_he"], dataset, [], Path("out"), rounds), real, real[:0])) == []


def test_what_is_drawn_is_what_the_options_say_and_the_command_repeats_it(
    data: Path, capsys: pytest.CaptureFixture[str]
):
    line = "study patches crc_he --data set -o out --seeds 2 --amounts 3 --steps 1 --json"
    more = "--mix blend --per-image 2 --blend 0.4 --cnn --cnn-amounts 3 --cnn-steps 3"
    assert main([*line.split(), *more.split()]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {name.split("|")[2] for name in facts if name.startswith("small CNN|3 a class")} >= {
        "real", "synthetic", "real + synthetic",
    }  # fmt: skip
    rows = read_rows(Path("out/synthetic"))
    assert {row.kind for row in rows} == {"blend"}
    assert max(row.amount for row in rows) <= 0.4
    record = json.loads(Path("out/study.json").read_text(encoding="utf-8"))
    assert "--mix blend" in record["command"]
    assert "--cnn-amounts 3" in record["command"]


def test_the_student_draws_and_another_encoder_reads_where_asked(
    student: None, data: Path, capsys: pytest.CaptureFixture[str]
):
    import timm
    import torch

    torch.manual_seed(5)
    spec = EncoderSpec("other-1", "test_resnet", 128, 128, 5, (0.5e-6,), timm_args={"num_classes": 5})
    save_patch_encoder(Path("other"), spec, timm.create_model(spec.timm_name, **spec.timm_args))
    line = "study patches crc_he --data set -o out --seeds 2 --amounts 3 --fast --features other --json"
    assert main(line.split()) == 0
    capsys.readouterr()
    assert {(row.student, row.steps) for row in read_rows(Path("out/synthetic"))} == {("yes", 4)}
    with np.load("out/features-other-1-synthetic.npz") as kept:
        assert kept["vectors"].shape[2] == 5  # of its one cell, the other encoder's length
    command = json.loads(Path("out/study.json").read_text(encoding="utf-8"))["command"]
    assert "--fast --features other" in command.replace(" --amounts 3", "")


@pytest.mark.parametrize("option", ["--mix=nothing", "--strength=1.5", "--blend=0.9", "--jitter=200", "--strength=a"])
def test_a_recipe_out_of_range_is_refused_before_anything_is_read(
    option: str, data: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["study", "patches", "crc_he", "--data", "nowhere", "-o", "out", option]) == 2
    assert "nowhere" not in capsys.readouterr().err
    assert not Path("out").exists()


def test_the_small_network_learns_from_either_source():
    generator = np.random.default_rng(0)
    labels = np.tile([0, 1], 16)
    pixels = (labels[:, None, None, None] * 120 + generator.integers(0, 100, (32, 64, 64, 3))).astype(np.uint8)
    nothing, none = pixels[:0], labels[:0]
    for real, synthetic in (((pixels, labels), (nothing, none)), ((nothing, none), (pixels, labels))):
        network = train_network(*real, *synthetic, 2, 0, Training(steps=40, batch=16, width=8))
        assert (predict_labels(network, pixels) == labels).mean() > 0.9
