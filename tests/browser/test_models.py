"""The catalogue of models in the page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Look, Server, looking
from tests.browser.test_page import SMALL_TEXT

pytestmark = pytest.mark.browser


def test_the_catalogue_opens_beside_the_model_menu_and_says_how_to_get_a_model(look: Look) -> None:
    look.page.click("[data-scene]:has-text('areas')")
    look.page.wait_for_selector("#sd-read")
    look.page.focus(".sd-options .sd-models-button")
    look.page.keyboard.press("Enter")
    look.page.wait_for_selector(".sd-models[open]")
    ids = look.page.eval_on_selector_all(".sd-models tr[data-id]", "rows => rows.map((row) => row.dataset.id)")
    listing = look.ask("models")
    assert ids == [row["id"] for row in (*listing["models"], *listing["encoders"])]
    assert "uni2-h" in look.page.inner_text(".sd-models tr[data-id='pixcell-1024']")
    look.page.focus("[aria-label='How to get pixcell-1024']")
    look.page.keyboard.press("Enter")
    command = look.page.wait_for_selector(".sd-models tr[data-id='pixcell-1024'] + tr:not([hidden]) code")
    assert command.inner_text().startswith("ssldiff convert StonyBrook-CVLab/PixCell-1024 -o")
    look.page.keyboard.press("Escape")
    look.page.wait_for_selector(".sd-models", state="detached")
    look.page.wait_for_function("document.activeElement.classList.contains('sd-models-button')")


@pytest.mark.parametrize(("size", "scheme"), [((1366, 768), "light"), ((1920, 1080), "dark")])
def test_the_catalogue_fits_its_window(browser: Any, server: Server, size: tuple[int, int], scheme: str) -> None:
    width, height = size
    for look in looking(browser, server, viewport={"width": width, "height": height}, color_scheme=scheme):
        look.page.click(".sd-start .sd-models-button")
        look.page.wait_for_selector(".sd-models[open]")
        look.page.click("[aria-label='How to get naip']")
        look.page.wait_for_selector(".sd-models tr[data-id='naip'] + tr:not([hidden])")
        assert look.page.evaluate(SMALL_TEXT) == []
        box = look.page.locator(".sd-models").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert look.page.evaluate("document.querySelector('.sd-models').scrollWidth") <= box["width"]
        look.shoot(f"models-{width}-{scheme}")
