"""Reference and result compared: curtain, blink, quantities over the grid, coordinates, cells at every pixel size."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import Look, cell_centre, drag, open_and_read
from tests.browser.test_main_path import generate

pytestmark = pytest.mark.browser

TOP_AT = """([x, y]) => {
  const pane = document.elementFromPoint(x, y)?.closest('.sd-pane');
  return pane?.classList.contains('sd-pane-result') ? 'result' : 'reference';
}"""
COLOUR_AT = """([name, x, y]) => {
  const pane = document.querySelector(`.sd-pane-${name}`);
  const canvas = pane.querySelector('.sd-overlay');
  const frame = pane.getBoundingClientRect();
  const ratio = canvas.width / frame.width;
  return [...canvas.getContext('2d').getImageData((x - frame.left) * ratio, (y - frame.top) * ratio, 1, 1).data];
}"""


def few_steps(look: Look, steps: int = 4) -> None:
    look.page.click("#advanced > button")
    field = look.page.get_by_label("number input for Steps")
    field.fill(str(steps))
    field.press("Tab")
    look.page.click("#advanced > button")


def read_and_generate(look: Look) -> dict[str, Any]:
    open_and_read(look)
    few_steps(look)
    return generate(look)


def test_the_curtain_is_drawn_aside_and_both_sides_stay_aligned(look: Look) -> None:
    read_and_generate(look)
    look.page.keyboard.press("v")
    handle = look.page.locator(".sd-curtain")
    frame = look.page.locator(".sd-panes").bounding_box()
    middle = (frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    look.page.wait_for_timeout(600)
    look.page.mouse.move(middle[0], middle[1] + 60)
    look.page.mouse.down()
    look.page.mouse.move(frame["x"] + frame["width"] * 0.25, middle[1] + 60, steps=6)
    look.page.mouse.up()
    assert int(handle.get_attribute("aria-valuenow")) == pytest.approx(25, abs=1)
    tops = [look.page.evaluate(TOP_AT, [frame["x"] + frame["width"] * share, middle[1]]) for share in (0.2, 0.3)]
    assert tops == ["reference", "result"]
    bars = "[...document.querySelectorAll('.sd-scale')].map((bar) => bar.style.width)"
    look.page.mouse.move(*middle)
    look.page.mouse.wheel(0, -200)
    look.page.wait_for_timeout(700)
    assert len(set(look.page.evaluate(bars))) == 1
    look.shoot("curtain")
    handle.focus()
    look.page.keyboard.press("End")
    assert handle.get_attribute("aria-valuenow") == "100"


def test_cells_are_painted_on_either_side_of_the_curtain(look: Look) -> None:
    read_and_generate(look)
    look.page.keyboard.press("v")
    look.page.wait_for_timeout(600)
    look.page.keyboard.press("3")
    drag(look, (1, 1), (1, 6))
    assert look.labels()[8 + 1 : 8 + 7] == [2] * 6


def test_a_blink_shows_one_and_the_other_at_one_place(look: Look) -> None:
    read_and_generate(look)
    look.page.keyboard.press("x")
    visible = "getComputedStyle(document.querySelector('.sd-pane-result .sd-surface')).visibility"
    assert look.page.evaluate(visible) == "hidden"
    look.page.click("[data-turn]")
    assert look.page.evaluate(visible) == "visible"
    look.shoot("blink")
    look.page.click("[data-auto]")
    seen = set()
    for _ in range(20):
        seen.add(look.page.evaluate(visible))
        look.page.wait_for_timeout(100)
    assert seen == {"hidden", "visible"}
    look.page.keyboard.press("v")
    assert look.page.get_attribute("[data-auto]", "aria-pressed") == "false"
    assert look.page.evaluate(visible) == "visible"


def test_fidelity_is_measured_cell_by_cell_and_shown_with_a_colour_bar(look: Look) -> None:
    result = read_and_generate(look)
    look.page.select_option("select[aria-label='What the grid over the result shows']", "fidelity")
    look.page.wait_for_selector(".sd-pane-result .sd-ramp")
    found = look.ask(f"documents/{look.document['id']}/results/{result['id']}/fidelity")
    assert (found["ready"], found["rows"], found["cols"]) == (True, 8, 8)
    assert -1 <= found["mean"] <= 1
    assert f"mean {round(found['mean'], 2):g}" in look.page.inner_text(".sd-pane-result .sd-ramp-value")
    x, y = cell_centre(look, 3, 3, "result")
    look.page.mouse.move(x, y)
    look.page.wait_for_function("document.querySelector('.sd-pane-result .sd-ramp-value').textContent.includes('cell')")
    look.shoot("fidelity")


@pytest.mark.parametrize("name", ["swatch", "borders", "main"])
def test_the_grid_is_coloured_by_a_chosen_quantity_with_opacity(look: Look, name: str) -> None:
    open_and_read(look)
    spot = ["reference", *cell_centre(look, 2, 2)]
    before = look.page.evaluate(COLOUR_AT, spot)
    look.page.select_option("select[aria-label='What the grid over the reference shows']", name)
    look.page.wait_for_selector(".sd-pane-reference .sd-ramp")
    look.page.wait_for_timeout(200)
    after = look.page.evaluate(COLOUR_AT, spot)
    assert after[:3] != before[:3]
    assert after[3] == pytest.approx(255 * 0.5, abs=12)
    look.page.locator("#sd-opacity").fill("100")
    look.page.wait_for_timeout(200)
    assert look.page.evaluate(COLOUR_AT, spot)[3] > 240
    look.shoot(f"quantity-{name}")


def test_a_quantity_that_the_model_cannot_give_is_told_and_clusters_come_back(look: Look) -> None:
    open_and_read(look)
    choice = "select[aria-label='What the grid over the reference shows']"
    look.page.select_option(choice, "range")
    assert "stores no reference" in look.page.wait_for_selector(".sd-notice").inner_text()
    assert look.page.input_value(choice) == "cluster"
    look.complaints[:] = [text for text in look.complaints if "status of 422" not in text]


def test_the_folder_is_walked_and_a_georeferenced_scene_tells_longitude_and_latitude(look: Look) -> None:
    look.page.click("[data-folder='flights']")
    look.page.click("[data-scene]:has-text('ground.tif')")
    look.page.wait_for_selector("#sd-read")
    look.page.wait_for_timeout(900)
    frame = look.page.locator(".sd-pane-reference").bounding_box()
    look.page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    text = look.page.inner_text(".sd-status-position")
    lat, lon = (float(number) for number in re.search(r"([\d.]+)° N, ([\d.]+)° E", text).groups())
    assert (lat, lon) == (pytest.approx(0.3149, abs=2e-3), pytest.approx(32.5526, abs=2e-3))
    look.shoot("coordinates")


def test_every_pixel_size_says_how_many_cells_it_gives_and_few_are_warned_of(look: Look) -> None:
    look.page.click("[data-folder='flights']")
    look.page.click("[data-scene]:has-text('ground.tif')")
    look.page.wait_for_selector(".sd-sizes")
    texts = look.page.locator(".sd-sizes button").all_inner_texts()
    assert [" ".join(text.split()) for text in texts] == ["30 cm 8 × 8", "60 cm 4 × 4"]
    assert not look.page.is_visible("#sd-too-few")
    look.page.wait_for_timeout(600)
    frame = look.page.locator(".sd-pane-reference").bounding_box()
    scale = min(frame["width"], frame["height"]) / (1400 * 1.08)
    left, top = frame["x"] + frame["width"] / 2 - 660 * scale, frame["y"] + frame["height"] / 2 - 620 * scale
    look.page.mouse.move(left, top)
    look.page.mouse.down()
    look.page.mouse.move(left + 128 * 6 * scale, top + 128 * 6 * scale, steps=8)
    look.page.mouse.up()
    texts = look.page.locator(".sd-sizes button").all_inner_texts()
    assert [" ".join(text.split()) for text in texts] == ["30 cm 6 × 6", "60 cm 3 × 3"]
    look.page.click("[data-size='0.6']")
    assert look.page.is_visible("#sd-too-few")
    assert look.page.inner_text("#sd-read") == "Read 3 × 3 cells"
    look.shoot("few-cells")
    look.page.click("[data-size='0.3']")
    assert look.page.inner_text("#sd-read") == "Read 6 × 6 cells"


def test_the_scale_bars_label_lies_inside_the_pane_at_any_zoom(look: Look) -> None:
    open_and_read(look)
    frame = look.page.locator(".sd-pane-reference").bounding_box()
    look.page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    for wheel in (0, 300, 600, -900, -900):
        look.page.mouse.wheel(0, wheel)
        look.page.wait_for_timeout(500)
        label = look.page.locator(".sd-pane-reference .sd-scale-label").bounding_box()
        assert frame["x"] <= label["x"]
        assert label["x"] + label["width"] <= frame["x"] + frame["width"]
        assert label["y"] + label["height"] <= frame["y"] + frame["height"]
