"""Drawing on the real page: what changed, several to choose from, what follows the brush, and where one looks."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Look, drag, open_and_read
from tests.browser.test_main_path import generate, pixels_of

pytestmark = pytest.mark.browser

SHOWN = "document.querySelector('#sd-download')?.getClientRects().length > 0"


def cards(look: Look, count: int) -> None:
    look.page.wait_for_function(f"document.querySelectorAll('.sd-candidate[data-result]').length == {count}")


def set_steps(look: Look, steps: int) -> None:
    look.page.click("#advanced > button")
    field = look.page.get_by_label("number input for Steps")
    field.fill(str(steps))
    field.press("Tab")
    look.page.click("#advanced > button")


def test_after_a_stroke_the_button_draws_what_changed_and_a_click_goes_back(look: Look) -> None:
    open_and_read(look)
    page = look.page
    first = pixels_of(look, generate(look))
    page.keyboard.press("3")
    drag(look, (0, 0), (0, 1))
    page.wait_for_selector("#sd-generate:has-text('Draw 2 changed cells')")
    page.wait_for_selector("#sd-anew", state="visible")
    look.shoot("changed")
    record = generate(look, known=1)
    assert record["changed_cells"] == 2
    second = pixels_of(look, record)
    assert (first[:128, :256] != second[:128, :256]).any()
    assert (first[512:] == second[512:]).all()
    page.wait_for_selector(".sd-thumb >> nth=1")
    page.click(".sd-thumb >> nth=0")
    page.wait_for_function("document.querySelector('#sd-generate').textContent == 'Draw another'")
    assert look.document["layout"]["edits"] == 0
    page.keyboard.press("Control+z")
    page.wait_for_selector("#sd-generate:has-text('Draw 2 changed cells')")
    assert look.document["layout"]["edits"] == 1


def test_variations_are_kept_marked_discarded_and_one_is_picked(look: Look) -> None:
    open_and_read(look)
    page = look.page
    page.click("#sd-tab-explore")
    set_steps(look, 4)
    page.click("[data-count='4']")
    page.click("#sd-generate")
    cards(look, 4)
    assert [record["seed"] for record in look.document["results"]] == [0, 1, 2, 3]
    page.click(".sd-candidate >> nth=1 >> [data-mark='marked']")
    page.wait_for_selector(".sd-candidate.sd-marked")
    page.click(".sd-candidate >> nth=2 >> [data-mark='kept']")
    page.wait_for_selector(".sd-candidate.sd-kept")
    look.shoot("gallery")
    page.click("#sd-discard-rest")
    page.click("dialog button.sd-danger")
    cards(look, 2)
    page.click(".sd-candidate >> nth=1 >> .sd-thumb")
    page.wait_for_selector(".sd-gallery", state="hidden")
    assert [(record["seed"], record["mark"]) for record in look.document["results"]] == [(1, "marked"), (2, "kept")]
    page.wait_for_function(f"({SHOWN})")
    assert look.document["shown"] == look.document["results"][1]["id"]


def test_bookmarked_regions_are_varied_in_one_job_behind_a_queue(look: Look) -> None:
    look.page.click("[data-scene]:has-text('areas')")
    page = look.page
    page.wait_for_selector("#sd-bookmark:not([disabled])")
    page.click("#sd-bookmark")
    page.wait_for_selector(".sd-bookmark")
    page.click("#sd-read")
    page.wait_for_selector(".sd-swatch", state="attached")
    set_steps(look, 100)  # enough that the second job waits behind the first
    page.click("[data-count='9']")
    page.click("#sd-vary-all")
    page.click("#sd-vary-all")
    page.wait_for_selector(".sd-queue li")
    page.click("#sd-clear-queue")
    page.wait_for_selector(".sd-queue", state="hidden")
    cards(look, 9)
    assert len(look.document["bookmarks"]) == 1


def test_the_picture_follows_the_brush_and_sharpens(look: Look) -> None:
    open_and_read(look)
    page = look.page
    set_steps(look, 6)
    generate(look)
    page.click("#sd-follow")
    page.keyboard.press("3")
    drag(look, (1, 1), (1, 3))
    page.wait_for_selector(".sd-pane-result[data-followed]")
    look.shoot("followed")
    page.wait_for_function("document.querySelectorAll('.sd-thumb').length == 2")
    newest = look.document["results"][-1]
    assert (newest["batch"], newest["changed_cells"], newest["steps"]) == ("auto", 3, 6)


def test_a_large_canvas_is_drawn_where_one_looks(look: Look) -> None:
    page = look.page
    for side in ("Rows", "Columns"):
        page.fill(f"input[aria-label={side}]", "40")
    page.click("text=Start painting")
    page.wait_for_selector(".sd-virtual:has-text('0 of 100 tiles')")
    assert page.inner_text("#sd-generate").startswith("Draw the rest")
    frame = page.locator(".sd-pane-result").bounding_box()
    page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    for _ in range(8):
        page.mouse.wheel(0, -300)
        page.wait_for_timeout(120)
    page.wait_for_function("parseInt(document.querySelector('.sd-virtual').textContent) > 0")
    look.shoot("virtual")
    assert look.document["results"] == []
