"""``X-Request-ID``: taken, made, returned, and in every record of the request."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from composing import composed, configured, get
from werkzeug.test import create_environ

from gateway.config.load import load_config
from gateway.isolation.logs import REQUEST_ID
from gateway.lifecycle import Gateway
from gateway.policies.request_id import RequestIdPolicy, _numbers
from gateway.servers.waitress import running
from gateway.testing.served import as_served

ECHO = """
import logging

def application(environ, start_response):
    logging.getLogger("gateway_test_echo").warning("called")
    if environ["PATH_INFO"] == "/boom":
        raise ValueError("boom")
    own = [("x-request-id", "of the application")]
    start_response("200 OK", [("Content-Type", "text/plain"), *own])
    return [environ["HTTP_X_REQUEST_ID"].encode()]
"""
NATIVE = """
import logging
from gateway import App, Response

app = App(__name__)

@app.get("/")
def index():
    def steps():
        logging.getLogger("gateway_test_native").warning("late")
        yield b"done"
    return Response(steps())
"""
MOUNTS = """
echo: {app: app:application, path: echo}
native: {app: app:app, path: native}
"""
FILES = {"echo/app.py": ECHO, "native/app.py": NATIVE}
MADE = re.compile("[0-9a-f]{32}")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with composed(tmp_path, MOUNTS, FILES) as gateway:
        yield gateway


def ids_of(caplog: pytest.LogCaptureFixture, logger: str) -> list[str]:
    return [
        record.request_id  # type: ignore[attr-defined]
        for record in caplog.records
        if record.name == logger
    ]


@pytest.mark.parametrize(
    "sent",
    [
        "r1",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "Root=1:a/b+c@d~e_f.g",
        "x" * 128,
    ],
)
def test_a_valid_one_is_taken(gateway: Gateway, sent: str) -> None:
    answer = get(gateway, "/echo/", headers={"X-Request-ID": sent})
    assert answer.text == sent
    assert answer.headers.getlist("X-Request-ID") == [sent]


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "x" * 129,
        "a b",
        "a,b",  # two headers, as a server joins them
        'a"b',
        "<script>",
        "a\x1bb",
        "a\r\nSet-Cookie: x=1",
        "a\n",
        "\xe9",
        "${jndi:x}",
    ],
)
def test_any_other_is_replaced(gateway: Gateway, sent: str | None) -> None:
    environ = {} if sent is None else {"HTTP_X_REQUEST_ID": sent}
    answer = get(gateway, "/echo/", environ_overrides=environ)
    assert MADE.fullmatch(answer.text)
    assert answer.headers.getlist("X-Request-ID") == [answer.text]


def test_each_request_has_its_own(gateway: Gateway) -> None:
    assert len({get(gateway, "/echo/").text for _ in range(100)}) == 100


@pytest.mark.parametrize("path", ["/none", "/echo", "/echo/boom"])
def test_the_gateways_own_answers_have_one_too(gateway: Gateway, path: str) -> None:
    answer = get(as_served(gateway), path, headers={"X-Request-ID": "r1"})
    assert answer.status_code in (308, 404, 500)
    assert answer.headers.getlist("X-Request-ID") == ["r1"]


def test_every_record_of_the_request_has_it(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    get(as_served(gateway), "/echo/boom", headers={"X-Request-ID": "r1"})
    for logger in ("gateway_test_echo", "gateway.mount", "gateway.access"):
        assert ids_of(caplog, logger) == ["r1"], logger
    caplog.clear()
    # A native application's request context is gone when its body is made.
    get(gateway, "/native/", headers={"X-Request-ID": "r2"})
    assert ids_of(caplog, "gateway_test_native") == ["r2"]


def told(folder: Path, request_id: str) -> Gateway:
    spec = load_config(configured(folder, MOUNTS, FILES))
    server = replace(spec.server, request_id=request_id)  # type: ignore[arg-type]
    return Gateway(replace(spec, server=server))


def test_make_takes_none(tmp_path: Path) -> None:
    with told(tmp_path, "make") as gateway:
        answer = get(gateway, "/echo/", headers={"X-Request-ID": "r1"})
    assert MADE.fullmatch(answer.text)


def test_off_leaves_all_as_it_is(tmp_path: Path) -> None:
    with told(tmp_path, "off") as gateway:
        answer = get(gateway, "/echo/", headers={"X-Request-ID": "a b"})
    assert answer.text == "a b"
    assert answer.headers["X-Request-ID"] == "of the application"


def test_a_gateway_in_a_gateway_keeps_the_outer_one(gateway: Gateway) -> None:
    outer = RequestIdPolicy(gateway, accept=True)
    answer = get(outer, "/echo/")
    assert answer.headers.getlist("X-Request-ID") == [answer.text]


def test_the_servers_environ_and_the_headers_are_not_changed() -> None:
    headers = [("X-Request-Id", "own"), ("A", "b")]

    def application(environ: Any, start_response: Any) -> list[bytes]:
        assert environ[REQUEST_ID] == "r1"
        try:
            raise ValueError
        except ValueError as error:
            start_response("500 No", headers, (ValueError, error, None))
        return []

    seen: list[Any] = []
    environ = create_environ(headers={"X-Request-ID": "r1"})
    before = dict(environ)
    RequestIdPolicy(application, accept=True)(
        environ,
        lambda *args: seen.append(args),  # type: ignore[arg-type, return-value]
    )
    assert environ == before
    ((status, sent, exc_info),) = seen
    assert (status, sent) == ("500 No", [("A", "b"), ("X-Request-ID", "r1")])
    assert exc_info[0] is ValueError
    assert headers == [("X-Request-Id", "own"), ("A", "b")]


def test_over_a_real_server(gateway: Gateway) -> None:
    import http.client

    spec = replace(gateway.spec.server, port=0)
    with running(gateway, spec) as server:
        for sent, fits in (("r-1", True), ("a b", False)):
            client = http.client.HTTPConnection(*server.address, timeout=10)
            client.request("GET", "/echo/", headers={"X-Request-ID": sent})
            answer = client.getresponse()
            text = answer.read().decode()
            client.close()
            assert answer.getheader("X-Request-ID") == text
            assert (text == sent) is fits


def test_a_forked_process_does_not_repeat_its_parents_ids() -> None:
    def of_child() -> str:
        reads, writes = os.pipe()
        if not (child := os.fork()):
            made = [str(_numbers.getrandbits(128)) for _ in range(3)]
            os.write(writes, " ".join(made).encode())
            os._exit(0)
        os.close(writes)
        with open(reads) as file:
            text = file.read()
        os.waitpid(child, 0)
        return text

    made = [*of_child().split(), *of_child().split()]
    made += [str(_numbers.getrandbits(128)) for _ in range(3)]
    assert len(set(made)) == 9
