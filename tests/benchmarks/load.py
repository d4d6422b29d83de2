"""Twenty users at once on loopback: viewing, painting, generating.

    python -m tests.benchmarks.load [--quick] [--json FILE] [--users N] [--seconds S]

A server of its own with the shipped models. Each user has a document of their own (an 8 × 8 canvas), looks at tiles of
an 8192-px scene, paints a stroke of six cells every half second over the WebSocket, and asks for an image of 4 steps
now and then. ``lost_strokes`` are strokes that were acknowledged and are not in the document at the end; ``errors`` are
answers that were neither success nor cancelled. Waits of jobs are from asking until the job begins.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from tests.browser.conftest import Server, start_server, stop_server

from .app import SCENE_PX, write_scene
from .report import report

SIDE = 8
STROKE_EVERY_S, TILE_EVERY_S, IMAGE_EVERY_S = 0.5, 0.25, 60.0


@dataclass
class Seen:
    """What all users saw together; milliseconds and seconds."""

    tiles: list[float] = field(default_factory=list)
    strokes: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    images: int = 0
    acknowledged: int = 0
    kept: int = 0
    errors: list[str] = field(default_factory=list)


async def use(server: Server, user: int, until: float, seen: Seen) -> None:
    """One user, from opening a canvas until the time is over."""
    from websockets.asyncio.client import connect

    rng = np.random.default_rng(user)
    async with httpx.AsyncClient(base_url=server.address, timeout=600) as client:
        document = (await client.post("/documents", json={"model": "tissue", "rows": SIDE, "cols": SIDE})).json()
        library = (await client.get("/library")).json()
        scene = next(scene for scene in library["scenes"] if scene["origin"] == "root")
        address = f"{server.address.replace('http', 'ws')}/documents/{document['id']}/live"
        async with connect(address, max_size=None, ping_timeout=None) as socket:
            painting = paint(socket, document, rng, until, seen)
            viewing = view(client, scene, rng, until, seen)
            drawing = draw(client, document, user, until, seen)
            painted, *_ = await asyncio.gather(painting, viewing, drawing)
        body = (await client.get(f"/documents/{document['id']}")).json()
        seen.acknowledged += painted
        seen.kept += min(painted, int(body["layout"]["edits"]))


async def paint(socket: Any, document: dict[str, Any], rng: np.random.Generator, until: float, seen: Seen) -> int:
    """Strokes until the time is over; returns how many were acknowledged."""
    swatches, acknowledged = [swatch["id"] for swatch in document["palette"]["swatches"]], 0
    while time.monotonic() < until:
        row, col = (int(v) for v in rng.integers(0, SIDE, 2))
        cells = [[row, (col + i) % SIDE] for i in range(6)]
        seq = int(rng.integers(1 << 30))
        edit = {"kind": "paint", "version": 1, "cells": cells, "swatch": swatches[seq % len(swatches)], "seed": seq}
        began = time.perf_counter()
        await socket.send(json.dumps({"seq": seq, "edit": edit}))
        while (message := json.loads(await socket.recv())).get("seq") != seq:
            pass
        seen.strokes.append((time.perf_counter() - began) * 1000)
        if message["type"] == "ack":
            acknowledged += 1
        else:
            seen.errors.append(str(message))
        await asyncio.sleep(STROKE_EVERY_S)
    return acknowledged


async def view(client: Any, scene: dict[str, Any], rng: np.random.Generator, until: float, seen: Seen) -> None:
    """Tiles around a place that wanders."""
    side, top = SCENE_PX // 256, (SCENE_PX // 256).bit_length() - 1
    while time.monotonic() < until:
        z = int(rng.integers(0, top + 1))
        x, y = (int(v) for v in rng.integers(0, max(1, side >> (top - z)), 2))
        began = time.perf_counter()
        try:
            answer = await client.get(f"/tiles/{scene['id']}/{scene['version']}/{z}/{x}_{y}.jpg")
            answer.raise_for_status()
        except httpx.HTTPError as error:  # a timeout too
            seen.errors.append(f"tile: {error!r}")
        seen.tiles.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(TILE_EVERY_S)


async def draw(client: Any, document: dict[str, Any], user: int, until: float, seen: Seen) -> None:
    """An image now and then, followed until it is done; at the end what is under way is cancelled."""
    await asyncio.sleep(user * 0.7)
    while time.monotonic() < until:
        values = {"seed": user, "steps": 4, "guidance_scale": 1.0}
        asked = await client.post(f"/documents/{document['id']}/generate", json=values)
        if asked.status_code != 200:
            seen.errors.append(f"generate {asked.status_code}")
            return
        job = asked.json()["job"]
        while job["state"] in ("queued", "running"):
            if time.monotonic() > until:
                await client.post(f"/jobs/{job['id']}/cancel")
            await asyncio.sleep(0.5)
            job = (await client.get(f"/jobs/{job['id']}")).json()["job"]
        if job["started"]:
            seen.waits.append(job["started"] - job["created"])
        seen.images += job["state"] == "done"
        if job["state"] == "failed":
            seen.errors.append(job["message"])
        await asyncio.sleep(min(IMAGE_EVERY_S, max(0.0, until - time.monotonic())))


def measure(users: int, seconds: float) -> dict[str, float | str]:
    """Run the load and sum up."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "root").mkdir()
        write_scene(folder / "root" / "large.tif")
        server = start_server(folder / "data", folder / "log.txt", "--root", str(folder / "root"), patience_s=600)
        try:
            seen, process = Seen(), psutil.Process(server.process.pid)
            before = process.memory_info().rss
            asyncio.run(_all(server, users, time.monotonic() + seconds, seen))
            after = process.memory_info().rss
        finally:
            stop_server(server)
    figures: dict[str, float | str] = {"users": float(users), "seconds": seconds, "machine_load": load}
    for key, values in (("tile_ms", seen.tiles), ("stroke_ms", seen.strokes), ("job_wait_seconds", seen.waits)):
        for share in (50, 95, 99):
            figures[f"{key}_p{share}"] = float(np.percentile(values, share)) if values else float("nan")
    return figures | {
        "tiles": float(len(seen.tiles)), "strokes": float(len(seen.strokes)), "images": float(seen.images),
        "errors": float(len(seen.errors)), "first_error": seen.errors[0] if seen.errors else "none",
        "lost_strokes": float(seen.acknowledged - seen.kept), "memory_mib_start": before / 2**20,
        "memory_mib_end": after / 2**20,
    }  # fmt: skip


async def _all(server: Server, users: int, until: float, seen: Seen) -> None:
    await asyncio.gather(*(use(server, user, until, seen) for user in range(users)))


def main() -> None:
    """Measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one minute instead of ten")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as one flat JSON object")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.0)
    arguments = parser.parse_args()
    report(measure(arguments.users, arguments.seconds or (60.0 if arguments.quick else 600.0)), arguments.json)


if __name__ == "__main__":
    main()
