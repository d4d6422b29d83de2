"""An empty canvas is of one kind to the eye: what lies where nothing is, where the palette has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.errors import SettingsError
from ui import handlers
from ui.config import AppConfig
from ui.workspace import Workspace


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace with the models that ship; their weights are not loaded."""
    monkeypatch.delenv("SSLDIFF_MODELS_DIR", raising=False)
    made = Workspace(AppConfig(data_dir=tmp_path))
    yield made
    made.close()


@pytest.mark.parametrize(("model", "ground"), [("tissue", "glass"), ("aerial", "green field")])
def test_an_empty_canvas_is_all_of_its_ground_and_of_several_samples_of_it(
    shipped: Workspace, model: str, ground: str
) -> None:
    document = handlers.empty_canvas(shipped, model, 12, 12)
    palette, base = document.need_layout().palette, document.need_layout().base
    assert {palette.names[label] for label in np.unique(document.labels()[0])} == {ground}
    assert len(np.unique(base.vectors.reshape(-1, base.dim), axis=0)) > 12


def test_a_palette_without_a_ground_gives_its_first_swatch(studio: Workspace) -> None:
    document = handlers.empty_canvas(studio, "tissue", 4, 4)
    assert (document.labels()[0] == 0).all()


def test_a_canvas_without_cells_is_refused(studio: Workspace) -> None:
    with pytest.raises(SettingsError, match="rows"):
        handlers.empty_canvas(studio, "tissue", 0, 4)
