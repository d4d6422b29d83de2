"""A stage in the browser: the gallery, a visitor who wakes it and paints, and the reset after them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Server, looking, start_server, stop_server

pytestmark = pytest.mark.browser
IDLE_S = 12


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("stage")
    options = ("--kiosk", "--kiosk-idle", str(IDLE_S))
    running = start_server(folder / "data", folder / "log.txt", *options, models=tiny_models)
    yield running
    stop_server(running)


def test_a_stage_shows_its_gallery_wakes_at_a_touch_and_begins_anew(browser: Any, stage: Server) -> None:
    for look in looking(browser, stage):
        look.page.wait_for_selector(".sd-show img.sd-shown")
        assert look.page.evaluate("document.body.classList.contains('dark')")  # though this browser prefers light
        look.shoot("kiosk")
        look.page.mouse.click(600, 300)
        look.page.wait_for_selector(".sd-show", state="detached")
        assert look.page.locator("#sd-upload").is_hidden()
        assert "file of your own" not in look.page.inner_text("#sd-panel-explore")
        look.shoot("kiosk-start")
        look.page.click("button:has-text('Start painting')")
        look.page.wait_for_selector(".sd-swatch")
        look.page.wait_for_function("document.body.classList.contains('sd-has-document')")
        look.page.wait_for_selector(".sd-show", timeout=120_000)
        assert "document=" not in look.page.url
