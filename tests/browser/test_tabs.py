"""Three ways into one document: the tabs, what they show, and how few clicks lead to an image."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Look

pytestmark = pytest.mark.browser


def test_three_clicks_lead_a_new_user_from_a_scene_to_an_image(look: Look) -> None:
    look.page.click("[data-scene]:has-text('areas')")
    look.page.click("#sd-read")
    look.page.wait_for_selector("#sd-panel-explore li[aria-current]:has-text('Draw it')")
    look.page.click("#sd-generate")
    look.page.wait_for_function("document.querySelector('#sd-download')?.getClientRects().length > 0")
    assert len(look.document["results"]) == 1


def test_arrow_keys_go_from_tab_to_tab_and_the_tools_follow(look: Look) -> None:
    page = look.page
    page.click("[data-scene]:has-text('areas')")
    page.click("#sd-read")
    page.wait_for_selector(".sd-swatch", state="attached")
    assert page.get_attribute("#sd-tab-explore", "aria-selected") == "true"
    assert page.is_hidden("#sd-panel-paint")
    assert page.is_hidden(".sd-tools [data-tool='brush']")
    page.focus("#sd-tab-explore")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#sd-panel-paint", state="visible")
    assert page.evaluate("document.activeElement.id") == "sd-tab-paint"
    assert page.evaluate("document.querySelector('.sd-stage').dataset.tool") == "brush"
    page.reload()
    page.wait_for_selector("#sd-panel-paint .sd-swatch")  # the tab is remembered
    page.focus("#sd-tab-paint")
    page.keyboard.press("Home")
    page.wait_for_selector("#sd-panel-explore", state="visible")


def test_a_painting_key_leads_to_painting(look: Look) -> None:
    look.page.click("[data-scene]:has-text('areas')")
    look.page.click("#sd-read")
    look.page.wait_for_selector(".sd-swatch", state="attached")
    look.page.keyboard.press("2")
    look.page.wait_for_selector("#sd-panel-paint .sd-swatch[data-index='1'][aria-selected='true']")
    assert look.page.evaluate("document.querySelector('.sd-stage').dataset.tool") == "brush"


def test_before_a_document_is_open_the_tab_shows_where_to_begin(look: Look) -> None:
    look.page.click("#sd-tab-paint")
    look.page.wait_for_selector("section[data-way='paint'][data-chosen='true']")
    look.page.click("text=Start painting")
    look.page.wait_for_selector("#sd-panel-paint .sd-swatch")
