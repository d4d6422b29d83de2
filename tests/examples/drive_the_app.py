"""Drive a running app from a script: paint on a canvas, have it drawn, fetch the image and its labels.

    python app.py --port 7860 &
    python -m tests.examples.drive_the_app http://127.0.0.1:7860 -o fetched

What a page asks for, a script can ask for too: drawing is an event of the page with a name (``/generate``; see
``gradio_client``), and documents, edits, jobs and files are routes that speak JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import httpx
from gradio_client import Client


def drive(
    address: str, folder: Path, *, model_id: str = "tissue", rows: int = 6, cols: int = 8, steps: int = 20
) -> list[Path]:
    """Write ``image.png`` and ``labels.png`` into a folder; returns their paths.

    Raises:
        RuntimeError: where the app says that it cannot draw.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with httpx.Client(base_url=address, timeout=600) as http:
        canvas = http.post("/documents", json={"model": model_id, "rows": rows, "cols": cols}).raise_for_status().json()
        place, swatch = f"/documents/{canvas['id']}", canvas["palette"]["swatches"][1]["id"]
        cells = [[row, col] for row in range(1, rows - 1) for col in range(1, cols // 2)]
        edit = {"kind": "paint", "version": 1, "cells": cells, "swatch": swatch, "seed": 1}
        http.post(f"{place}/edits", json=edit).raise_for_status()

        said = Client(address, verbose=False).predict(canvas["id"], seed=1, steps=steps, api_name="/generate")
        news = json.loads(said)
        if "error" in news:
            raise RuntimeError(news["error"])
        job = _wait(http, news["job"])
        if job["state"] != "done":
            raise RuntimeError(f"the drawing ended {job['state']}: {job['message']}")
        result = f"{place}/results/{job['result_id']}"
        paths = []
        for name, route in (("image.png", "export.png"), ("labels.png", "labels.png")):
            paths.append(folder / name)
            paths[-1].write_bytes(http.get(f"{result}/{route}").raise_for_status().content)
    return paths


def _wait(http: httpx.Client, job_id: str) -> dict[str, str]:
    """A job when it is over."""
    while True:
        job: dict[str, str] = http.get(f"/jobs/{job_id}").raise_for_status().json()["job"]
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(0.5)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--model", default="tissue")
    parser.add_argument("-o", "--output", type=Path, default=Path("fetched"))
    arguments = parser.parse_args()
    print(*drive(arguments.address, arguments.output, model_id=arguments.model), sep="\n")


if __name__ == "__main__":
    main()
