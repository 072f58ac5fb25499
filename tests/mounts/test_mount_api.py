from __future__ import annotations

import time

import httpx


def test_the_data_of_its_lifespan_is_there(client: httpx.Client) -> None:
    assert "Five islands, one API." in client.get("/api/").text
    stations = client.get("/api/stations").json()
    assert len(stations) == 5
    assert client.get("/api/stations/gull").status_code == 200
    assert client.get("/api/stations/nowhere").status_code == 404


def test_a_reading_is_added_under_the_prefix(client: httpx.Client) -> None:
    made = client.post("/api/stations/gull/readings", json={"celsius": 1, "wind": 2})
    assert made.status_code == 201
    assert "/api/stations/gull" in made.headers["Location"]
    assert client.post("/api/stations/gull/readings", json={}).status_code == 422


def test_a_slow_stream_arrives_line_by_line(client: httpx.Client) -> None:
    arrivals = []
    with client.stream("GET", "/api/stream?count=4&pause=0.2") as answer:
        arrivals = [time.monotonic() for _ in answer.iter_lines()]
    assert len(arrivals) == 4
    assert arrivals[-1] - arrivals[0] > 0.4


def test_its_schema_knows_the_prefix(client: httpx.Client) -> None:
    assert client.get("/api/openapi.json").json()["servers"] == [{"url": "/api"}]


def test_an_undecodable_path_is_a_bad_request(
    base_url: str, client: httpx.Client
) -> None:
    request = client.build_request("GET", "/")
    request.url = httpx.URL(base_url).copy_with(raw_path=b"/api/%ff")
    assert client.send(request).status_code == 400
