"""The catalogue as the page gets it."""

from __future__ import annotations

from fastapi.testclient import TestClient

from ssldiff_core.models.listing import list_everything


def test_the_page_gets_the_table_of_the_command_line(client: TestClient) -> None:
    given, listing = client.get("/models").json(), list_everything().to_json()
    assert given["encoders"] == listing["encoders"]
    assert [row["id"] for row in given["models"]] == [row["id"] for row in listing["models"]]
    assert all(row["licence"] and row["pixel_sizes"] for row in given["models"])


def test_the_page_is_not_told_where_models_lie_on_the_server(client: TestClient) -> None:
    assert all("folder" not in row for row in client.get("/models").json()["models"])
