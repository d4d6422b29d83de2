"""A server that is killed, or asked to stop, in the middle of a drawing: the next one draws the same image."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TREE
from tests.ui.tiny_models import write_tiny_models

pytestmark = pytest.mark.slow
PATIENCE_S = 600
SETTINGS = {"seed": 5, "steps": 60, "guidance_scale": 1.0}


class Running:
    """A server in a process of its own over a data folder."""

    def __init__(self, port: int, data: Path, models: Path) -> None:
        command = [sys.executable, str(TREE / "app.py"), "--port", str(port), "--data-dir", str(data)]
        environment = {**os.environ, "SSLDIFF_MODELS_DIR": str(models)}
        self.address = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(command, cwd=TREE, env=environment, stderr=subprocess.DEVNULL)
        self.wait(lambda: self.ask("healthz")["status"] == "ok")

    def ask(self, path: str, body: object = None) -> Any:
        """JSON of a route; a body makes it a POST."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{self.address}/{path}", data, headers)) as answer:
            return json.load(answer)

    def wait(self, ready: Any) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                if ready():
                    return
            except (urllib.error.URLError, ConnectionError):
                assert self.process.poll() is None, "the server has ended"
            time.sleep(0.1)
        pytest.fail("it did not come to that")

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.wait(60)


def image_digest(data: Path, document: str, result: str) -> str:
    manifest = next((data / "documents" / document / "results" / result).glob("*.manifest.json"))
    return str(json.loads(manifest.read_text(encoding="utf-8"))["image"]["digest"])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_drawing_that_was_cut_off_is_drawn_by_the_next_server(tmp_path: Path, how: signal.Signals) -> None:
    from tests.browser.conftest import free_port

    models, data = write_tiny_models(tmp_path / "models"), tmp_path / "data"
    first = Running(free_port(), data, models)
    document = first.ask("documents", {"model": "tissue", "rows": 4, "cols": 4})["id"]
    whole = first.ask(f"documents/{document}/generate", {**SETTINGS, "anew": True})["job"]["id"]
    first.wait(lambda: first.ask(f"jobs/{whole}")["job"]["state"] == "done")
    cut = first.ask(f"documents/{document}/generate", {**SETTINGS, "anew": True})["job"]["id"]
    first.wait(lambda: first.ask(f"jobs/{cut}")["job"]["done"] >= 3)
    first.end(how)
    second = Running(free_port(), data, models)
    try:
        second.wait(lambda: second.ask(f"jobs/{cut}")["job"]["state"] == "done")
        results = [result["id"] for result in second.ask(f"documents/{document}")["results"]]
        assert len(results) == 2
        digests = {image_digest(data, document, result) for result in results}
        assert len(digests) == 1
    finally:
        second.end(signal.SIGTERM)
