"""The real server in a process of its own, and a real Chromium that looks at it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import TREE
from tests.ui.pictures import write_geotiff, write_ome_tiff, write_png
from tests.ui.tiny_models import write_tiny_models

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass
class Server:
    """A running app: its address, its data folder, and how long it took to answer."""

    address: str
    data: Path
    process: subprocess.Popen[bytes]
    answered_after_s: float
    computed_for_s: float


@dataclass
class Look:
    """A page under test, with what it asked for and complained about."""

    page: Any
    server: Server
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ask(self, path: str) -> Any:
        """JSON of one of the server's routes."""
        return self.page.request.get(f"{self.server.address}/{path}").json()

    @property
    def document(self) -> dict[str, Any]:
        """The open document as the server has it."""
        return self.ask(f"documents/{self.page.url.split('document=')[1]}")

    def labels(self) -> list[int]:
        """Swatch of each cell as the server has it, row by row."""
        import base64

        import numpy as np

        return np.frombuffer(base64.b64decode(self.document["layout"]["labels"]), np.int16).tolist()

    def until(self, holds: Callable[[], bool], seconds: float = 20) -> None:
        """Wait until something holds, on the server or on the page."""
        for _ in range(int(seconds * 10)):
            if holds():
                return
            self.page.wait_for_timeout(100)
        pytest.fail("it never came to hold")

    def shoot(self, name: str) -> None:
        """A screenshot to be looked at, where ``SSLDIFF_SCREENS`` names a folder for it."""
        folder = os.environ.get("SSLDIFF_SCREENS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(
    data: Path, log: Path, *options: str, models: Path | None = None, patience_s: float = 60.0
) -> Server:  # fmt: skip
    """Run ``app.py`` on a free port and wait until it answers."""
    port = free_port()
    command = [sys.executable, str(TREE / "app.py"), "--port", str(port), "--data-dir", str(data), *options]
    environment = {**os.environ, **({"SSLDIFF_MODELS_DIR": str(models)} if models else {})}
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=TREE, env=environment, stdout=out, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    while True:
        try:
            with contextlib.suppress(urllib.error.HTTPError):  # a login is an answer too
                urllib.request.urlopen(address, timeout=2).read()
            computed = sum(psutil.Process(process.pid).cpu_times()[:2])
            return Server(address, data, process, time.monotonic() - began, computed)
        except OSError:
            if process.poll() is not None or time.monotonic() - began > patience_s:
                process.kill()
                pytest.fail(f"the app does not answer:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)


def stop_server(server: Server) -> None:
    server.process.terminate()
    try:
        server.process.wait(15)
    except subprocess.TimeoutExpired:
        server.process.kill()


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the server lists: a good scene, one without a pixel size, and a text named like a slide."""
    folder = tmp_path_factory.mktemp("root")
    write_ome_tiff(folder / "areas.ome.tif")
    write_png(folder / "plain.png")
    (folder / "flights").mkdir()
    write_geotiff(folder / "flights" / "ground.tif")
    (folder / "notes.svs").write_text("This is a text, not a slide.\n" * 20, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path, root: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("app")
    running = start_server(folder / "data", folder / "log.txt", "--root", str(root), models=tiny_models)
    yield running
    stop_server(running)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def look(browser: Any, server: Server) -> Iterator[Look]:
    """A fresh browser profile on the start page. At its end: nothing was asked of other hosts, nothing complained."""
    yield from looking(browser, server)


def _complaint(said: Any) -> str:
    """A console message, and what it is about: a resource that is missing is named by its address alone there."""
    return f"{said.text} {said.location.get('url', '')}"


def looking(browser: Any, server: Server, **context_options: Any) -> Iterator[Look]:
    options = {"viewport": {"width": 1366, "height": 768}, **context_options}
    context = browser.new_context(**options)
    context.set_default_timeout(120_000)
    page = context.new_page()
    found = Look(page, server)
    own = (server.address, server.address.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else found.outside.append(request.url))
    page.on("websocket", lambda socket: None if socket.url.startswith(own) else found.outside.append(socket.url))
    page.on("console", lambda said: found.complaints.append(_complaint(said)) if said.type == "error" else None)
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.goto(server.address)
    page.wait_for_selector(".sd-start-inner")
    yield found
    context.close()
    assert not found.outside, f"the page asked other hosts: {found.outside}"
    assert not found.complaints, f"the console complained: {found.complaints}"


def open_and_read(look: Look, name: str = "areas") -> None:
    """Open a scene of the folder, read the region that is suggested, and go to where it is painted on."""
    look.page.click(f"[data-scene]:has-text('{name}')")
    look.page.click("#sd-read")
    look.page.wait_for_selector(".sd-swatch", state="attached")
    look.page.click("#sd-tab-paint")
    look.page.wait_for_selector(".sd-stage[data-tool='brush'] .sd-swatch, .sd-swatch")


def cell_centre(look: Look, row: int, col: int, pane: str = "reference") -> tuple[float, float]:
    """Where a cell lies on the screen; the grid is fitted into the pane with a margin of 4 %."""
    frame = look.page.locator(f".sd-pane-{pane}").bounding_box()
    grid = look.document["grid"]
    longest = max(grid["rows"], grid["cols"])
    width, height = grid["cols"] + 0.08 * longest, grid["rows"] + 0.08 * longest
    cell = min(frame["width"] / width, frame["height"] / height)
    x = frame["x"] + frame["width"] / 2 + (col + 0.5 - grid["cols"] / 2) * cell
    y = frame["y"] + frame["height"] / 2 + (row + 0.5 - grid["rows"] / 2) * cell
    return x, y


def drag(look: Look, start: tuple[int, int], end: tuple[int, int], pane: str = "reference") -> None:
    """A real drag from cell to cell."""
    look.page.mouse.move(*cell_centre(look, *start, pane))
    look.page.mouse.down()
    look.page.mouse.move(*cell_centre(look, *end, pane), steps=12)
    look.page.mouse.up()
    look.page.wait_for_timeout(250)
