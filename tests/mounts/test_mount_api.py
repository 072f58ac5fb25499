from __future__ import annotations

import time

import httpx
import pytest

from gateway.testing import LiveGateway, MountClient

pytestmark = pytest.mark.mount("api")


def test_the_data_of_its_lifespan_is_there(mount_client: MountClient) -> None:
    assert "Five islands, one API." in mount_client.get("/").text
    stations = mount_client.get("/stations").json
    assert stations is not None
    assert len(stations) == 5
    assert mount_client.get("/stations/gull").status_code == 200
    assert mount_client.get("/stations/nowhere").status_code == 404


def test_a_reading_is_added_under_the_prefix(mount_client: MountClient) -> None:
    made = mount_client.post("/stations/gull/readings", json={"celsius": 1, "wind": 2})
    assert made.status_code == 201
    assert "/api/stations/gull" in made.headers["Location"]
    assert mount_client.post("/stations/gull/readings", json={}).status_code == 422


def test_a_slow_stream_arrives_line_by_line(live_gateway: LiveGateway) -> None:
    url = live_gateway.url("/api/stream?count=4&pause=0.2")
    with httpx.stream("GET", url, timeout=20) as answer:
        arrivals = [time.monotonic() for _ in answer.iter_lines()]
    assert len(arrivals) == 4
    assert arrivals[-1] - arrivals[0] > 0.4


def test_its_schema_knows_the_prefix(mount_client: MountClient) -> None:
    schema = mount_client.get("/openapi.json").json
    assert schema is not None
    assert schema["servers"] == [{"url": "/api"}]


def test_an_undecodable_path_is_a_bad_request(live_gateway: LiveGateway) -> None:
    url = httpx.URL(live_gateway.base_url).copy_with(raw_path=b"/api/%ff")
    assert httpx.get(url).status_code == 400
