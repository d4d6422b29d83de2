"""The start page lies over what is open until the user leaves it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Look
from tests.browser.test_painting import start_canvas

pytestmark = pytest.mark.browser
BACK = "[aria-label='Back to the document']"


def test_news_of_the_document_beneath_leave_the_start_page_open(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.wait_for_selector(".sd-start", state="hidden")
    page.click("#sd-open")
    page.wait_for_selector(".sd-start-inner")
    identity = look.document["id"]
    page.request.post(f"{look.server.address}/documents/{identity}/name", data={"name": "Told by another page"})
    page.wait_for_function("document.querySelector('.sd-name').value === 'Told by another page'")
    assert page.is_visible(".sd-start-inner")
    page.click(BACK)
    page.wait_for_selector(".sd-start", state="hidden")


def test_the_start_page_that_was_asked_for_stays_when_the_last_document_comes_late(look: Look) -> None:
    start_canvas(look)
    page, late = look.page, list[Any]()
    identity = look.document["id"]
    page.route(f"**/documents/{identity}", lambda route: late.append(route))  # as on a server that is busy
    page.reload()
    look.until(lambda: bool(late))
    page.click("#sd-open")
    page.wait_for_selector(".sd-start-inner")
    assert not page.is_visible(BACK)
    for route in late:
        route.continue_()
    page.wait_for_function("!document.querySelector('.sd-name').hidden")
    assert page.is_visible(".sd-start-inner")
    page.click(BACK)
    page.wait_for_selector(".sd-start", state="hidden")
    assert look.document["id"] == identity
