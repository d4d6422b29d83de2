"""What the page says and how it looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Look, Server, looking, open_and_read

pytestmark = pytest.mark.browser

SMALL_TEXT = """() => [...document.querySelectorAll('body *')].filter((element) => {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  return own && element.getClientRects().length && !element.closest('svg, style, script, .openseadragon-container')
    && parseFloat(getComputedStyle(element).fontSize) < 12;
}).map((element) => `${element.tagName} ${element.className}: ${element.textContent.trim().slice(0, 40)}`)"""

UNNAMED = """() => [...document.querySelectorAll(':is(.sd-topbar, .sd-tools, .sd-stage, .sd-palette) button, input')]
  .filter((element) => element.getClientRects().length && !element.textContent.trim()
    && !element.getAttribute('aria-label') && !element.labels?.length)
  .map((element) => element.outerHTML.slice(0, 120))"""


def test_a_text_named_like_a_slide_is_refused_where_the_user_looks(look: Look) -> None:
    look.complaints.clear()
    look.page.click("[data-scene]:has-text('notes.svs')")
    message = look.page.wait_for_selector(".sd-start-message:not([hidden])").inner_text()
    assert "notes.svs" in message
    look.shoot("refused")
    # the browser itself notes each refused request; that is no error of the page
    look.complaints[:] = [text for text in look.complaints if "status of 422" not in text]


def test_an_upload_that_is_no_scene_is_refused_and_not_kept(look: Look, tmp_path: Path) -> None:
    false = tmp_path / "text.svs"
    false.write_text("no slide", encoding="utf-8")
    look.page.set_input_files("#sd-upload", false)
    assert "text.svs" in look.page.wait_for_selector(".sd-start-message:not([hidden])").inner_text()
    assert not list((look.server.data / "uploads").rglob("*.svs"))
    look.complaints[:] = [text for text in look.complaints if "status of 422" not in text]


def test_a_scene_without_pixel_size_asks_for_it_and_goes_on(look: Look) -> None:
    look.page.click("[data-scene]:has-text('plain.png')")
    field = look.page.wait_for_selector(".sd-options input[aria-label='Pixel size']")
    look.shoot("pixel-size")
    field.fill("0.5")
    look.page.click("text=Set pixel size")
    look.page.wait_for_selector("#sd-read")
    assert look.document["scene"]["pixel_size_m"] == pytest.approx(0.5e-6)
    assert "8 × 8 cells" in look.page.text_content("#sd-readout")


def test_a_region_is_picked_in_whole_cells_and_its_size_is_read_out(look: Look) -> None:
    look.page.click("[data-scene]:has-text('areas')")
    look.page.wait_for_selector("#sd-read")
    look.page.wait_for_timeout(500)
    frame = look.page.locator(".sd-pane-reference").bounding_box()
    scale = min(frame["width"], frame["height"]) / (1400 * 1.08)  # the fitted scene fills the pane but for its margin
    left, top = frame["x"] + frame["width"] / 2 - 660 * scale, frame["y"] + frame["height"] / 2 - 620 * scale
    look.page.mouse.move(left, top)
    look.page.mouse.down()
    look.page.mouse.move(left + 128 * 5 * scale, top + 128 * 4 * scale, steps=8)
    look.page.mouse.up()
    assert look.page.text_content("#sd-readout").startswith("4 × 5 cells · 640 × 512 px · 320 × 256 µm")
    assert look.page.inner_text("#sd-read") == "Read 4 × 5 cells"


def test_both_panes_show_the_same_place_at_the_same_scale(look: Look) -> None:
    open_and_read(look)
    look.page.wait_for_timeout(800)
    widths = "[...document.querySelectorAll('.sd-scale')].map((bar) => [bar.style.width, bar.textContent])"
    before = look.page.evaluate(widths)
    frame = look.page.locator(".sd-pane-result").bounding_box()
    look.page.mouse.move(frame["x"] + frame["width"] / 3, frame["y"] + frame["height"] / 3)
    look.page.mouse.wheel(0, -300)
    look.page.wait_for_timeout(800)
    after = look.page.evaluate(widths)
    assert before[0] == before[1]
    assert after[0] == after[1] != before[1]


def test_generate_without_a_grid_says_what_to_do(look: Look) -> None:
    look.page.click("[data-scene]:has-text('areas')")
    look.page.wait_for_selector("#sd-read")
    button = look.page.wait_for_selector("#sd-generate[disabled][title]")
    assert "Read a region first" in button.get_attribute("title")
    assert "Read a region" in look.page.inner_text("#sd-panel-explore [aria-current='step']")


def test_swatches_are_renamed_and_the_help_sheet_opens(look: Look) -> None:
    open_and_read(look)
    look.page.dblclick(".sd-swatch[data-index='0'] .sd-swatch-name")
    look.page.keyboard.type("Stroma")
    look.page.keyboard.press("Enter")
    look.page.wait_for_selector(".sd-swatch-name:has-text('Stroma')")
    assert look.document["palette"]["swatches"][0]["name"] == "Stroma"
    look.page.keyboard.press("?")
    assert look.page.is_visible(".sd-help")
    look.shoot("help")
    look.page.keyboard.press("Escape")
    assert not look.page.is_visible(".sd-help")


def test_points_show_their_patch_and_select_their_swatch(look: Look) -> None:
    open_and_read(look)
    frame = look.page.locator(".sd-scatter").bounding_box()
    look.page.wait_for_timeout(400)
    for x in range(8, int(frame["width"]), 6):
        for y in range(20, int(frame["height"]), 12):
            look.page.mouse.move(frame["x"] + x, frame["y"] + y)
            if look.page.is_visible(".sd-scatter-tip"):
                name = look.page.inner_text(".sd-scatter-tip span")
                look.page.mouse.click(frame["x"] + x, frame["y"] + y)
                assert name in look.page.inner_text(".sd-swatch[aria-selected='true']")
                return
    pytest.fail("no point was found under the pointer")


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_window_with_readable_text(
    browser: Any, server: Server, size: tuple[int, int], scheme: str
) -> None:
    width, height = size
    for look in looking(browser, server, viewport={"width": width, "height": height}, color_scheme=scheme):
        look.shoot(f"start-{width}-{scheme}")
        assert look.page.evaluate(SMALL_TEXT) == []
        open_and_read(look)
        look.page.click("#advanced > button")
        look.page.wait_for_timeout(500)
        assert look.page.evaluate(SMALL_TEXT) == []
        assert look.page.evaluate(UNNAMED) == []
        root = "document.documentElement"
        assert look.page.evaluate(f"[{root}.scrollWidth, {root}.scrollHeight]") == [width, height]
        panes = look.page.locator(".sd-panes").bounding_box()
        assert panes["width"] * panes["height"] > 0.6 * width * height
        look.shoot(f"work-{width}-{scheme}")


def test_the_bar_of_the_brush_is_one_row_beside_a_long_name(look: Look) -> None:
    open_and_read(look)
    page = look.page
    identity, swatch = look.document["id"], look.document["palette"]["swatches"][0]["id"]
    long = {"name": "squamous carcinoma with a lymphoid infiltrate"}
    page.request.post(f"{look.server.address}/documents/{identity}/swatches/{swatch}", data=long)
    page.wait_for_selector(f".sd-current[title='{long['name']}']")
    assert page.locator(".sd-options").bounding_box()["height"] < 50
    look.shoot("brush-bar")


def test_on_a_phone_a_scene_is_opened_read_and_drawn(browser: Any, server: Server) -> None:
    for look in looking(browser, server, viewport={"width": 390, "height": 844}, has_touch=True):
        page = look.page
        look.shoot("phone-start")
        open_and_read(look)
        panes, side = (page.locator(name).bounding_box() for name in (".sd-panes", "#side"))
        assert panes["width"] > 300
        assert panes["height"] > 250
        assert side["y"] >= panes["y"] + panes["height"]
        assert page.locator("#sd-open").bounding_box()["x"] < 390 - 40
        look.shoot("phone-paint")
        page.tap("#sd-generate")
        page.wait_for_selector(".sd-thumb", state="attached")
        assert look.document["results"]
        look.shoot("phone-drawn")
