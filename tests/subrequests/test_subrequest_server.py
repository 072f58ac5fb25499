"""Subrequests over real sockets: relayed streams, clients that leave, many at once."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from composing import composed, get
from werkzeug.test import Client

from gateway.lifecycle import Gateway
from gateway.servers.waitress import WaitressServer, running

SOURCE = """
from gateway import current_app, g

ended = []

@current_app.teardown_appcontext
def end(exc):
    ended.append(g.name)

def application(environ, start_response):
    g.name = environ["QUERY_STRING"] or "endless"
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return body(environ["QUERY_STRING"])

def body(name):
    while not name:
        yield b"x" * 65536
    for _ in range(3):
        assert g.name == name
        yield name.encode() + b" "
"""
RELAY = """
import flask
from gateway import subrequest

app = flask.Flask(__name__)

@app.get("/")
def index():
    flask.g.query = flask.request.query_string.decode()
    response = subrequest("/", mount="source", query=flask.g.query)
    assert flask.g.query == flask.request.query_string.decode()
    return response
"""
MOUNTS = """
source: {app: app:application, path: source}
relay: {app: app:app, path: relay}
"""
FILES = {"source/app.py": SOURCE, "relay/app.py": RELAY}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with composed(tmp_path, MOUNTS, FILES) as gateway:
        yield gateway


@pytest.fixture
def server(gateway: Gateway) -> Iterator[WaitressServer]:
    with running(gateway, replace(gateway.spec.server, port=0)) as server:
        yield server


def ended(gateway: Gateway) -> list[str]:
    namespace = gateway.mounts["source"].application.mount.namespace
    return namespace.import_module("app").ended  # type: ignore[no-any-return]


def is_idle(gateway: Gateway) -> bool:
    return not any(mount.in_flight for mount in gateway.mounts.values())


def test_many_at_once(gateway: Gateway, server: WaitressServer) -> None:
    def ask(number: int) -> str:
        url = f"{server.url}/relay/?n{number}"
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.read().decode()  # type: ignore[no-any-return]

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(ask, range(64)))
    assert said == [f"n{number} " * 3 for number in range(64)]
    assert sorted(ended(gateway)) == sorted(f"n{number}" for number in range(64))
    assert is_idle(gateway)


def test_a_client_that_leaves(gateway: Gateway, server: WaitressServer) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"GET /relay/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        assert gateway.mounts["source"].in_flight == 1
    deadline = time.monotonic() + 10
    while not (ended(gateway) and is_idle(gateway)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert ended(gateway) == ["endless"]


LIMITED = """
import flask
from gateway import subrequest

app = flask.Flask(__name__)

@app.get("/")
def index():
    return "deep"

@app.get("/itself")
def itself():
    with subrequest("/", mount="limited") as response:
        return f"{response.status_code} {response.get_data(as_text=True)}"

@app.get("/stream")
def stream():
    return flask.Response(iter([b"first", b"second"]))
"""
ASKING = """
import flask
from gateway import subrequest

app = flask.Flask(__name__)

@app.get("/")
def index():
    with subrequest("/", mount="limited") as response:
        return f"{response.status_code} {response.headers.get('Retry-After')}"
"""


def test_a_full_mount_refuses_at_once_but_may_ask_itself(tmp_path: Path) -> None:
    mounts = """
    limited: {app: app:app, path: limited, max_concurrency: 1, queue_timeout: 7s}
    asking: {app: app:app, path: asking}
    """
    files = {"limited/app.py": LIMITED, "asking/app.py": ASKING}
    with composed(tmp_path, mounts, files) as gateway:
        assert get(gateway, "/limited/itself").text == "200 deep"
        assert get(gateway, "/asking/").text == "200 None"
        held = Client(gateway).get("/limited/stream", buffered=False)
        assert get(gateway, "/asking/").text == "503 7"
        held.close()
        assert get(gateway, "/asking/").text == "200 None"
