"""Laws of the manifest."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ssldiff_core.errors import ManifestError
from ssldiff_core.provenance import SCHEMA_VERSION, Manifest, digest_image


def changed(manifest: Manifest, **parts: object) -> str:
    return json.dumps({**json.loads(manifest.to_json()), **parts})


def test_a_manifest_equals_itself_after_a_round_trip(manifest: Manifest) -> None:
    described = manifest.with_image(np.zeros((4, 5, 3), np.uint8))
    for one in (manifest, described):
        again = Manifest.from_json(one.to_json())
        assert again == one
        assert again.digest == one.digest
        assert again.source == {"name": "demo.tif", "digest": "123"}
        np.testing.assert_array_equal(again.grid.vectors, one.grid.vectors)


def test_the_digest_follows_what_decides_the_image_and_nothing_else(manifest: Manifest) -> None:
    elsewhere = Manifest.from_json(changed(manifest, machine={"device": "cuda"}, created="2000-01-01T00:00:00+00:00"))
    other_seed = Manifest.from_json(changed(manifest, settings={**manifest.settings, "seed": 4}))
    assert elsewhere.digest == manifest.digest
    assert other_seed.digest != manifest.digest


def test_every_manifest_is_marked_synthetic_and_stays_so(manifest: Manifest) -> None:
    record = json.loads(manifest.to_json())
    assert record["synthetic"] is True
    assert record["notice"].startswith("SYNTHETIC")
    with pytest.raises(ManifestError, match="synthetic"):
        Manifest.from_json(changed(manifest, synthetic=False))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 3", "not JSON"),
        (b"\x89PNG\r\n", "not JSON"),
        ("[1, 2]", "not an"),
        ('{"schema": "another tool"}', "not an"),
        ('{"schema": "ssldiff manifest", "schema_version": 1, "synthetic": true}', "missing"),
    ],
)
def test_foreign_text_is_refused_with_a_reason(text: str | bytes, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        Manifest.from_json(text)


def test_a_later_version_asks_for_an_update(manifest: Manifest) -> None:
    with pytest.raises(ManifestError, match="Update ssldiff"):
        Manifest.from_json(changed(manifest, schema_version=SCHEMA_VERSION + 1))


@pytest.mark.parametrize("part", ["model", "settings", "grid", "versions", "image", "edits"])
def test_a_part_of_another_shape_is_refused(manifest: Manifest, part: str) -> None:
    with pytest.raises(ManifestError):
        Manifest.from_json(changed(manifest, **{part: 7}))


def test_a_grid_changed_by_hand_is_noticed(manifest: Manifest) -> None:
    grid = json.loads(manifest.to_json())["grid"]
    geometry = {**grid["geometry"], "pixel_size_m": 1e-6}
    with pytest.raises(ManifestError, match="changed"):
        Manifest.from_json(changed(manifest, grid={**grid, "geometry": geometry}))
    with pytest.raises(ManifestError, match="damaged"):
        Manifest.from_json(changed(manifest, grid={**grid, "arrays": grid["arrays"][:-40]}))


def test_settings_that_json_cannot_hold_are_refused_at_once(manifest: Manifest) -> None:
    for bad in ({"seed": object()}, {"guidance_scale": float("nan")}):
        with pytest.raises(ManifestError, match="JSON"):
            Manifest(manifest.grid, "tissue", "f00d", bad)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ManifestError, match=r"nowhere\.json"):
        Manifest.load("nowhere.json")


def test_images_of_equal_bytes_and_other_shape_differ() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert digest_image(image) == digest_image(image.copy())
    assert digest_image(image) != digest_image(image.reshape(4, 2, 3))
