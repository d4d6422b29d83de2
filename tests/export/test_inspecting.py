"""What a file says of its own making, and what is said where it says nothing."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.assets import assets_path
from ssldiff_core.cli import main
from ssldiff_core.errors import ManifestError
from ssldiff_core.export import SUFFIXES, manifest_path, write_image
from ssldiff_core.export.inspecting import inspect_file
from ssldiff_core.models.catalogue import get_model_spec
from ssldiff_core.provenance import Manifest

OLD = Path(__file__).parent.parent / "provenance" / "manifest-of-0.1.0.json"


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return Manifest.load(OLD)


def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (256, 384, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_is_marked_and_tells_its_manifest(tmp_path: Path, suffix: str, manifest: Manifest) -> None:
    path = write_image(tmp_path / f"a{suffix}", pixels(), manifest, pixel_size_m=5e-7)
    found = inspect_file(path)
    assert found.synthetic is True
    assert found.marked == (suffix != ".dzi.zip")
    (finding,) = found.findings
    assert finding.manifest == manifest
    assert finding.where == {".dzi": "beside it, a.dzi.manifest.json", ".dzi.zip": "a.dzi.manifest.json"}.get(
        suffix, "in the file"
    )


def test_a_mark_stays_where_the_manifest_is_lost(tmp_path: Path, manifest: Manifest) -> None:
    path = write_image(tmp_path / "a.dzi", pixels(), manifest, pixel_size_m=5e-7, quality=90)
    manifest_path(path).unlink()
    assert (inspect_file(path).synthetic, inspect_file(path).findings) == (True, ())
    tile = tmp_path / "a_files" / "9" / "0_0.jpg"
    assert inspect_file(tile).marked


def test_of_a_file_without_a_mark_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(pixels()).save(tmp_path / "plain.png")
    (tmp_path / "text.txt").write_text("no image", "utf-8")
    for name in ("plain.png", "text.txt"):
        assert inspect_file(tmp_path / name).synthetic is None
        assert main(["inspect", str(tmp_path / name)]) == 0
        assert "does not make it a photograph" in capsys.readouterr().out


def test_a_document_tells_the_manifest_of_each_result(tmp_path: Path, manifest: Manifest) -> None:
    path = tmp_path / "study.ssldiff"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("document.json", "{}")
        for name in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):
            archive.writestr(f"results/{name}/image.ome.tif.manifest.json", manifest.to_json())
    found = inspect_file(path)
    assert [finding.where.split("/")[1][0] for finding in found.findings] == ["a", "b"]


def test_damage_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.manifest.json").write_text('{"schema": "ssldiff manifest"}', "utf-8")
    with zipfile.ZipFile(tmp_path / "a.ssldiff", "w") as archive:
        archive.writestr("results/x/image.ome.tif.manifest.json", "{}")
    for name in ("a.manifest.json", "a.ssldiff", "gone.png"):
        with pytest.raises(ManifestError):
            inspect_file(tmp_path / name)
        assert main(["inspect", str(tmp_path / name)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_whether_the_weights_are_here_is_told(tmp_path: Path, manifest: Manifest) -> None:
    record = json.loads(manifest.to_json())
    said = {}
    for name, model in {
        "here": {"id": "tissue", "digest": get_model_spec("tissue").digest},
        "other": {"id": "tissue", "digest": "f00d"},
        "gone": {"id": "no such model", "digest": "f00d"},
    }.items():
        path = tmp_path / f"{name}.manifest.json"
        path.write_text(json.dumps({**record, "model": model}), "utf-8")
        said[name] = inspect_file(path).findings[0].weights
    assert said == {"here": "here", "other": "another version", "gone": "not here"}


def test_the_command_says_what_made_a_demo_scene(capsys: pytest.CaptureFixture[str]) -> None:
    scene = str(assets_path("scenes") / "tissue-demo.tif")
    assert main(["inspect", scene]) == 0
    text = capsys.readouterr().out
    assert "SYNTHETIC" in text
    assert "seed" in text
    assert main(["inspect", scene, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["synthetic"] is True
    assert "arrays" not in facts["findings"][0]["manifest"]["grid"]
