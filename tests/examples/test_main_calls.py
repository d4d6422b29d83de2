"""The examples in the docstrings of the main public calls are true, with the shipped models."""

from __future__ import annotations

import doctest
import shutil
from pathlib import Path

import numpy as np
import pytest

import ssldiff_core as ssldiff
from ssldiff_core.assets import assets_path

MAIN_CALLS = (
    "open_scene", "load_patch_encoder", "embed_scene", "palette_from_grid", "Layout", "generate", "regenerate",
    "replay", "SyntheticScene", "write_image",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``slide.tif``, the demo scene, and ``grid.npz``, six of its cells."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copy(assets_path("scenes") / "tissue-demo.tif", folder / "slide.tif")
    encoder = ssldiff.load_patch_encoder("tissue-2")
    with ssldiff.open_scene(folder / "slide.tif") as scene:
        region = ssldiff.Box(512, 512, 384, 256)
        *_, last = ssldiff.embed_scene(scene, encoder, region_l0=region, pixel_size_m=1e-6)
    assert last.grid is not None
    last.grid.save(folder / "grid.npz")
    return folder


@pytest.mark.parametrize("name", MAIN_CALLS)
def test_the_example_of_a_main_call_is_true(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    assert name in ssldiff.__all__
    known = {"ssldiff": ssldiff, "np": np}
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(ssldiff, name), name, module=False, globs=known)
    assert example.examples, f"{name} has no example"
    said: list[str] = []
    assert doctest.DocTestRunner(verbose=False).run(example, out=said.append).failed == 0, "".join(said)
