"""A file of annotations, or a mask, becomes the layout: chosen in the menu or dropped, a question for each class."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import Look
from tests.browser.test_painting import start_canvas, until
from tests.ui.test_annotating import geojson, mask, square

pytestmark = pytest.mark.browser


def test_annotations_are_laid_out_by_the_swatches_that_are_chosen(look: Look, tmp_path: Path) -> None:
    start_canvas(look)
    page = look.page
    file = tmp_path / "slide.geojson"
    file.write_bytes(geojson(square("Tumor", 0, 0, 2, 2), square("Kind 3", 3, 0, 5, 1), square("Fat", 0, 3, 1, 4)))
    page.click("#sd-document-menu")
    page.wait_for_selector("[data-action=annotations]")
    page.set_input_files("#sd-annotations", file)
    page.wait_for_selector(".sd-annotations")
    page.select_option("[aria-label='Swatch for Tumor']", label="Kind 2")
    look.shoot("annotations")
    page.click("#sd-lay-annotations")
    page.wait_for_selector(".sd-annotations", state="detached")
    wanted = np.zeros((4, 5), int)
    wanted[:2, :2], wanted[0, 3:] = 1, 2
    until(look, lambda: look.labels() == wanted.ravel().tolist())
    look.shoot("annotations-laid")
    page.keyboard.press("Control+z")
    until(look, lambda: look.labels() == [0] * 20)


def test_a_mask_is_dropped_on_the_layout(look: Look) -> None:
    start_canvas(look)
    page = look.page
    values = np.zeros((40, 50))
    values[20:] = 1
    content = base64.b64encode(mask(values)).decode()
    page.evaluate(
        """(content) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], 'mask.png', { type: 'image/png' }));
            const options = { dataTransfer: data, bubbles: true, cancelable: true };
            document.querySelector('.sd-panes').dispatchEvent(new DragEvent('drop', options));
        }""",
        content,
    )
    page.select_option("[aria-label='Swatch for 1']", label="Kind 4")
    page.click("#sd-lay-annotations")
    until(look, lambda: look.labels() == [0] * 10 + [3] * 10)
