"""Attacks on the server, each refused: floods, bombs, forged requests, texts that would be code elsewhere."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import time
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from ssldiff_core.scenes.probe import probe_files
from tests.fuzzing import fuzzed
from tests.ui.results import add_result
from tests.ui.test_documents import make_layout
from ui import handlers
from ui.config import AppConfig
from ui.documents import Document
from ui.limits import BodyLimit, Rate
from ui.login import Login
from ui.routes import add_routes, strokes
from ui.routes.security import add_guards
from ui.routes.strokes import _answer
from ui.workspace import Workspace

EVIL = "http://evil.example"
FUZZED = fuzzed(150)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KINDS = ("paint", "fill", "blend", "copy", "paste", "erase", "vary", "undo", "redo", "abandon", "paint_region", "")
EDITS = st.fixed_dictionaries(
    {"kind": st.sampled_from(KINDS) | JSON, "version": st.just(1) | JSON},
    optional={
        name: JSON | st.lists(st.lists(st.integers(-3, 9), min_size=2, max_size=2), max_size=4)
        for name in ("cells", "swatch", "mode", "strength", "seed", "stroke", "rings", "at", "block")
    },
)


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[TestClient]:
    workspace = Workspace(AppConfig(data_dir=tmp_path, max_upload_bytes=1 << 20))
    app = FastAPI()
    add_routes(app, workspace)
    app.add_middleware(BodyLimit, max_upload_bytes=1 << 20)
    yield TestClient(app)
    workspace.close()


def test_a_body_above_the_limit_is_refused_by_what_it_says_and_by_what_arrives(limited: TestClient) -> None:
    def pieces(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield bytes(1 << 20)

    assert limited.post("/uploads", files={"file": ("a.png", bytes(3 << 20))}).status_code == 413
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    assert limited.post("/uploads", content=itertools.chain([head], pieces(4)), headers=form).status_code == 413
    plain = {"Content-Type": "application/json"}
    assert limited.post("/documents", content=pieces(20), headers=plain).status_code == 413
    assert limited.post("/documents", json={"scene": "none"}).status_code == 422


def test_a_decompression_bomb_is_not_held_in_memory(client: TestClient) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    side = 60_000  # 10 GiB of pixels in 64 kB of file
    header = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    packed = zlib.compress(bytes(64 << 20), 9)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    before = psutil.Process().memory_info().rss
    answer = client.post("/uploads", files={"file": ("bomb.png", bomb)})
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        scene = answer.json()["scene"]
        address = f"{scene['id']}/{scene['version']}"
        for path in (f"/thumbnails/{address}.jpg", f"/tiles/{address}/0/0_0.jpg"):
            assert client.get(path).status_code in (200, 204, 422)
    assert psutil.Process().memory_info().rss - before < 512 << 20


def test_an_upload_that_a_reader_dies_of_is_refused_and_not_kept(
    client: TestClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "probe_files", partial(probe_files, code="import os; os.abort()"))
    answer = client.post("/uploads", files={"file": ("a.png", b"whatever")})
    assert (answer.status_code, "broke down" in answer.json()["error"]) == (422, True)
    assert not [path for path in (workspace.config.data_dir / "uploads").rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["evil.svg", "evil.html", "evil.pkl", "evil.npz", "evil.vrt.exe"])
def test_a_file_of_another_kind_is_not_taken(client: TestClient, name: str) -> None:
    assert client.post("/uploads", files={"file": (name, b"<svg onload=alert(1)>")}).status_code == 422


@pytest.mark.parametrize("header", [EVIL, "null", "http://testserver.evil.example", "http://testserver:81"])
def test_another_site_changes_nothing_and_hears_nothing(client: TestClient, document: Document, header: str) -> None:
    headers = {"Origin": header}
    for path in (f"/documents/{document.id}/delete", "/documents", "/uploads", f"/documents/{document.id}/umap"):
        assert client.post(path, headers=headers).status_code == 403, path
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(f"/documents/{document.id}/live", headers=headers),
    ):
        pass


def test_a_name_is_text_in_json_and_harmless_in_headers(
    client: TestClient, workspace: Workspace, document: Document
) -> None:
    evil = '"><img src=x onerror=alert(1)>\r\nSet-Cookie: a=b; é/../../x'
    client.post(f"/documents/{document.id}/name", json={"name": evil})
    add_result(workspace, document)
    result = f"/documents/{document.id}/results/{document.results[0].id}"
    paths = ("/file", "/palette.npz")
    for path in (*(f"/documents/{document.id}{one}" for one in paths), f"{result}/export.tif", f"{result}/sheet.png"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "set-cookie" not in answer.headers, path
        told = answer.headers["content-disposition"]
        assert not set(told) & set("\r\n<>"), path
        assert "../" not in told, path
    assert client.get(f"/documents/{document.id}").headers["content-type"] == "application/json"


def test_every_answer_tells_the_browser_to_ask_no_other_host(client: TestClient) -> None:
    headers = client.get("/library").headers
    assert "connect-src 'self'" in headers["content-security-policy"]
    assert "object-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_page_that_leaves_before_its_answer_is_no_error(tmp_path: Path) -> None:
    app = FastAPI()
    add_guards(app, AppConfig(data_dir=tmp_path))

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    app.mount("/slow", waiting)
    said: list[Message] = []
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        said.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/slow/", "raw_path": b"/slow/", "root_path": "", "scheme": "http",
        "query_string": b"", "headers": [(b"host", b"here")], "http_version": "1.1", "server": ("here", 80),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    assert said == []


def test_with_accounts_a_proxys_header_names_nobody(tmp_path: Path) -> None:
    app = FastAPI()
    add_routes(app, Workspace(AppConfig(data_dir=tmp_path)))
    app.add_middleware(Login, accounts={"anna": "secret"})
    assert TestClient(app).get("/library", headers={"X-Remote-User": "anna"}).status_code == 401


def test_gradios_own_upload_is_closed(client: TestClient) -> None:
    assert client.post("/gradio_api/upload", files={"files": ("a.png", b"x")}).status_code == 403


def test_a_flood_of_messages_is_slowed_to_its_rate(
    client: TestClient, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strokes, "Rate", lambda: Rate(per_second=50, burst=10))
    with client.websocket_connect(f"/documents/{document.id}/live") as socket:
        socket.receive_json()
        began = time.monotonic()
        for _ in range(60):
            socket.send_text("{}")
        assert [socket.receive_json()["type"] for _ in range(60)] == ["error"] * 60
        assert time.monotonic() - began >= 0.95


def test_a_hand_is_never_slowed() -> None:
    assert max(Rate().take() for _ in range(400)) == 0


def test_more_pages_than_allowed_are_not_opened(tmp_path: Path) -> None:
    workspace = Workspace(AppConfig(data_dir=tmp_path, max_sockets=1))
    app = FastAPI()
    add_routes(app, workspace)
    document = workspace.documents.create()
    document.set_layout(make_layout(), "tiny")
    client, path = TestClient(app), f"/documents/{document.id}/live"
    with client.websocket_connect(path) as first:
        assert first.receive_json()["type"] == "document"
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(path):
            pass
    workspace.close()


@FUZZED
@given(edit=EDITS | JSON)
def test_no_message_of_a_page_is_more_than_refused(workspace: Workspace, document: Document, edit: object) -> None:
    answer = _answer(workspace, document, json.dumps({"seq": 1, "edit": edit}))
    assert answer["type"] in ("ack", "error")
    assert document.need_layout().grid().shape_cell == (5, 6)


@FUZZED
@given(text=st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_no_text_on_the_socket_is_more_than_refused(workspace: Workspace, document: Document, text: str) -> None:
    assert _answer(workspace, document, text)["type"] in ("ack", "error")


@FUZZED
@given(body=JSON)
def test_no_json_makes_a_route_fail(client: TestClient, document: Document, body: object) -> None:
    paths = ("edits", "encode", "generate", "swatches", "palette/merge", "palette/mix", "copy", "paste", "reader-sets")
    for path in paths:
        assert client.post(f"/documents/{document.id}/{path}", json=_plain(body)).status_code < 500, path


def _plain(body: object) -> object:
    """JSON as a client may send it: without the numbers that JSON has not."""
    return json.loads(json.dumps(body).replace("Infinity", "1e308").replace("NaN", "null"))


@FUZZED
@given(changes=st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1), cut=st.booleans())
def test_no_damaged_document_file_is_more_than_refused(
    client: TestClient, document: Document, changes: list[tuple[int, int]], cut: bool
) -> None:
    content = bytearray(client.get(f"/documents/{document.id}/file").content)
    for place, value in changes:
        content[place % len(content)] = value
    if cut:
        del content[changes[0][0] % len(content) :]
    answer = client.post("/document-files", files={"file": ("a.ssldiff", io.BytesIO(bytes(content)))})
    assert answer.status_code in (200, 422), answer.text
