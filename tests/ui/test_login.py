"""Behind the door: without a login nothing answers; with one, each sees what is theirs."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from starlette.routing import Route
from starlette.websockets import WebSocketDisconnect

from ssldiff_core.errors import SettingsError
from tests.ui.results import add_result
from tests.ui.test_documents import make_layout
from ui.config import AppConfig
from ui.documents import Document
from ui.jobs import Job
from ui.login import read_accounts
from ui.records import ResultRecord
from ui.server import create_app
from ui.users import set_current_user

ACCOUNTS = {"anna": "secret", "bert": "hidden"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    made = create_app(AppConfig(data_dir=tmp_path_factory.mktemp("data"), accounts=ACCOUNTS))
    yield made
    made.state.workspace.close()


def visitor(app: FastAPI, name: str = "") -> TestClient:
    client = TestClient(app, follow_redirects=False)
    if name:
        assert client.post("/login", data={"name": name, "password": ACCOUNTS[name]}).status_code == 303
    return client


def all_routes(app: FastAPI) -> list[tuple[str, str]]:
    """(method, path) of every route: our own, and those of the mounted page."""
    routes, found = list(app.routes), []
    while routes:
        route = routes.pop()
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if isinstance(route, Route):
            found += [(method, re.sub(r"\{[^}]*\}", "x", route.path)) for method in sorted(route.methods or {"GET"})]
        else:
            routes += getattr(inner, "routes", [])
    return found


def document_of(app: FastAPI, user: str) -> tuple[Document, ResultRecord]:
    """A document of a user with a result, saved."""
    workspace = app.state.workspace
    set_current_user(user)
    try:
        document = workspace.documents.create()
        document.set_layout(make_layout(), "tiny")
        record = add_result(workspace, document)
        workspace.documents.save(document)
    finally:
        set_current_user("")
    return document, record


def test_without_a_login_every_route_answers_401(app: FastAPI) -> None:
    client, routes = visitor(app), all_routes(app)
    paths = {path for _, path in routes}
    assert {"/library", "/documents/x/generate", "/tiles/x/x/x/x_x.jpg", "/gradio_api/queue/join"} <= paths
    for method, path in routes:
        if method == "POST" and path in ("/login", "/logout"):
            continue
        if path == "/healthz":  # says whether the server is well, and nothing of anybody
            continue
        assert client.request(method, path).status_code == 401, (method, path)


def test_without_a_login_no_socket_opens(app: FastAPI) -> None:
    with pytest.raises(WebSocketDisconnect), visitor(app).websocket_connect(f"/documents/{'0' * 32}/live"):
        pass


def test_a_browser_is_shown_the_form_and_comes_in_with_the_right_password(app: FastAPI) -> None:
    client = visitor(app)
    page = client.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, "<form" in page.text) == (401, True)
    wrong = client.post("/login", data={"name": "<b>anna", "password": "guess"})
    assert wrong.status_code == 401
    assert "wrong" in wrong.text
    assert "<b>" not in wrong.text
    assert client.get("/library").status_code == 401
    right = client.post("/login", data={"name": "anna", "password": "secret"})
    assert "httponly" in right.headers["set-cookie"].lower()
    assert client.get("/library").status_code == 200
    assert client.get("/").status_code == 200


def test_a_forged_cookie_or_one_of_nobody_does_not_open(app: FastAPI) -> None:
    client = visitor(app, "anna")
    name, until, signature = client.cookies["ssldiff-login"].split(".")
    for forged in (f"{name}.9999999999.{signature}", f"Ym9i.{until}.{signature}", "x", "..", ""):
        assert visitor(app).get("/library", headers={"Cookie": f"ssldiff-login={forged}"}).status_code == 401


def test_programs_use_basic(app: FastAPI) -> None:
    assert visitor(app).get("/library", auth=("bert", "hidden")).status_code == 200
    assert visitor(app).get("/library", auth=("bert", "secret")).status_code == 401


def test_documents_jobs_and_results_are_seen_by_their_owner_alone(app: FastAPI) -> None:
    anna, bert = visitor(app, "anna"), visitor(app, "bert")
    document, record = document_of(app, "anna")
    paths = [
        f"/documents/{document.id}", f"/tiles/{record.scene_id}/{record.scene_version}/0/0_0.jpg",
        f"/documents/{document.id}/file", f"/documents/{document.id}/results/{record.id}/labels.png",
    ]  # fmt: skip
    for path in paths:
        assert (anna.get(path).status_code, bert.get(path).status_code) == (200, 404), path
    assert [d["id"] for d in anna.get("/library").json()["recent"]] == [document.id]
    assert bert.get("/library").json()["recent"] == []
    with pytest.raises(WebSocketDisconnect), bert.websocket_connect(f"/documents/{document.id}/live"):
        pass
    with anna.websocket_connect(f"/documents/{document.id}/live") as socket:
        assert socket.receive_json()["id"] == document.id
    copy = anna.post(f"/documents/{document.id}/duplicate").json()["id"]
    assert bert.get(f"/documents/{copy}").status_code == 404
    assert bert.post(f"/documents/{document.id}/delete").status_code == 404


def test_uploads_are_seen_and_opened_by_who_sent_them_alone(app: FastAPI) -> None:
    anna, bert = visitor(app, "anna"), visitor(app, "bert")
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(buffer, "PNG")
    scene = anna.post("/uploads", files={"file": ("mine.png", buffer.getvalue())}).json()["scene"]
    tile = f"/tiles/{scene['id']}/{scene['version']}/0/0_0.jpg"
    names = [[one["name"] for one in user.get("/library").json()["scenes"]] for user in (anna, bert)]
    assert ["mine.png" in listed for listed in names] == [True, False]
    assert [user.get(tile).status_code for user in (anna, bert)] == [200, 404]
    assert [user.post("/documents", json={"scene": scene["id"]}).status_code for user in (anna, bert)] == [200, 422]


def test_a_result_is_opened_as_a_scene_by_its_owner_alone(app: FastAPI) -> None:
    _, record = document_of(app, "anna")
    statuses = [visitor(app, name).post("/documents", json={"scene": record.scene_id}).status_code for name in ACCOUNTS]
    assert statuses == [200, 422]


def test_saved_palettes_are_each_users_own(app: FastAPI) -> None:
    for name in ACCOUNTS:
        document, _ = document_of(app, name)
        path = f"/documents/{document.id}/palette/save"
        assert visitor(app, name).post(path, json={"name": f"of {name}"}).status_code == 200
    for name in ACCOUNTS:
        listed = [one["name"] for one in visitor(app, name).get("/palettes").json()["palettes"]]
        assert listed == [f"of {name}"]
    document, _ = document_of(app, "bert")
    answer = visitor(app, "bert").post(f"/documents/{document.id}/palette/take", json={"palette": "of anna"})
    assert answer.status_code == 422


def test_a_job_reads_with_the_eyes_of_who_asked_for_it(app: FastAPI) -> None:
    workspace, seen = app.state.workspace, []
    document, _ = document_of(app, "anna")
    job = Job("test", document.id, owner="anna")
    workspace.jobs.submit(job, lambda _: seen.append(workspace.documents.get(document.id) is not None))
    while job.active:
        time.sleep(0.01)
    assert seen == [True]


def test_behind_a_proxy_its_header_names_the_user(tmp_path: Path) -> None:
    app = create_app(AppConfig(data_dir=tmp_path, proxy_header="X-Remote-User"))
    client = TestClient(app)
    assert client.get("/library").status_code == 401
    assert client.get("/library", headers={"X-Remote-User": "anna"}).status_code == 200
    app.state.workspace.close()


def test_accounts_come_from_a_text_or_a_file(tmp_path: Path) -> None:
    assert read_accounts("anna:se:cret") == {"anna": "se:cret"}
    file = tmp_path / "accounts.txt"
    file.write_text("# people\nanna:secret\n\nbert:hidden\n", encoding="utf-8")
    assert read_accounts(str(file)) == ACCOUNTS
    for wrong in ("anna", ":secret", "anna:"):
        with pytest.raises(SettingsError, match="name:password"):
            read_accounts(wrong)
