"""A canvas grows by the form above the result; the new cells are drawn beside what was there."""

from __future__ import annotations

import numpy as np
import pytest

from tests.browser.conftest import Look, cell_centre
from tests.browser.test_main_path import generate, pixels_of
from tests.browser.test_painting import start_canvas, until

pytestmark = pytest.mark.browser


def test_columns_and_rows_are_added_and_only_they_are_drawn(look: Look) -> None:
    start_canvas(look, 3, 4)
    page = look.page
    first = pixels_of(look, generate(look))
    page.click("#sd-grow")
    page.fill("[data-side=right]", "2")
    page.fill("[data-side=top]", "1")
    assert page.inner_text(".sd-grow-middle") == "4 × 6"
    look.shoot("grow-form")
    page.click("#sd-grow-now")
    page.wait_for_selector("#sd-generate:has-text('Draw 12 new cells')")
    assert (look.document["grid"]["rows"], look.document["grid"]["cols"]) == (4, 6)
    look.shoot("grown")
    page.keyboard.press("2")
    page.mouse.click(*cell_centre(look, 0, 5, "result"))
    until(look, lambda: look.labels()[5] == 1)
    page.wait_for_selector("#sd-generate:has-text('Draw 12 new cells')")
    second = pixels_of(look, generate(look, known=1))
    assert second.shape == (512, 768, 3)
    assert np.array_equal(second[128:, :512], first)
    look.shoot("grown-drawn")
    for _ in range(2):
        page.keyboard.press("Control+z")
    until(look, lambda: look.document["grid"]["rows"] == 3)
