"""Where a grid is unlike the training images nothing is drawn until the user says so, there or by the button."""

from __future__ import annotations

import pytest

from ui.documents import Document
from ui.handlers import start_generation
from ui.questions import NeedsAnswer
from ui.workspace import Workspace


def test_nothing_is_drawn_before_the_answer_and_pressing_the_button_that_says_so_is_one(
    studio: Workspace, canvas: Document
) -> None:
    canvas.set_layout(canvas.need_layout(), "tissue", "30 % of the cells are unlike the training images.")
    with pytest.raises(NeedsAnswer):
        start_generation(studio, canvas, {"steps": 1})
    assert studio.jobs.of_document(canvas.id) == []
    start_generation(studio, canvas, {"steps": 1, "accept": True})
    assert canvas.asks == ""
    start_generation(studio, canvas, {"steps": 1})
