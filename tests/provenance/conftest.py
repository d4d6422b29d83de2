"""A manifest with something in every part."""

from __future__ import annotations

import numpy as np
import pytest

from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.provenance import Manifest, describe_machine


@pytest.fixture
def manifest() -> Manifest:
    vectors = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    valid = np.array([[True, True, False], [True, True, True]])
    geometry = GridGeometry((2, 3), 0.5e-6, (10.0, 20.0), 0.25e-6)
    grid = EmbeddingGrid(vectors, valid, geometry, "tissue-1", "abc", {"name": "demo.tif", "digest": "123"})
    return Manifest(
        grid=grid,
        model_id="tissue",
        model_digest="f00d",
        settings={"seed": 3, "steps": 20, "engine": "dense"},
        edits=({"kind": "erase", "cells": [[0, 2]]},),
        parents=("beef",),
        bit_exact=True,
        machine=describe_machine(precision="bfloat16", threads=2),
    )
