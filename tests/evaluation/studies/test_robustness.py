"""Laws of the robustness study: what no longer shows its source is no fault of a classifier."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.cli import main
from ssldiff_core.errors import SettingsError
from ssldiff_core.evaluation.studies.predictors import PredictionTable, _probabilities
from ssldiff_core.evaluation.studies.robustness import Answers, measure
from ssldiff_core.evaluation.studies.versions import REAL, SAME, STAIN, Version, read_versions, version_names


def make_answers(cases, min_fidelity=0.5):
    """cases: (image, version, fidelity, score of the second class)."""
    versions = tuple(Version(f"{i}-{v}.png", i, i, "", v, fidelity, 0) for i, v, fidelity, _ in cases)
    second = np.array([score for *_, score in cases])
    return Answers(versions, np.stack([1 - second, second], axis=1), ("no", "yes"), min_fidelity)


def test_flips_are_counted_against_the_real_image_and_only_where_fidelity_passes():
    cases = [("a", REAL, 1.0, 0.9), ("b", REAL, 1.0, 0.8), ("c", REAL, 1.0, 0.2)]
    cases += [("a", SAME, 0.9, 0.3), ("b", SAME, 0.8, 0.7), ("c", SAME, 0.1, 0.9)]
    found = measure(make_answers(cases))[SAME]
    assert found["flip rate"].value == 0.5
    assert found["flip rate"].n == (2, 2)
    assert found["score shift"].value == pytest.approx((-0.6 - 0.1) / 2)
    assert measure(make_answers(cases, 0.0))[SAME]["flip rate"].value == pytest.approx(2 / 3)


def test_a_stain_leaves_shapes_alone_and_is_counted_whatever_it_does_to_embeddings():
    cases = [("a", REAL, 1.0, 0.9), ("a", STAIN, -0.2, 0.1)]
    assert measure(make_answers(cases))[STAIN]["flip rate"].value == 1.0


def test_where_nothing_passes_nothing_is_claimed():
    cases = [("a", REAL, 1.0, 0.9), ("a", SAME, 0.0, 0.1)]
    assert np.isnan(measure(make_answers(cases))[SAME]["flip rate"].value)


def test_logits_probabilities_and_one_score_mean_the_same():
    np.testing.assert_allclose(_probabilities(np.array([[0.0, np.log(3.0)]])), [[0.25, 0.75]])
    np.testing.assert_allclose(_probabilities(np.array([[0.25, 0.75]])), [[0.25, 0.75]])
    np.testing.assert_allclose(_probabilities(np.array([0.75, 0.1])), [[0.25, 0.75], [0.9, 0.1]])
    np.testing.assert_allclose(_probabilities(np.array([[np.log(3.0)], [-9.0]]))[0], [0.25, 0.75])


def test_a_table_that_lacks_an_image_or_a_number_is_refused(tmp_path: Path):
    file = tmp_path / "scores.csv"
    file.write_text("file,tumour\na.png,0.2\n")
    assert PredictionTable(file).scores(tmp_path, ["a.png"]).tolist() == [[0.8, 0.2]]
    with pytest.raises(SettingsError, match=r"such as b\.png"):
        PredictionTable(file).scores(tmp_path, ["a.png", "b.png"])
    file.write_text("file,tumour\na.png,much\n")
    with pytest.raises(SettingsError, match="no number"):
        PredictionTable(file)


def test_versions_are_listed_for_any_classifier_and_its_answers_make_the_report(
    student: None, capsys: pytest.CaptureFixture[str]
):
    line = "study robustness set --pixel-size 0.5um --model tiny --fast -o out"
    assert main(line.split()) == 0
    versions = read_versions(Path("out"))
    assert len(versions) == 6 * len(version_names())
    assert all((Path("out") / version.file).is_file() for version in versions)
    with Path("scores.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "light"])
        writer.writerows([version.file, 0.9 if version.version == REAL else 0.2] for version in versions)
    capsys.readouterr()
    assert main([*line.split(), "--predictions", "scores.csv", "--min-fidelity", "-1", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts[f"{SAME}|flip rate"]["value"] == 1.0
    assert Path("out/study.html").stat().st_size > 10_000
    command = json.loads(Path("out/study.json").read_text(encoding="utf-8"))["command"]
    told = [facts.pop(name) for name in ("page", "record")]
    assert main([*command.split()[1:], "--json"]) == 0, "the command of the report makes the study again"
    again = json.loads(capsys.readouterr().out)
    assert told == [again.pop(name) for name in ("page", "record")]
    assert again == facts


def test_an_onnx_model_is_run_at_its_own_size_and_layout(patches: Path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from ssldiff_core.evaluation.studies.predictors import OnnxPredictor

    weights = onnx.numpy_helper.from_array(np.array([[1, 1, 1], [-1, -1, -1]], np.float32).T.copy(), "w")
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("GlobalAveragePool", ["x"], ["m"]),
            onnx.helper.make_node("Flatten", ["m"], ["f"]),
            onnx.helper.make_node("MatMul", ["f", "w"], ["y"]),
        ],
        "mean-colour",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, 32, 32])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 2])],
        [weights],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, "colour.onnx")
    predictor = OnnxPredictor(Path("colour.onnx"), classes=("light", "dark"))
    scores = predictor.scores(patches, ["light/0.png", "dark/0.png"])
    assert predictor.classes[scores[0].argmax()] == "light"
    assert predictor.classes[scores[1].argmax()] == "dark"
