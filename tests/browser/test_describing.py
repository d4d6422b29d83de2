"""Describing on the real page: type, choose a layout, draw it; keep cells and fill the rest; what is wrong is said."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Look, cell_centre
from tests.browser.test_main_path import generate
from tests.browser.test_painting import box, lasso, start_canvas, until

pytestmark = pytest.mark.browser
TEXT = "houses on the left, a river on the right"


def lay_out(look: Look, text: str = TEXT, known: int = 0, count: int = 3) -> None:
    """Type a sentence and wait for its layouts, beside those that there are."""
    look.page.fill("#sd-text", text)
    look.page.click("#sd-lay-out")
    look.page.wait_for_function(f"document.querySelectorAll('.sd-layout-card').length === {known + count}")
    look.page.wait_for_selector("#sd-lay-out")


def begin(look: Look, rows: int = 4, cols: int = 6) -> None:
    """A new canvas from a sentence."""
    look.page.click("#sd-begin-describing")
    look.page.fill("[aria-label='Rows of the canvas']", str(rows))
    look.page.fill("[aria-label='Columns of the canvas']", str(cols))
    lay_out(look)


def digest(look: Look) -> str:
    return str(look.document["grid"]["digest"])


def take(look: Look, index: int = 0) -> str:
    """Take a layout, the newest being the first; its digest."""
    card = look.page.locator(".sd-layout-card").nth(index)
    card.locator(".sd-layout").click()
    wanted = str(card.get_attribute("data-digest"))
    until(look, lambda: digest(look) == wanted)
    look.page.wait_for_selector(f".sd-layout-card[data-digest='{wanted}'] .sd-layout[aria-checked=true]")
    return wanted


def test_a_sentence_is_typed_a_layout_taken_and_the_image_drawn(look: Look) -> None:
    begin(look)
    page = look.page
    assert (look.document["name"], look.document["grid"]["rows"], look.document["grid"]["cols"]) == (
        TEXT.capitalize(),
        4,
        6,
    )
    assert "%" in page.inner_text(".sd-layout-card >> nth=0")
    look.shoot("describe-layouts")
    first = digest(look)  # the first is taken at once
    assert first == page.get_attribute(".sd-layout-card >> nth=0", "data-digest")
    take(look, 2)
    taken = take(look, 1)
    page.keyboard.press("Control+z")
    until(look, lambda: len({digest(look), first, taken}) == 3)
    page.keyboard.press("Control+Shift+Z")
    until(look, lambda: digest(look) == taken)
    result = generate(look)
    assert (result["width"], result["height"]) == (6 * 128, 4 * 128)
    look.shoot("describe-drawn")
    page.reload()
    page.wait_for_selector(f".sd-layout-card[data-digest='{taken}'] .sd-layout[aria-checked=true]")
    assert page.input_value("#sd-text") == TEXT


def test_points_asked_for_before_a_layout_was_taken_come_after_it(look: Look) -> None:
    late: list[Any] = []
    look.page.route("**/points/**", lambda route: late.append(route))  # as on a server that is busy
    begin(look)
    assert late
    with look.page.expect_response("**/points/**") as answer:
        for route in late:
            route.continue_()
    look.page.unroute("**/points/**")
    assert answer.value.ok
    take(look, 1)  # and the fixture sees that the console said nothing


def test_more_like_a_layout_and_cells_that_stay(look: Look) -> None:
    begin(look)
    page = look.page
    page.click(".sd-layout-card >> nth=0 >> text=More like this")
    page.wait_for_function("document.querySelectorAll('.sd-layout-card').length === 6")
    take(look, 0)
    before = look.labels()
    page.keyboard.press("l")
    lasso(look, box(0, 0, 1, 1), "result")
    page.wait_for_selector(".sd-keep:has-text('4 cells')")
    look.shoot("describe-keep")
    page.wait_for_selector("#sd-lay-out:has-text('Fill the rest')")
    lay_out(look, "a river", known=6)
    taken = take(look, 0)
    kept = [0, 1, 6, 7]
    assert [look.labels()[cell] for cell in kept] == [before[cell] for cell in kept]
    page.keyboard.press("2")  # and it is painted on like any other
    page.mouse.click(*cell_centre(look, 3, 5, "result"))
    until(look, lambda: look.labels()[-1] == 1)
    assert digest(look) == taken


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "it is empty"), ("word " * 2000, "characters"), ("quantum chromodynamics lagrangian", "nearest known")],
    ids=["empty", "long", "of another world"],
)
def test_what_is_wrong_with_a_sentence_is_said_beside_it(look: Look, text: str, said: str) -> None:
    page = look.page
    page.click("#sd-begin-describing")
    page.fill("#sd-text", text)
    page.click("#sd-lay-out")
    page.wait_for_selector(f".sd-describe-message:has-text('{said}')")
    look.complaints[:] = [text for text in look.complaints if "422" not in text]
    assert page.locator(".sd-notice").count() == 0
    look.shoot(f"describe-{said.split()[-1]}")


def test_an_unknown_word_is_named_with_the_nearest_known(look: Look) -> None:
    look.page.click("#sd-begin-describing")
    lay_out(look, "houses and a castle")
    look.page.wait_for_selector(".sd-notes:has-text('castle')")
    look.shoot("describe-unknown")


def test_a_model_that_does_not_read_leads_to_one_that_does(look: Look) -> None:
    look.page.select_option(".sd-start select[aria-label=Model]", "tissue")
    start_canvas(look)
    look.page.click("#sd-tab-describe")
    look.page.wait_for_selector("#sd-no-prior:has-text('tissue does not read')")
    look.shoot("describe-no-prior")
    lay_out(look)
    assert look.document["model_id"] == "aerial"


def test_a_scene_that_was_not_read_is_read_from_here_and_its_region_laid_out(look: Look) -> None:
    page = look.page
    page.click("[data-folder=flights]")
    page.click("[data-scene]:has-text('ground')")
    page.wait_for_selector("#sd-read")
    page.click("#sd-tab-describe")
    page.wait_for_selector(".sd-unread:has-text('No region of this scene has been read')")
    look.shoot("describe-unread")
    identity = look.document["id"]
    page.click("#sd-read-to-describe")
    page.wait_for_selector(".sd-unread", state="hidden")
    before = look.document["grid"]
    lay_out(look)
    page.wait_for_selector(".sd-layout[aria-checked=false]")
    take(look, 0)
    after = look.document["grid"]
    assert look.document["id"] == identity
    place = ("rows", "cols", "origin_l0", "cell_l0")
    assert [after[key] for key in place] == [before[key] for key in place]
    assert after["digest"] != before["digest"]


def test_an_example_is_laid_out_by_one_click(look: Look) -> None:
    look.page.click("#sd-tab-describe")
    look.page.click(".sd-example")
    look.page.wait_for_selector(".sd-layout-card")
    look.page.wait_for_selector("#sd-lay-out")
    assert look.page.input_value("#sd-text") == look.document["name"].replace("Houses", "houses")
