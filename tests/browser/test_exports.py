"""Downloads that are made when asked for, and a blinded set that a reader reads to its end."""

from __future__ import annotations

import csv
import io
import os
import zipfile

import pytest

from tests.browser.conftest import Look
from tests.browser.test_comparing import read_and_generate
from tests.browser.test_documents import download

pytestmark = pytest.mark.browser


def test_a_result_is_downloaded_as_deep_zoom(look: Look) -> None:
    read_and_generate(look)
    look.page.click("#sd-download")
    look.page.wait_for_selector("[data-export='export.dzi.zip']")
    assert look.page.locator("[data-export='export.cog.tif']").count() == 0  # this scene has no place on the Earth
    look.shoot("export-menu-2")
    with zipfile.ZipFile(download(look, "[data-export='export.dzi.zip']")) as archive:
        assert any(name.endswith(".dzi") for name in archive.namelist())


def test_a_reader_set_is_made_read_and_scored(look: Look) -> None:
    read_and_generate(look)
    look.page.click("#sd-download")
    look.page.click("[data-export=readers]")
    look.page.fill(".sd-readers [aria-label=Images]", "4")
    look.page.select_option(".sd-readers [aria-label=Size]", "128")
    look.page.click(".sd-readers button:has-text('Make a set')")
    look.page.wait_for_selector(".sd-reader-set")
    look.shoot("reader-sets")
    kinds = {
        row["name"]: row["kind"]
        for row in csv.DictReader(io.StringIO(download(look, "[data-set='key.csv']").read_text(encoding="utf-8")))
    }
    with look.page.context.expect_page() as opened:
        look.page.click("[data-set=read]")
    quiz = opened.value
    quiz.fill("form input", "Reader 1")
    quiz.click("button:has-text('Begin')")
    for _ in kinds:
        quiz.wait_for_selector("img")
        image = quiz.locator("img").get_attribute("src")
        if screens():
            quiz.wait_for_function("document.querySelector('img').complete")
            quiz.screenshot(path=f"{screens()}/reader.png")
        name = image.split("/")[-1].removesuffix(".png")
        quiz.keyboard.press("s" if kinds[name] == "synthetic" else "r")
        quiz.wait_for_function(f"!document.querySelector('img')?.src.includes('{name}')")
    assert "4 of 4" in quiz.wait_for_selector(".card").inner_text()
    scores = download(look, "[data-set='scores.csv']").read_text(encoding="utf-8")
    assert [row["accuracy"] for row in csv.DictReader(io.StringIO(scores))] == ["1.0"]


def screens() -> str | None:
    return os.environ.get("SSLDIFF_SCREENS")
