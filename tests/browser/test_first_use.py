"""What made a first user hesitate, and does no more: one test for each."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Look, drag, open_and_read
from tests.browser.test_main_path import generate
from tests.browser.test_painting import start_canvas, until

pytestmark = pytest.mark.browser
OVERLAY = "[aria-label='Grid overlay on the {}']"


def read_from_the_panel(look: Look) -> None:
    look.page.click("[data-scene]:has-text('areas')")
    look.page.click("#sd-read-here")
    look.page.wait_for_selector("#sd-panel-explore li[aria-current]:has-text('Draw it')")


def pressed(look: Look, pane: str) -> bool:
    return look.page.get_attribute(OVERLAY.format(pane), "aria-pressed") == "true"


def test_the_suggested_region_is_read_from_the_panel_and_the_first_image_held_against_the_bare_reference(
    look: Look,
) -> None:
    page = look.page
    assert page.locator("#sd-panel-explore button:has-text('Open a scene')").count() == 0  # the start page is open
    read_from_the_panel(look)
    assert pressed(look, "reference")
    assert page.locator("[aria-label='Compare']").is_hidden()
    generate(look)
    page.wait_for_selector("[aria-label='Compare']", state="visible")
    assert not pressed(look, "reference")
    look.shoot("first-result")
    page.click("[aria-label='How to compare'] [data-view=curtain]")
    page.wait_for_selector(".sd-curtain", state="visible")
    page.click("[aria-label='How to compare'] [data-view=both]")
    page.click("#sd-compare-fidelity")
    page.wait_for_selector(".sd-pane-result .sd-quantity:has-text('mean')")
    assert page.get_attribute("#sd-compare-fidelity", "aria-pressed") == "true"
    page.click("#sd-compare-fidelity")
    page.wait_for_selector(".sd-pane-result .sd-quantity", state="hidden")
    assert not pressed(look, "result")
    page.click("#sd-tab-paint")
    until(look, lambda: pressed(look, "reference"))


def test_the_menus_of_the_result_lie_inside_its_pane_and_over_all_else_in_it(look: Look) -> None:
    open_and_read(look)
    for known in range(2):  # a film strip lies below
        generate(look, known)
    page = look.page
    page.select_option(".sd-pane-result .sd-quantity-choice", "fidelity")
    page.wait_for_selector(".sd-pane-result .sd-quantity:has-text('mean')")
    page.click("#sd-download")
    look.shoot("export-menu")
    covered = page.evaluate(
        """() => {
        const pane = document.querySelector('.sd-pane-result').getBoundingClientRect();
        const menu = document.querySelector('.sd-pane-result .sd-menu:not([hidden])');
        const frame = menu.getBoundingClientRect();
        const found = [];
        if (frame.left < pane.left || frame.right > pane.right || frame.bottom > pane.bottom) found.push('outside');
        for (const item of menu.querySelectorAll('[role=menuitem]')) {
            item.scrollIntoView({ block: 'nearest' });
            const box = item.getBoundingClientRect();
            const top = document.elementFromPoint(box.left + 12, box.top + box.height / 2);
            if (!item.contains(top)) found.push(item.textContent);
        }
        return found;
    }"""
    )
    assert covered == []


def test_the_button_stays_where_it_is_while_it_draws_and_does_nothing_under_the_start_page(look: Look) -> None:
    open_and_read(look)
    page = look.page
    page.click("#advanced > button")
    field = page.get_by_label("number input for Steps")
    field.fill("100")
    field.press("Tab")
    page.click("#advanced > button")
    before = page.locator("#sd-generate").bounding_box()
    page.click("#sd-generate")
    page.wait_for_selector("#sd-cancel", state="visible")
    assert page.locator("#sd-generate").bounding_box() == before
    page.click("#sd-cancel")
    page.wait_for_selector("#sd-cancel", state="hidden")
    page.click("#sd-open")
    page.wait_for_selector(".sd-start-inner")
    page.wait_for_selector("#sd-generate[disabled]")
    assert page.is_disabled(".sd-tools [data-tool=brush]")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Escape")
    page.wait_for_selector("#sd-generate:not([disabled])")
    assert look.document["results"] == []


def test_another_document_begins_anew(look: Look) -> None:
    read_from_the_panel(look)
    page = look.page
    page.click("[aria-label='How close to the reference'] [data-strength='45']")
    page.click("[data-count='3']")
    page.click(OVERLAY.format("reference"))
    page.wait_for_selector("[data-strength='45'][aria-checked=true]")
    page.click("#sd-open")
    page.click("[data-folder=flights]")
    page.click("[data-scene]:has-text('ground')")
    page.click("#sd-read-here")
    page.wait_for_selector("#sd-panel-explore li[aria-current]:has-text('Draw it')")
    page.wait_for_selector("[data-strength='100'][aria-checked=true]")
    page.wait_for_selector("[data-count='1'][aria-checked=true]")
    assert pressed(look, "reference")


def test_the_first_stroke_on_an_empty_canvas_is_seen_and_no_hint_lies_over_it(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.wait_for_selector(".sd-hint:has-text('This is the layout')")
    before = look.labels()
    drag(look, (0, 0), (0, 2), "result")
    until(look, lambda: look.labels() != before)
    page.wait_for_selector(".sd-hint", state="hidden")


def test_the_name_of_a_swatch_can_be_read(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.dblclick(".sd-swatch[data-index='0'] .sd-swatch-name")
    page.keyboard.type("fibrous stroma")
    page.keyboard.press("Enter")
    page.wait_for_selector(".sd-swatch-name:has-text('fibrous stroma')")
    cut = (
        "document.querySelector('.sd-swatch-name').scrollWidth - document.querySelector('.sd-swatch-name').clientWidth"
    )
    assert page.evaluate(cut) <= 0
    assert page.locator(".sd-swatch[data-index='0'] .sd-exemplars img:visible").count() == 2


def test_the_button_and_the_film_strip_say_what_is_varied(look: Look) -> None:
    read_from_the_panel(look)
    page = look.page
    generate(look)
    page.click("[aria-label='How close to the reference'] [data-strength='45']")
    page.wait_for_selector("#sd-generate:has-text('Draw a variation')")
    generate(look, known=1)
    page.wait_for_selector(".sd-film >> nth=1 >> text=near")
    page.click("[aria-label='How close to the reference'] [data-strength='100']")
    page.wait_for_selector("#sd-generate:has-text('Draw it again')")
