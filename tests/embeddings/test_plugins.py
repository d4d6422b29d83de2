"""A distribution that brings a patch encoder: found by its entry point, listed, loaded and used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.embeddings.catalogue import get_encoder_spec, list_encoder_specs, list_encoders
from ssldiff_core.embeddings.encoder import load_patch_encoder
from ssldiff_core.errors import ModelError

CODE = """
import numpy as np
from ssldiff_core.embeddings.spec import EncoderSpec

class MeanColour:
    id, dim, patch_px, pixel_sizes_m, digest = "toy-colour", 3, 16, (5e-7,), "toy"

    def encode(self, patches):
        return patches.mean(axis=(1, 2)).astype(np.float32) / 255

def mean_colour(device):
    return MeanColour()

spec = EncoderSpec("toy-timm", "test_resnet", 32, 32, 6, (5e-7,), timm_args={"num_classes": 6})
other = spec

def fails():
    raise RuntimeError("out of order")
"""

ENTRY_POINTS = """
[ssldiff.encoders]
toy-colour = toy_encoders:mean_colour
toy-timm = toy_encoders:spec
toy-misnamed = toy_encoders:other
toy-broken = toy_encoders:fails
toy-missing = toy_encoders:nothing
"""


@pytest.fixture
def toy_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    info = tmp_path / "toy_encoders-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-encoders\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "toy_encoders.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("toy_distribution")
def test_an_encoder_of_an_installed_package_is_found_and_encodes_a_scene() -> None:
    from ssldiff_core.embeddings.embed import embed_scene
    from ssldiff_core.scenes.array_scene import ArrayScene

    assert {"toy-colour", "toy-timm"} < set(list_encoders())
    assert get_encoder_spec("toy-timm").dim == 6
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:16, :16] = (255, 0, 51)
    scene = ArrayScene(pixels, pixel_size_m=5e-7)
    *_, last = embed_scene(scene, load_patch_encoder("toy-colour"), pixel_size_m=5e-7)
    assert last.grid is not None
    assert last.grid.encoder_id == "toy-colour"
    np.testing.assert_allclose(last.grid.vectors[0, 0], (1, 0, 0.2), atol=1e-6)
    np.testing.assert_allclose(last.grid.vectors[1:], 0)


@pytest.mark.usefixtures("toy_distribution")
@pytest.mark.parametrize(
    ("id", "told"), [("toy-misnamed", "named by"), ("toy-broken", "out of order"), ("toy-missing", "failed")]
)
def test_a_faulty_plug_in_is_told_and_spoils_no_other(id: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        load_patch_encoder(id)
    assert load_patch_encoder("toy-colour").dim == 3
    with pytest.warns(UserWarning, match=told):
        assert "toy-timm" in {spec.id for spec in list_encoder_specs()}
