"""The palette by real gestures: points, swatches, and palettes of other documents."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Look, open_and_read
from tests.browser.test_painting import start_canvas, until

pytestmark = pytest.mark.browser


def names(look: Look) -> list[str]:
    return [swatch["name"] for swatch in look.document["palette"]["swatches"]]


def around_half_of_the_points(look: Look) -> int:
    """A line around the left half of the scatter; how many points it took."""
    look.page.wait_for_timeout(600)
    frame = look.page.locator(".sd-scatter").bounding_box()
    left, top = frame["x"] + 3, frame["y"] + 3
    middle, bottom = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] - 3
    look.page.mouse.move(left, top)
    look.page.mouse.down()
    for x, y in ((middle, top), (middle, bottom), (left, bottom), (left, top + 4)):
        look.page.mouse.move(x, y, steps=5)
    look.page.mouse.up()
    return int(look.page.wait_for_selector(".sd-selection-bar:not([hidden])").inner_text().split()[0])


def test_a_line_around_points_selects_their_cells_and_makes_a_swatch(look: Look) -> None:
    open_and_read(look)
    taken = around_half_of_the_points(look)
    assert 0 < taken < 64
    look.shoot("scatter-lasso")
    look.page.click("#sd-make-swatch")
    until(look, lambda: names(look)[-1] == "Picked 1")
    assert look.document["palette"]["swatches"][-1]["vectors"] == taken


def test_points_of_a_palette_alone_make_a_swatch_too(look: Look) -> None:
    start_canvas(look)
    taken = around_half_of_the_points(look)
    look.page.click("#sd-make-swatch")
    until(look, lambda: names(look)[-1] == "Picked 1")
    assert look.document["palette"]["swatches"][-1]["vectors"] == taken


def test_marked_swatches_are_merged_and_the_merge_is_taken_back(look: Look) -> None:
    start_canvas(look)
    before = names(look)
    look.page.click(".sd-swatch[data-index='1']")
    look.page.click(".sd-swatch[data-index='3']", modifiers=["Control"])
    look.shoot("marked")
    look.page.click("#sd-merge")
    until(look, lambda: len(names(look)) == len(before) - 1)
    assert names(look) == [name for k, name in enumerate(before) if k != 3]
    assert look.document["palette"]["swatches"][1]["vectors"] == 24
    look.page.click(".sd-change-line >> text=Undo")
    until(look, lambda: names(look) == before)


def test_a_swatch_is_dragged_to_another_place_and_stays_in_hand(look: Look) -> None:
    start_canvas(look)
    before = names(look)
    look.page.click(".sd-swatch[data-index='0']")
    rows = [look.page.locator(f".sd-swatch[data-index='{k}'] .sd-swatch-name").bounding_box() for k in (0, 2)]
    look.page.mouse.move(rows[0]["x"] + 8, rows[0]["y"] + 8)
    look.page.mouse.down()
    look.page.mouse.move(rows[1]["x"] + 8, rows[1]["y"] + 30, steps=10)
    look.shoot("reorder")
    look.page.mouse.up()
    until(look, lambda: names(look) == [before[1], before[2], before[0], *before[3:]])
    assert look.labels() == [2] * 20
    look.page.wait_for_selector(f".sd-swatch[aria-selected=true]:has-text('{before[0]}')")


def test_a_deleted_swatch_leaves_the_cells_and_comes_back(look: Look) -> None:
    start_canvas(look)
    before = names(look)
    look.page.click(".sd-swatch[data-index='2']")
    look.page.click(f"[aria-label='Delete {before[2]}']")
    until(look, lambda: names(look) == [*before[:2], *before[3:]])
    look.page.click(".sd-change-line >> text=Undo")
    until(look, lambda: names(look) == before)


def test_two_swatches_are_mixed_by_a_slider_whose_patch_the_model_draws(look: Look) -> None:
    start_canvas(look)
    look.page.click(".sd-swatch[data-index='0']")
    look.page.click(".sd-preview")
    look.page.wait_for_selector(".sd-preview img:not([hidden])")
    alone = look.page.get_attribute(".sd-preview img", "src")
    look.page.click(".sd-card-of-swatch >> text=Mix")
    look.page.select_option("[aria-label='Mix with']", label="Kind 4")
    slider = look.page.locator("#sd-mix").bounding_box()
    look.page.mouse.move(slider["x"] + slider["width"] / 2, slider["y"] + slider["height"] / 2)
    look.page.mouse.down()
    look.page.mouse.move(slider["x"] + slider["width"] * 0.25, slider["y"] + slider["height"] / 2, steps=6)
    look.page.mouse.up()
    share = look.page.input_value("#sd-mix")
    assert share != "50"
    look.page.wait_for_selector(f".sd-preview img:not([hidden]):not([src='{alone}'])")
    drawn = "document.querySelector('.sd-preview img').naturalWidth"
    until(look, lambda: look.page.evaluate(drawn) == 256)
    look.shoot("mix")
    look.page.click("#sd-add-mix")
    until(look, lambda: names(look)[-1] == "Kind 1 + Kind 4")
    assert look.document["palette"]["swatches"][-1]["origin"].endswith(f"{share}% Kind 4")


def test_the_nearest_patches_of_a_swatch_are_shown_and_lead_to_their_cell(look: Look) -> None:
    open_and_read(look)
    look.page.click(".sd-card-of-swatch >> text=Nearest")
    look.page.wait_for_selector(".sd-nearest .sd-thumb:nth-child(12)")
    first = look.page.get_attribute(".sd-nearest .sd-thumb", "title")
    row, col = (int(part.split()[-1]) - 1 for part in first.split(" · ")[0].split(","))
    assert look.labels()[row * 8 + col] == 0
    loaded = "[...document.querySelectorAll('.sd-nearest img')].every((image) => image.naturalWidth === 96)"
    until(look, lambda: look.page.evaluate(loaded))
    width = "document.querySelector('.sd-pane-reference .sd-scale').style.width"
    before = look.page.evaluate(width)
    look.page.click(".sd-nearest .sd-thumb")
    until(look, lambda: look.page.evaluate(width) != before)
    look.shoot("nearest")


def test_a_saved_palette_is_used_in_another_document(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.dblclick(".sd-swatch[data-index='1'] .sd-swatch-name")
    page.keyboard.type("Tumour")
    page.keyboard.press("Enter")
    until(look, lambda: names(look)[1] == "Tumour")
    page.click("#sd-palette-menu")
    page.fill("[aria-label='Name for the palette']", "Ward 7")
    page.click("#sd-save-palette")
    page.wait_for_selector(".sd-notice:has-text('Ward 7')")
    with page.expect_download() as download:
        page.click("#sd-palette-menu")
        page.click("text=Download as a file")
    page.click("#sd-open")
    page.wait_for_selector(".sd-start-inner")
    start_canvas(look)
    assert names(look)[1] == "Kind 2"
    page.click("#sd-palette-menu")
    page.wait_for_selector("[aria-label='Use Ward 7 instead']")
    look.shoot("palette-menu")
    page.click("[aria-label='Use Ward 7 instead']")
    until(look, lambda: names(look)[1] == "Tumour")
    page.click(".sd-change-line >> text=Undo")
    until(look, lambda: names(look)[1] == "Kind 2")
    page.set_input_files(
        "#sd-palette-file",
        {"name": "ward.npz", "mimeType": "application/zip", "buffer": download.value.path().read_bytes()},
    )
    until(look, lambda: names(look)[1] == "Tumour")
