"""Whose a request is, as the gateway itself would have it; and its limits on reload."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from composing import composed, configured, get, modules_forgotten, write
from werkzeug.test import create_environ

from gateway.admin.application import administer
from gateway.admin.snapshot import snapshot
from gateway.config.load import load_config
from gateway.config.spec import QueueSpec
from gateway.errors import ConfigError
from gateway.lifecycle import Gateway
from gateway.servers.waitress import Fairness, WaitressServer, running
from gateway.shares import ADMIN, NOBODY, REFUSED, Load, Share

MOUNTS = """
portal: {prefix: /, redirect: /notes}
notes: {redirect: /x, max_concurrency: 3, queue: 5, queue_timeout: 2s}
deep: {prefix: /notes/deep, redirect: /x}
other: {host: other.test, prefix: /notes, redirect: /x}
"""
APP = """
import threading
entered, released = threading.Event(), threading.Event()
def application(environ, start_response):
    if environ["PATH_INFO"] == "/held":
        entered.set()
        assert released.wait(20)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    config = configured(tmp_path, MOUNTS, {})
    config.write_text("admin: {}\n" + config.read_text())
    with Gateway(load_config(config), front=administer) as loaded:
        yield loaded


def share_of(gateway: Gateway, path: str, host: str = "localhost") -> str:
    environ = create_environ(path, f"http://{host}/")
    return gateway.shares(environ).name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "portal"),
        ("/x", "portal"),
        ("/notes", "notes"),
        ("/notes/", "notes"),
        ("/notes/x", "notes"),
        ("/notesx", "portal"),
        ("/notes/deep/x", "deep"),
        ("/notes/deep/../x", "notes"),
        ("/notes/../x", "portal"),
        ("/_gateway/status", ADMIN.name),
        ("/_gatewayx", "portal"),
    ],
)
def test_a_request_is_the_mounts_that_serves_it(
    gateway: Gateway, path: str, name: str
) -> None:
    assert share_of(gateway, path) == name


def test_hosts_are_told_apart(gateway: Gateway) -> None:
    assert share_of(gateway, "/notes/", "other.test") == "other"
    assert share_of(gateway, "/notes/", "OTHER.test:8080") == "other"
    assert share_of(gateway, "/_gateway/", "other.test") == ADMIN.name
    assert share_of(gateway, "/", "other.test") == "portal"


def test_the_host_that_a_trusted_proxy_names_is_the_one(tmp_path: Path) -> None:
    config = configured(tmp_path, MOUNTS, {})
    config.write_text("server: {trusted_hops: 1}\n" + config.read_text())
    with Gateway.from_file(config) as gateway:
        environ = create_environ("/notes/")
        assert gateway.shares(environ).name == "notes"
        environ["HTTP_X_FORWARDED_HOST"] = "evil.test, other.test"
        assert gateway.shares(environ).name == "other"
        environ["HTTP_X_FORWARDED_HOST"] = "a b"
        assert gateway.shares(environ).name == "notes"
        assert environ["HTTP_HOST"] == "localhost"


def test_what_leads_nowhere_is_nobodys(tmp_path: Path) -> None:
    with composed(tmp_path, "notes: {redirect: /x}") as gateway:
        assert share_of(gateway, "/other") == NOBODY.name
        for odd in (
            {"PATH_INFO": "notes/"},
            {"HTTP_HOST": "a b"},
            {"PATH_INFO": "*"},
        ):
            environ = {**create_environ("/notes/"), **odd}
            assert gateway.shares(environ) is NOBODY
        # RFC 9110, 4.2.3: an empty path is the root.
        environ = {**create_environ("/"), "PATH_INFO": ""}
        assert gateway.shares(environ) is NOBODY


def test_limits_are_the_files(gateway: Gateway) -> None:
    environ = create_environ("/notes/")
    assert gateway.shares(environ) == Share("notes", QueueSpec(3, 5, 2.0))
    assert gateway.shares(create_environ("/")) == Share("portal", QueueSpec(None))
    assert gateway.shares(create_environ("/_gateway/")).vital


def test_defaults_reach_every_kind_of_mount(tmp_path: Path) -> None:
    config = configured(tmp_path, MOUNTS, {})
    defaults = "defaults: {max_concurrency: 2, queue: 9, queue_timeout: 500ms}\n"
    config.write_text(defaults + config.read_text())
    spec = load_config(config)
    found = {mount.name: mount.queueing for mount in spec.mounts}
    assert found["notes"] == QueueSpec(3, 5, 2.0)
    assert found["deep"] == QueueSpec(2, 9, 0.5)


@pytest.mark.parametrize(
    "wrong",
    ["max_concurrency: 0", "queue: 0", "queue_timeout: 0s", "max_concurency: 2"],
)
def test_wrong_limits_are_told(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigError):
        load_config(configured(tmp_path, f"notes: {{redirect: /x, {wrong}}}", {}))


def test_a_refusal_says_when_to_come_again_and_is_logged_with_its_mount(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gateway.access")
    share = gateway.shares(create_environ("/notes/"))
    response = get(gateway.refuse, "/notes/x", environ_base={REFUSED: share})
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "2"
    (record,) = caplog.records
    assert record.mount == "notes"  # type: ignore[attr-defined]


def test_new_limits_take_effect_without_a_new_mount(tmp_path: Path) -> None:
    with (
        modules_forgotten(),
        composed(
            tmp_path,
            "notes: {app: 'app:application', path: notes, queue: 5}",
            {"notes/app.py": APP},
        ) as gateway,
    ):
        before = gateway.mounts["notes"]
        text = gateway.spec.source.read_text()
        gateway.spec.source.write_text(text.replace("queue: 5", "queue: 7"))
        assert gateway.reload().kept == ("notes",)
        assert gateway.mounts["notes"] is before
        assert gateway.shares(create_environ("/notes/")).limits.queue == 7


def test_a_mount_that_moves_takes_its_share_along(tmp_path: Path) -> None:
    with composed(tmp_path, "notes: {redirect: /x}") as gateway:
        write(tmp_path, {"gateway.yaml": "mounts: {new: {redirect: /x}}"})
        gateway.reload()
        assert share_of(gateway, "/notes/") == NOBODY.name
        assert share_of(gateway, "/new/") == "new"


def test_a_served_gateway_refuses_counts_and_tells(tmp_path: Path) -> None:
    mounts = """
    held: {app: "gateway_test_app:application", path: ., imports: shared,
           max_concurrency: 1, queue: 1}
    """
    with (
        modules_forgotten(),
        composed(tmp_path, mounts, {"gateway_test_app.py": APP}) as gateway,
    ):
        spec = replace(gateway.spec.server, port=0)
        fairness = Fairness(gateway.shares, gateway.refuse)
        module = sys.modules["gateway_test_app"]
        with running(gateway, spec, fairness) as server:
            gateway.shares.loads = server.loads
            first, second, third = (ask(server, "/held/held") for _ in range(3))
            assert module.entered.wait(10)
            refused = next(each for each in (third, second, first) if is_answered(each))
            assert refused.recv(4096).startswith(b"HTTP/1.1 503 ")
            assert server.loads()["held"] == Load(running=1, queued=1, rejected=1)
            (status,) = snapshot(gateway).mounts
            assert (status.in_flight, status.queued, status.rejected) == (1, 1, 1)
            module.released.set()
            for client in (first, second, third):
                if client is not refused:
                    assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
                client.close()


def ask(server: WaitressServer, path: str) -> socket.socket:
    client = socket.create_connection(server.address, timeout=10)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return client


def is_answered(client: socket.socket) -> bool:
    import select

    return bool(select.select([client], [], [], 0.5)[0])


def test_the_schema_knows_the_keys() -> None:
    from gateway.config.schema import json_schema

    text: Any = json.dumps(json_schema())
    for key in ("max_threads", "max_concurrency", "queue", "queue_timeout"):
        assert f'"{key}"' in text
