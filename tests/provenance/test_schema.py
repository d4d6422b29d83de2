"""The schema of the manifest says what manifests are, of this release and of earlier ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.assets import assets_path
from ssldiff_core.errors import ManifestError
from ssldiff_core.provenance import SCHEMA, SCHEMA_VERSION, Manifest, schema

OLD = sorted(Path(__file__).parent.glob("manifest-of-*.json"))
"""Written by the release that their names say, and never again."""

jsonschema = pytest.importorskip("jsonschema")


def complaints(record: object) -> list[str]:
    checker = jsonschema.Draft202012Validator(schema(), format_checker=jsonschema.FormatChecker())
    return [error.message for error in checker.iter_errors(record)]


def test_the_schema_is_a_schema_of_this_version() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["properties"]["schema"]["const"] == SCHEMA
    assert schema()["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    with pytest.raises(ManifestError, match="there is none"):
        schema(SCHEMA_VERSION + 1)


def test_what_is_written_follows_the_schema(manifest: Manifest) -> None:
    for one in (manifest, manifest.with_image(np.zeros((4, 5, 3), np.uint8))):
        assert complaints(json.loads(one.to_json())) == []


@pytest.mark.parametrize("path", sorted(assets_path("scenes").glob("*.manifest.json")), ids=lambda path: path.name)
def test_the_demo_scenes_follow_the_schema(path: Path) -> None:
    assert complaints(json.loads(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("synthetic", False),
        ("schema_version", 2),
        ("notice", "a photograph"),
        ("model", {"id": "tissue"}),
        ("image", {"digest": "f00d", "shape": [1, 1, 3]}),
        ("grid", {}),
    ],
)
def test_what_breaks_a_promise_is_told(manifest: Manifest, part: str, value: object) -> None:
    assert complaints({**json.loads(manifest.to_json()), part: value})


def test_every_member_that_is_written_is_named_by_the_schema(manifest: Manifest) -> None:
    record = json.loads(manifest.to_json())
    assert set(record) == set(schema()["properties"])
    assert set(record["grid"]) == set(schema()["properties"]["grid"]["properties"])
    assert set(record["grid"]["geometry"]) == set(
        schema()["properties"]["grid"]["properties"]["geometry"]["properties"]
    )


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.name)
def test_manifests_of_earlier_releases_stay_readable(path: Path) -> None:
    manifest = Manifest.load(path)
    assert (manifest.model_id, manifest.settings["seed"], manifest.grid.valid.sum()) == ("tissue", 3, 5)
    assert manifest.image_shape == (256, 384, 3)
    assert complaints(json.loads(path.read_text("utf-8"))) == []
    again = Manifest.from_json(manifest.to_json())
    assert again.digest == manifest.digest
