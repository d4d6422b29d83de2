"""A script drives the real app through its documented events and routes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import start_server, stop_server
from tests.examples.drive_the_app import drive
from tests.ui.tiny_models import write_tiny_models


@pytest.mark.slow
def test_a_script_paints_draws_and_fetches(tmp_path: Path) -> None:
    models = write_tiny_models(tmp_path / "models")
    server = start_server(tmp_path / "data", tmp_path / "log.txt", models=models, patience_s=600)
    try:
        image, labels = drive(server.address, tmp_path / "fetched", rows=3, cols=4, steps=4)
    finally:
        stop_server(server)
    picture = Image.open(image)
    assert picture.size == (512, 384)
    assert "SYNTHETIC" in str(picture.info)
    found = np.asarray(Image.open(labels))
    assert found.shape == (384, 512)
    assert found[192, 192] == 2  # the painted cell
    assert found[64, 400] != 2
