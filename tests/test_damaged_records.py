"""Manifests, grids, palettes and edits from anywhere: they are what they say, or are refused in words."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import SSLDiffError
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.layouts import Palette, palette_from_grid
from ssldiff_core.layouts.edits import edit_from_json
from ssldiff_core.provenance import Manifest

FUZZED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
CHANGES = st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 255)), min_size=1, max_size=8)


def make_grid() -> EmbeddingGrid:
    vectors = np.random.default_rng(0).normal(size=(4, 5, 8)).astype(np.float32)
    return EmbeddingGrid(vectors, np.ones((4, 5), bool), GridGeometry((4, 5), 5e-7), "tiny-1")


GRID = make_grid()
MANIFEST = json.loads(Manifest(GRID, "tiny", "0" * 64, {"seed": 1, "steps": 4}).to_json())


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every part of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(way for key, part in inner for way in places(part, (*path, key)))]


@FUZZED
@given(data=st.data())
def test_a_manifest_with_any_part_replaced_is_read_or_refused(data: st.DataObject) -> None:
    record = json.loads(json.dumps(MANIFEST))
    way = data.draw(st.sampled_from(places(MANIFEST)))
    part = record
    for key in way[:-1]:
        part = part[key]
    if data.draw(st.booleans()):
        part[way[-1]] = data.draw(JSON)
    elif isinstance(part, dict):
        del part[way[-1]]
    with contextlib.suppress(SSLDiffError):
        assert Manifest.from_json(json.dumps(record)).synthetic is True


@FUZZED
@given(text=st.text(max_size=300) | JSON.map(json.dumps))
def test_a_text_that_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(SSLDiffError):
        Manifest.from_json(text)


@FUZZED
@given(body=JSON)
def test_json_that_is_no_edit_is_refused(body: Any) -> None:
    with contextlib.suppress(SSLDiffError):
        edit_from_json(body)


@FUZZED
@given(changes=CHANGES, cut=st.booleans(), which=st.sampled_from(["grid", "palette"]))
def test_a_damaged_file_of_arrays_is_read_or_refused(
    tmp_path: Path, changes: list[tuple[int, int]], cut: bool, which: str
) -> None:
    path = tmp_path / f"{which}.npz"
    (GRID if which == "grid" else palette_from_grid(GRID, n_swatches=3)[0]).save(path)
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    if cut:
        del content[changes[0][0] % len(content) :]
    path.write_bytes(bytes(content))
    with contextlib.suppress(SSLDiffError):
        (EmbeddingGrid if which == "grid" else Palette).load(path)
