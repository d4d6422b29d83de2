"""Documents in the browser: files, copies, two tabs, a server that is killed; exports and history."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import Look, Server, drag, looking, open_and_read, start_server, stop_server
from tests.browser.test_comparing import few_steps, read_and_generate
from tests.browser.test_main_path import generate

pytestmark = pytest.mark.browser


def download(look: Look, selector: str) -> Path:
    with look.page.expect_download() as caught:
        look.page.click(selector)
    return Path(caught.value.path())


def test_a_document_is_saved_as_a_file_and_opened_from_it(look: Look, tmp_path: Path) -> None:
    read_and_generate(look)
    look.page.keyboard.press("2")
    drag(look, (1, 1), (1, 4))
    old, labels = look.document, look.labels()
    look.page.click("#sd-document-menu")
    look.shoot("document-menu")
    file = tmp_path / "mine.ssldiff"
    file.write_bytes(download(look, "[data-action=save]").read_bytes())
    look.page.click("#sd-open")
    look.page.set_input_files("#sd-upload", file)
    look.page.wait_for_function(f"!location.hash.includes('{old['id']}')")
    assert look.labels() == labels
    assert len(look.document["results"]) == 1
    assert look.document["results"][0]["scene_id"] != old["results"][0]["scene_id"]
    look.page.keyboard.press("Control+z")
    look.until(lambda: look.labels() != labels)


def test_a_file_that_is_no_document_is_refused_where_the_user_looks(look: Look, tmp_path: Path) -> None:
    wrong = tmp_path / "cake.ssldiff"
    wrong.write_text("flour", encoding="utf-8")
    look.page.set_input_files("#sd-upload", wrong)
    assert "open this file" in look.page.wait_for_selector(".sd-start-message:not([hidden])").inner_text()
    look.complaints[:] = [text for text in look.complaints if "status of 422" not in text]


def test_a_duplicate_is_painted_without_its_original_and_deleting_asks_first(look: Look) -> None:
    open_and_read(look)
    original, labels = look.document["id"], look.labels()
    look.page.click("#sd-document-menu")
    look.page.click("[data-action=duplicate]")
    look.page.wait_for_function(f"!location.hash.includes('{original}')")
    look.page.keyboard.press("4")
    drag(look, (2, 1), (2, 5))
    copy = look.document["id"]
    assert look.labels() != labels
    assert look.ask(f"documents/{original}")["layout"]["edits"] == 0
    look.page.click("#sd-document-menu")
    look.page.click("[data-action=delete]")
    look.shoot("delete")
    look.page.click(".sd-question button:has-text('Keep it')")
    assert look.ask(f"documents/{copy}")["id"] == copy
    look.page.click("#sd-document-menu")
    look.page.click("[data-action=delete]")
    look.page.click(".sd-question .sd-danger")
    look.page.wait_for_selector(".sd-start-inner")
    assert look.page.request.get(f"{look.server.address}/documents/{copy}").status == 404
    look.complaints[:] = [text for text in look.complaints if "status of 404" not in text]


def test_two_tabs_on_one_document_see_each_others_strokes(look: Look) -> None:
    open_and_read(look)
    other = look.page.context.new_page()
    other.goto(look.page.url)
    other.wait_for_selector(".sd-swatch", state="attached")
    other.keyboard.press("b")  # painting keys lead from Explore to Paint
    other.wait_for_selector(".sd-swatch")
    other.wait_for_timeout(500)
    before = other.inner_text(".sd-swatch[data-index='4'] .sd-share")
    look.page.bring_to_front()
    look.page.keyboard.press("5")
    drag(look, (3, 0), (3, 7))
    other.wait_for_function(
        f"document.querySelector(\".sd-swatch[data-index='4'] .sd-share\").innerText !== '{before}'"
    )
    other.bring_to_front()
    other.keyboard.press("Control+z")
    look.page.wait_for_function(
        f"document.querySelector(\".sd-swatch[data-index='4'] .sd-share\").innerText === '{before}'"
    )


def test_a_killed_server_loses_no_stroke(browser: Any, tiny_models: Path, root: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = start_server(data, tmp_path / "log.txt", "--root", str(root), models=tiny_models)
    for look in looking(browser, first):
        open_and_read(look)
        look.page.keyboard.press("2")
        drag(look, (4, 1), (4, 6))
        labels, identity = look.labels(), look.document["id"]
        look.page.wait_for_timeout(1500)
        look.page.goto("about:blank")
    first.process.kill()
    second = start_server(data, tmp_path / "log2.txt", "--root", str(root), models=tiny_models)
    try:
        for look in looking(browser, second):
            look.page.click(f"[data-document='{identity}']")
            look.page.wait_for_selector(".sd-swatch")
            assert look.labels() == labels
    finally:
        stop_server(second)


def test_every_export_gives_what_it_says_and_says_synthetic(look: Look) -> None:
    from PIL import Image

    result = read_and_generate(look)
    found: dict[str, bytes] = {}
    for name in ("image.ome.tif", "labels.png?ignore_px=24", "labels.geojson", "sheet.pdf?with_all=true", "view"):
        look.page.click("#sd-download")
        if not found:
            look.shoot("export-menu")
        found[name] = download(look, f"[data-export='{name}']").read_bytes()
    assert b"SYNTHETIC" in found["image.ome.tif"]
    labels = np.asarray(Image.open(io.BytesIO(found["labels.png?ignore_px=24"])))
    assert labels.shape == (result["height"], result["width"])
    inner = labels[64::128, 64::128]
    assert (inner.astype(int) - 1).ravel().tolist() == look.labels()
    assert (labels == 255).any()
    polygons = json.loads(found["labels.geojson"])
    assert polygons["synthetic"] is True
    assert found["sheet.pdf?with_all=true"].startswith(b"%PDF")
    with Image.open(io.BytesIO(found["view"])) as view:
        assert "SYNTHETIC" in view.info["Title"]
        panes = look.page.locator(".sd-panes").bounding_box()
        assert view.width == pytest.approx(panes["width"], abs=2)
        view.load()
        if screens := os.environ.get("SSLDIFF_SCREENS"):
            view.save(Path(screens) / "export-view.png")
    sheet = look.page.request.get(
        f"{look.server.address}/documents/{look.document['id']}/results/{result['id']}/sheet.png"
    )
    with Image.open(io.BytesIO(sheet.body())) as picture:
        assert picture.width > 1500
        if screens:
            picture.save(Path(screens) / "export-sheet.png")


def test_the_filmstrip_goes_back_to_any_result_and_its_settings(look: Look) -> None:
    first = read_and_generate(look)
    look.page.click("#advanced > button")
    seed = look.page.get_by_role("spinbutton", name="Seed")
    seed.fill("42")
    seed.press("Tab")
    second = generate(look, known=1)
    assert second["seed"] == 42
    assert look.page.locator(".sd-film").all_inner_texts() == ["1\nseed 0", "2\nseed 42"]
    look.page.click(".sd-film:first-child .sd-thumb")
    assert "seed 0" in look.page.inner_text(".sd-pane-result .sd-pane-facts")
    look.shoot("filmstrip")
    look.page.click("#sd-settings")
    assert "Guidance" in look.page.inner_text(".sd-settings")
    look.shoot("settings")
    look.page.click("[data-action=reuse]")
    look.page.wait_for_function("document.querySelector('#generate input[type=number]').value === '0'")
    look.page.click("#sd-settings")
    look.page.click("[data-action=delete-result]")
    look.page.click(".sd-question .sd-danger")
    look.page.wait_for_selector(".sd-strip", state="hidden")
    assert [one["id"] for one in look.document["results"]] == [second["id"]]
    assert first["id"] != second["id"]


@pytest.fixture
def strict_server(tmp_path: Path, tiny_models: Path, root: Path) -> Any:
    """A server whose tissue model was trained on something wholly else than the scene."""
    import shutil

    from ssldiff_core.embeddings.check import quantiles_from

    models = tmp_path / "models"
    shutil.copytree(tiny_models, models)
    for folder in models.iterdir():
        path = folder / "encoder.json"
        facts = json.loads(path.read_text(encoding="utf-8"))
        far = np.random.default_rng(0).normal(size=(64, 16)) * 1e-3 + np.r_[1.0, np.zeros(15)]
        facts["quantiles"] = quantiles_from(far, n_centroids=2)
        path.write_text(json.dumps(facts), encoding="utf-8")
    running = start_server(tmp_path / "data", tmp_path / "log.txt", "--root", str(root), models=models)
    yield running
    stop_server(running)


def test_a_region_unlike_the_training_set_is_asked_about_before_anything_is_drawn(
    browser: Any, strict_server: Server
) -> None:
    for look in looking(browser, strict_server):
        look.page.click("[data-scene]:has-text('areas')")
        look.page.click("#sd-read")
        row = look.page.wait_for_selector(".sd-question-row")
        assert "unlike what the model was trained on" in row.inner_text()
        look.shoot("question")
        look.page.click(".sd-question-row button:has-text('Pick another region')")
        look.page.wait_for_selector("[data-tool=region][aria-pressed=true]")
        few_steps(look)
        assert look.document["results"] == []
        look.page.click("#sd-generate:has-text('Draw it anyway')")
        look.page.wait_for_selector(".sd-pane-facts:has-text('seed')")
        assert len(look.document["results"]) == 1
        look.page.wait_for_selector(".sd-question-row", state="hidden")


def test_with_a_login_the_form_stands_before_everything_and_each_user_has_own_documents(
    browser: Any, tiny_models: Path, root: Path, tmp_path: Path
) -> None:
    accounts = tmp_path / "accounts.txt"
    accounts.write_text("anna:secret\nbert:hidden\n", encoding="utf-8")
    server = start_server(
        tmp_path / "data", tmp_path / "log.txt", "--root", str(root), "--auth", str(accounts), models=tiny_models
    )
    try:
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        page = context.new_page()
        page.goto(server.address)
        page.fill("input[name=name]", "anna")
        page.fill("input[name=password]", "wrong")
        page.click("text=Log in >> nth=-1")
        assert "wrong" in page.inner_text(".message")
        page.fill("input[name=password]", "secret")
        page.click("button")
        page.wait_for_selector(".sd-start-inner")
        complaints: list[str] = []
        page.on("console", lambda text: complaints.append(text.text) if text.type == "error" else None)
        look = Look(page, server)
        open_and_read(look)
        look.page.keyboard.press("2")
        drag(look, (1, 1), (1, 3))
        few_steps(look)
        generate(look)
        assert "anna" in page.inner_text(".sd-user")
        look.shoot("login-user")
        identity = look.document["id"]
        page.click("text=Log out")
        page.wait_for_selector("input[name=name]")
        page.fill("input[name=name]", "bert")
        page.fill("input[name=password]", "hidden")
        page.click("button")
        page.wait_for_selector(".sd-start-inner")
        assert page.locator(f"[data-document='{identity}']").count() == 0
        assert page.request.get(f"{server.address}/documents/{identity}").status == 404
        context.close()
        assert not [text for text in complaints if "40" not in text]
    finally:
        stop_server(server)


def test_a_document_bears_the_name_of_its_file_on_the_screen_and_an_alias_elsewhere(look: Look) -> None:
    page = look.page
    page.click("[data-scene]:has-text('areas')")
    page.wait_for_function("document.querySelector('.sd-name')?.value === 'areas'")
    name = page.locator(".sd-name")
    assert name.evaluate("input => input.scrollWidth <= input.clientWidth")
    assert look.document["name"].startswith("Scene ")
    page.click("#sd-open")
    page.wait_for_selector(f"[data-document='{look.document['id']}']:has-text('areas')")
    page.click(f"[data-document='{look.document['id']}']")
    page.wait_for_selector(".sd-start", state="hidden")
    name.fill("My tissue of a rather long name, which is seen whole")
    name.press("Enter")
    page.wait_for_function("document.querySelector('.sd-name').value.startsWith('My tissue')")
    assert name.evaluate("input => input.scrollWidth <= input.clientWidth")
    for _ in range(100):
        if look.document["name"].startswith("My tissue"):
            return
        page.wait_for_timeout(100)
    pytest.fail("the document was not renamed")
