"""How quickly the app answers: page, strokes, tiles for four users at once, points of the palette.

    python -m tests.benchmarks.app [--quick] [--json FILE]

A server of its own is started with the shipped models and an 8192-px scene made of the demo scene.
``page_ready_seconds``: from asking for the address until the way in is shown, in a fresh Chromium profile (median of
3). ``stroke_ms_*``: a stroke of 12 cells on a 64 × 64 canvas, from sending it over the WebSocket until it is
acknowledged, strokes piling up as in use. ``tile_ms_*``: four clients panning over tiles that nobody has asked for
before. ``palette_frames_per_second``: 100,000 points while the view moves with every frame; ``palette_renderer`` says
by which means they were drawn. ``*_server_cpu_ms`` is processor time of the server and ``machine_load`` the
machine's load when the measuring began: on a machine with other work, read the first and mind the second.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.browser.conftest import CHROMIUM, FLAGS, Server, start_server, stop_server

from .report import parse_arguments, report

SCENE_PX, USERS, POINTS, CANVAS = 8192, 4, 100_000, 64
SCATTER = """async ([address, count]) => {
  const { Scatter } = await import(address);
  const host = document.createElement('div');
  host.style.cssText = 'position:fixed;inset:0 auto auto 0;width:360px;height:260px;z-index:99';
  document.body.append(host);
  const none = () => {};
  const scatter = new Scatter(host, { hovered: none, clicked: none, lassoed: none });
  scatter.setPoints(Float32Array.from({ length: count * 3 }, (_, i) => (i % 3 < 2 ? Math.sin(i * 12.9898) * Math.cos(i * 4.1414) : (i / 3) | 0)));
  scatter.colour(['#e69f00', '#56b4e9', '#009e73', '#f0e442', '#0072b2', '#d55e00'], (of) => of % 6);
  const frame = () => new Promise(requestAnimationFrame);
  for (let i = 0; i < 30; i += 1) await frame();
  const began = performance.now();
  const frames = 90;
  for (let i = 0; i < frames; i += 1) {
    scatter.camera = { scale: 1.5, x: i, y: -i };
    scatter.paint();
    scatter.canvas.getContext('2d').getImageData(0, 0, 1, 1);
    await frame();
  }
  return [frames / (performance.now() - began) * 1000, scatter.engine?.draw ? 'WebGL' : 'canvas, no hardware WebGL'];
}"""  # noqa: E501


def post(server: Server, path: str, body: object) -> Any:
    """JSON to one of the server's routes, and its answer."""
    request = urllib.request.Request(
        f"{server.address}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def get(server: Server, path: str) -> bytes:
    """What one of the server's routes gives."""
    with urllib.request.urlopen(f"{server.address}/{path}") as answer:
        return bytes(answer.read())


def write_scene(path: Path) -> None:
    """The aerial demo scene, laid side by side until it is large, as a pyramid of JPEG tiles."""
    import tifffile

    from ssldiff_core import open_scene as open_file
    from ssldiff_core.assets import assets_path

    with open_file(next(assets_path("scenes").glob("aerial*.tif"))) as scene:
        pixels = scene.read(scene.bounds_l0, size_px=scene.size_l0)
    times = (-(-SCENE_PX // pixels.shape[0]), -(-SCENE_PX // pixels.shape[1]), 1)
    level = np.ascontiguousarray(np.tile(pixels, times)[:SCENE_PX, :SCENE_PX])
    with tifffile.TiffWriter(path) as tiff:
        while min(level.shape[:2]) >= 256:
            tiff.write(level, tile=(256, 256), photometric="rgb", compression="jpeg", metadata=None)
            level = np.ascontiguousarray(level[::2, ::2])


def with_cpu(server: Server, measure: Callable[[], list[float]]) -> tuple[list[float], float]:
    """What was measured, and the processor's milliseconds that the server used for each of it."""
    process = psutil.Process(server.process.pid)
    before = sum(process.cpu_times()[:2])
    found = measure()
    return found, (sum(process.cpu_times()[:2]) - before) / len(found) * 1000


def measure_strokes(server: Server, document: dict[str, Any], count: int) -> list[float]:
    """Milliseconds from sending a stroke to its acknowledgement."""
    from websockets.sync.client import connect

    swatches = [swatch["id"] for swatch in document["palette"]["swatches"]]
    rng, found = np.random.default_rng(0), []
    with connect(f"{server.address.replace('http', 'ws')}/documents/{document['id']}/live", max_size=None) as socket:
        for seq in range(count):
            row, col = (int(v) for v in rng.integers(0, CANVAS - 12, 2))
            cells = [[row, col + i] for i in range(12)]
            edit = {"kind": "paint", "version": 1, "cells": cells, "swatch": swatches[seq % len(swatches)], "seed": seq}
            began = time.perf_counter()
            socket.send(json.dumps({"seq": seq, "edit": edit}))
            while True:
                message = json.loads(socket.recv())
                if message["type"] == "error":
                    raise RuntimeError(message["error"])
                if message["type"] == "ack" and message["seq"] == seq:
                    break
            found.append((time.perf_counter() - began) * 1000)
            time.sleep(0.02)
    return found


def open_scene(server: Server) -> dict[str, Any]:
    """The large scene, with its thumbnail made."""
    scenes = json.loads(get(server, "library"))["scenes"]
    scene: dict[str, Any] = next(scene for scene in scenes if scene["origin"] == "root")
    get(server, f"thumbnails/{scene['id']}/{scene['version']}.jpg")
    return scene


def measure_tiles(server: Server, scene: dict[str, Any], each: int) -> list[float]:
    """Milliseconds of each tile, asked for by four clients at once."""
    import httpx

    side, top = SCENE_PX // 256, (SCENE_PX // 256).bit_length() - 1
    found: list[float] = []

    def look(user: int) -> None:
        with httpx.Client(base_url=server.address) as client:
            for i in range(each):
                x, y = i % side, (user * side // USERS + i // side) % side
                began = time.perf_counter()
                client.get(f"/tiles/{scene['id']}/{scene['version']}/{top}/{x}_{y}.jpg").raise_for_status()
                found.append((time.perf_counter() - began) * 1000)
                time.sleep(0.03)

    threads = [threading.Thread(target=look, args=(user,)) for user in range(USERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def measure_page(server: Server, repeats: int) -> tuple[list[float], float, str]:
    """Seconds until the page is ready, frames a second of the palette's points, and what drew them."""
    from playwright.sync_api import sync_playwright

    ready: list[float] = []
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for _ in range(repeats):
            page = chromium.new_context(viewport={"width": 1366, "height": 768}).new_page()
            began = time.perf_counter()
            page.goto(server.address, wait_until="commit")
            page.wait_for_selector(".sd-start-inner")
            ready.append(time.perf_counter() - began)
            scripts = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
            address = next(name for name in scripts if name.endswith("/store.js")).replace("store.js", "scatter.js")
            frames, renderer = page.evaluate(SCATTER, [address, POINTS])
            page.context.close()
        chromium.close()
    return ready, frames, renderer


def main() -> None:
    """Start a server, measure, report."""
    arguments = parse_arguments(__doc__ or "")
    load = os.getloadavg()[0]
    repeats, strokes, tiles = (1, 60, 60) if arguments.quick else (3, 300, 200)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "root").mkdir()
        write_scene(folder / "root" / "large.tif")
        server = start_server(folder / "data", folder / "log.txt", "--root", str(folder / "root"), patience_s=600)
        try:
            answered = server.answered_after_s
            ready, frames, renderer = measure_page(server, repeats)
            document = post(server, "documents", {"model": "tissue", "rows": CANVAS, "cols": CANVAS})
            scene = open_scene(server)
            time.sleep(2)
            stroke_ms, stroke_cpu_ms = with_cpu(server, lambda: measure_strokes(server, document, strokes))
            tile_ms, tile_cpu_ms = with_cpu(server, lambda: measure_tiles(server, scene, tiles))
        finally:
            stop_server(server)
    figures: dict[str, float | str] = {
        "server_answers_seconds": answered,
        "page_ready_seconds": statistics.median(ready),
        "stroke_ms_median": statistics.median(stroke_ms),
        "stroke_ms_p95": float(np.quantile(stroke_ms, 0.95)),
        "stroke_server_cpu_ms": stroke_cpu_ms,
        "tile_ms_median": statistics.median(tile_ms),
        "tile_ms_p95": float(np.quantile(tile_ms, 0.95)),
        "tile_server_cpu_ms": tile_cpu_ms,
        "palette_frames_per_second": frames,
        "palette_renderer": renderer,
        "strokes": float(len(stroke_ms)),
        "tiles": float(len(tile_ms)),
        "users": float(USERS),
        "machine_load": load,
    }
    report(figures, arguments.json)


if __name__ == "__main__":
    main()
