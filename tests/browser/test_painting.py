"""Painting by real gestures: what the pointer does on the page is what the document on the server holds."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import Look, Server, cell_centre, drag, looking, open_and_read

pytestmark = pytest.mark.browser


def start_canvas(look: Look, rows: int = 4, cols: int = 5) -> None:
    """An empty canvas, all of the first swatch."""
    look.page.fill("input[aria-label=Rows]", str(rows))
    look.page.fill("input[aria-label=Columns]", str(cols))
    look.page.click("text=Start painting")
    look.page.wait_for_selector(".sd-swatch")
    look.page.wait_for_timeout(500)


def lasso(look: Look, corners: Sequence[tuple[float, float]], pane: str = "reference") -> None:
    """A drag through corners given as (row, col), whole numbers being centres of cells."""
    look.page.mouse.move(*cell_centre(look, *corners[0], pane))
    look.page.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        look.page.mouse.move(*cell_centre(look, *corner, pane), steps=6)
    look.page.mouse.up()
    look.page.wait_for_timeout(250)


def box(top: float, left: float, bottom: float, right: float) -> list[tuple[float, float]]:
    """Corners just outside the cells of a block."""
    return [(top - 0.4, left - 0.4), (top - 0.4, right + 0.4), (bottom + 0.4, right + 0.4), (bottom + 0.4, left - 0.4)]


until = Look.until


def test_a_lasso_around_cells_makes_a_swatch_of_them_that_is_named_at_once(look: Look) -> None:
    open_and_read(look)
    look.page.keyboard.press("l")
    lasso(look, box(1, 2, 3, 4))
    assert "9 cells" in look.page.inner_text(".sd-tool-options")
    look.shoot("lasso")
    look.page.click(".sd-tool-options >> text=Make swatch")
    look.page.wait_for_selector(".sd-swatch input[type=text]")
    look.page.keyboard.type("Gland")
    look.page.keyboard.press("Enter")
    until(look, lambda: look.document["palette"]["swatches"][-1]["name"] == "Gland")
    made = look.document["palette"]["swatches"][-1]
    assert (made["vectors"], made["exemplars"], made["texture"]) == (9, 8, True)
    look.page.wait_for_selector(".sd-swatch[aria-selected=true]:has-text('Gland')")


def test_shift_adds_to_a_selection_alt_takes_away_and_painting_stays_within_it(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.keyboard.press("l")
    page.click("[role=radio]:has-text('Box')")
    drag(look, (0, 0), (1, 1), pane="result")
    page.keyboard.down("Shift")
    drag(look, (2, 3), (3, 4), pane="result")
    page.keyboard.up("Shift")
    page.keyboard.down("Alt")
    drag(look, (3, 3), (3, 4), pane="result")
    page.keyboard.up("Alt")
    # a box from centre to centre holds the centres strictly inside or on its top and left
    selected = int(page.inner_text(".sd-tool-options strong").split()[0])
    page.keyboard.press("b")
    page.keyboard.press("3")
    for row in range(4):
        drag(look, (row, 0), (row, 4), pane="result")
    painted = [cell for cell, label in enumerate(look.labels()) if label == 2]
    assert len(painted) == selected
    assert set(painted) < {row * 5 + col for row in (0, 1) for col in (0, 1)} | {
        2 * 5 + 3,
        2 * 5 + 4,
        3 * 5 + 3,
        3 * 5 + 4,
    }
    page.keyboard.press("Control+d")
    page.keyboard.press("4")
    page.keyboard.press("g")
    page.mouse.click(*cell_centre(look, 3, 0, "result"))
    until(look, lambda: look.labels().count(3) == 20 - selected)


def test_a_stroke_is_on_the_server_before_it_ends_and_one_undo_takes_it_back(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.keyboard.press("2")
    page.mouse.move(*cell_centre(look, 1, 0, "result"))
    page.mouse.down()
    page.mouse.move(*cell_centre(look, 1, 3, "result"), steps=12)
    until(look, lambda: look.labels().count(1) == 4)
    page.mouse.move(*cell_centre(look, 3, 3, "result"), steps=8)
    page.mouse.up()
    until(look, lambda: look.labels().count(1) == 6)
    assert look.document["layout"]["edits"] == 1
    page.keyboard.press("Control+z")
    until(look, lambda: look.labels() == [0] * 20)


def test_a_reload_in_the_middle_of_a_stroke_keeps_what_was_drawn(look: Look) -> None:
    start_canvas(look)
    look.page.keyboard.press("2")
    look.page.mouse.move(*cell_centre(look, 1, 0, "result"))
    look.page.mouse.down()
    look.page.mouse.move(*cell_centre(look, 1, 4, "result"), steps=12)
    look.page.wait_for_timeout(500)
    look.page.reload()
    look.page.wait_for_selector(".sd-swatch")
    assert look.labels() == [0] * 5 + [1] * 5 + [0] * 10


def test_escape_in_the_middle_of_a_stroke_takes_it_back(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.keyboard.press("2")
    page.mouse.move(*cell_centre(look, 1, 0, "result"))
    page.mouse.down()
    page.mouse.move(*cell_centre(look, 1, 3, "result"), steps=12)
    until(look, lambda: look.labels().count(1) == 4)
    page.keyboard.press("Escape")
    until(look, lambda: look.labels() == [0] * 20)
    page.mouse.move(*cell_centre(look, 3, 3, "result"), steps=5)
    page.mouse.up()
    page.wait_for_timeout(300)
    assert look.labels() == [0] * 20
    assert look.document["layout"]["edits"] == 0


def test_cells_are_copied_into_another_document_by_two_keys_and_a_click(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.keyboard.press("2")
    drag(look, (0, 0), (0, 1), pane="result")
    page.keyboard.press("l")
    lasso(look, box(0, 0, 0, 1), pane="result")
    page.keyboard.press("Control+c")
    page.wait_for_timeout(500)
    first = look.document["id"]
    page.click("#sd-open")
    page.wait_for_selector(".sd-start-inner")
    start_canvas(look)
    assert look.document["id"] != first
    page.keyboard.press("Control+v")
    page.mouse.move(*cell_centre(look, 2, 3, "result"))
    page.wait_for_timeout(200)
    look.shoot("paste")
    page.mouse.click(*cell_centre(look, 2, 3, "result"))
    until(look, lambda: look.labels().count(1) == 2)
    assert [cell for cell, label in enumerate(look.labels()) if label == 1] == [2 * 5 + 3, 2 * 5 + 4]
    page.keyboard.press("Escape")
    page.keyboard.press("Control+z")
    until(look, lambda: look.labels() == [0] * 20)


def test_cut_leaves_the_cells_to_the_model(look: Look) -> None:
    start_canvas(look)
    look.page.keyboard.press("l")
    lasso(look, box(1, 1, 2, 2), pane="result")
    look.page.keyboard.press("Control+x")
    until(look, lambda: look.labels().count(-1) == 4)


def test_selected_cells_are_varied_and_the_others_stay(look: Look) -> None:
    import base64

    start_canvas(look)
    look.page.keyboard.press("l")
    lasso(look, box(1, 1, 2, 2), pane="result")
    look.page.click(".sd-tool-options >> text=Vary")
    until(look, lambda: look.document["layout"]["edits"] == 1)
    edited = base64.b64decode(look.document["layout"]["edited"])
    assert [cell for cell in range(20) if edited[cell]] == [6, 7, 11, 12]
    look.shoot("selected")


def test_the_eyedropper_takes_a_swatch_from_the_slide_beside_the_grid(look: Look) -> None:
    open_and_read(look)
    look.page.keyboard.press("i")
    look.page.mouse.click(*cell_centre(look, -1, 3))
    until(look, lambda: look.document["palette"]["swatches"][-1]["name"] == "Picked 1")
    made = look.document["palette"]["swatches"][-1]
    assert (made["vectors"], made["exemplars"]) == (1, 1)
    assert re.match(r"scene [0-9a-f]{8} at ", made["origin"])  # its alias, not the file's name
    look.page.wait_for_selector(".sd-swatch[aria-selected=true]:has-text('Picked 1')")


def test_size_strength_and_manner_of_the_brush_are_on_keys(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.keyboard.press("2")
    for key in ("]", "]", "{", "{", "{", "t"):
        page.keyboard.press(key)
    assert page.input_value("#sd-strength") == "70"
    assert page.inner_text(".sd-field:has(#sd-size) output") == "3 × 3"
    assert page.inner_text("[aria-label='Paint as'] [aria-checked=true]") == "Mean"
    page.mouse.click(*cell_centre(look, 1, 1, "result"))
    until(look, lambda: look.labels().count(1) == 9)


def divided(look: Look) -> dict[int, Any]:
    """The cells that borders run through as the server has them: cell -> labels (side, side)."""
    import base64

    import numpy as np

    body = look.document["layout"]["divided"]
    if body is None:
        return {}
    cells = np.frombuffer(base64.b64decode(body["cells"]), np.int32).tolist()
    labels = np.frombuffer(base64.b64decode(body["labels"]), np.int16).reshape(-1, body["side"], body["side"])
    return dict(zip(cells, labels, strict=True))


def test_a_brush_finer_than_a_cell_leaves_a_border_where_it_was_drawn(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.keyboard.press("2")
    for _ in range(2):
        page.keyboard.press("[")
    assert page.inner_text(".sd-field:has(#sd-size) output") == "¼ cell"
    page.keyboard.press("]")
    drag(look, (1, 0.5), (1, 3.5), pane="result")
    until(look, lambda: sorted(divided(look)) == [5, 6, 7, 8, 9])
    until(look, lambda: look.document["layout"]["edits"] == 1)
    middle = divided(look)[7]
    assert (middle == 1).all(axis=1).tolist() == [4 <= row < 12 for row in range(16)]
    assert (middle[:4] == 0).all()
    look.shoot("fine-stroke")
    second = page.context.new_page()
    second.goto(page.url)
    second.wait_for_selector(".sd-swatch")
    page.reload()
    page.wait_for_selector(".sd-swatch")
    until(look, lambda: sorted(divided(look)) == [5, 6, 7, 8, 9])
    page.click("[aria-label=Undo]")
    until(look, lambda: not divided(look))
    second.close()


def test_a_lasso_fills_its_own_outline(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.keyboard.press("3")
    page.keyboard.press("l")
    lasso(look, [(1.25, 1.25), (1.25, 2.75), (2.75, 2.75), (2.75, 1.25)], pane="result")  # 1.75 to 3.25 cells
    page.click(".sd-tool-options >> text=Fill outline")
    until(look, lambda: bool(divided(look)))
    found = divided(look)
    assert sorted(found) == [6, 7, 8, 11, 13, 16, 17, 18]
    assert look.labels()[12] == 2
    assert 0.04 < (found[6] == 2).mean() < 0.09
    look.shoot("fill-outline")


def test_one_finger_paints_and_two_move_the_view_and_take_the_stroke_back(browser: Any, server: Server) -> None:
    for look in looking(browser, server, has_touch=True):
        start_canvas(look)
        page = look.page
        page.keyboard.press("2")
        fingers = page.context.new_cdp_session(page)

        def touch(kind: str, *points: tuple[float, float], send: Any = fingers) -> None:
            at = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)]
            send.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

        a, b = cell_centre(look, 1, 0, "result"), cell_centre(look, 1, 3, "result")
        touch("touchStart", a)
        for k in range(1, 9):
            touch("touchMove", (a[0] + (b[0] - a[0]) * k / 8, a[1]))
        touch("touchEnd")
        until(look, lambda look=look: look.labels().count(1) == 4)
        width = "document.querySelector('.sd-pane-result .sd-scale').style.width"
        before = page.evaluate(width)
        c, d = cell_centre(look, 3, 1, "result"), cell_centre(look, 3, 3, "result")
        touch("touchStart", c)
        touch("touchMove", (c[0] + 3, c[1]))
        touch("touchStart", c, d)
        for k in range(1, 9):
            touch("touchMove", (c[0] - 8 * k, c[1]), (d[0] + 8 * k, d[1]))
        touch("touchEnd")
        page.wait_for_timeout(600)
        assert page.evaluate(width) != before
        assert look.labels().count(1) == 4
        assert look.document["layout"]["edits"] == 1


def test_a_pen_pressed_lightly_paints_with_a_smaller_brush(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.keyboard.press("2")
    for _ in range(3):
        page.keyboard.press("]")
    pen = page.context.new_cdp_session(page)
    x, y = cell_centre(look, 1, 1, "result")
    facts = {"x": x, "y": y, "button": "left", "buttons": 1, "pointerType": "pen", "clickCount": 1}
    pen.send("Input.dispatchMouseEvent", {**facts, "type": "mousePressed", "force": 0.1})
    pen.send("Input.dispatchMouseEvent", {**facts, "type": "mouseReleased", "force": 0, "buttons": 0})
    until(look, lambda: look.labels().count(1) == 1)


def test_a_stroke_finer_than_cells_stays_within_the_selection(look: Look) -> None:
    start_canvas(look)
    page = look.page
    page.keyboard.press("l")
    lasso(look, box(0, 0, 3, 1), "result")
    page.wait_for_selector(".sd-tool-options strong:has-text('8 cells')")
    page.keyboard.press("b")
    page.keyboard.press("[")
    page.keyboard.press("3")
    drag(look, (1, 0), (1, 4), pane="result")
    until(look, lambda: look.document["layout"]["divided"] is not None)
    look.shoot("clipped-stroke")
    edited = np.frombuffer(base64.b64decode(look.document["layout"]["edited"]), np.uint8).reshape(4, 5)
    assert [tuple(cell) for cell in np.argwhere(edited)] == [(1, 0), (1, 1)]
    assert look.document["layout"]["edits"] == 1
