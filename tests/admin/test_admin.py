"""``admin:``: status and reload, whom they answer and what they tell."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from composing import PLAIN, composed, configured, get, write

from gateway.admin.access import has_token
from gateway.admin.application import administer
from gateway.config.load import load_config
from gateway.failing import Failures
from gateway.lifecycle import Gateway
from gateway.servers.waitress import running

TOKEN = "t0ken-of-the-test"
SHOW = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = [name for name in environ if "FORWARDED" in name or name == "HTTP_VIA"]
    return [" ".join(sorted(names)).encode()]
"""
MOUNTS = """
root: {app: app:application, path: root, prefix: /}
a: {app: app:application, path: a, config: {SECRET: hunter2}}
there: {app: app:application, path: a, host: shop.example.org}
wild: {app: app:application, path: a, host: "*.example.com"}
"""
FILES = {"root/app.py": SHOW, "a/app.py": PLAIN}
LOCAL = {"REMOTE_ADDR": "127.0.0.1"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def made(folder: Path, admin: str, **options: Any) -> Gateway:
    config = configured(folder, MOUNTS, FILES)
    config.write_text(f"server: {{port: 0}}\n{admin}\n" + config.read_text())
    return Gateway(load_config(config), front=administer, **options)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with made(tmp_path, f"admin: {{token: {TOKEN}}}") as built:
        yield built


def ask(gateway: Gateway, path: str, **options: Any) -> Any:
    environ = {**LOCAL, **options.pop("environ", {})}
    return get(gateway, path, environ_base=environ, **options)


def test_status(gateway: Gateway) -> None:
    answer = ask(gateway, "/_gateway/status")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    status = answer.json
    assert [mount["name"] for mount in status["mounts"]] == list(gateway.mounts)
    first = status["mounts"][0]
    assert first["load_seconds"] > 0
    del first["load_seconds"]
    assert first == {
        "name": "root",
        "prefix": "/",
        "host": None,
        "kind": "wsgi",
        "source": "root app:application",
        "state": "serving",
        "in_flight": 0,
        "queued": 0,
        "rejected": 0,
        "generation": 1,
        "problem": None,
        "slow": 0,
    }
    assert status["pid"] > 0
    assert status["uptime"] >= 0
    assert status["version"]
    assert status["reload"] == {"running": False, "last": None}
    assert TOKEN not in answer.text
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    "host", ["localhost", "shop.example.org", "x.example.com", "other.example.net"]
)
def test_it_is_on_every_host_and_in_front_of_every_mount(
    gateway: Gateway, host: str
) -> None:
    answer = ask(gateway, "/_gateway/status", base_url=f"http://{host}")
    assert answer.status_code == 200


def test_without_the_section_there_is_none(tmp_path: Path) -> None:
    with made(tmp_path, "") as gateway:
        assert ask(gateway, "/_gateway/status").text == ""  # the root mount's
    with composed(tmp_path / "x", MOUNTS, FILES) as gateway:
        assert "_admin" not in gateway.mounts


@pytest.mark.parametrize(
    "environ",
    [
        {"REMOTE_ADDR": "192.0.2.1"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "localhost"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_X_FORWARDED_PREFIX": "/x"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
        {"HTTP_VIA": "1.1 proxy"},
        {"HTTP_X_REAL_IP": "127.0.0.1"},
        {"gateway.forwarded": True},
    ],
)
@pytest.mark.parametrize("path", ["", "/", "/status", "/reload"])
def test_for_others_there_is_nothing_there(
    gateway: Gateway, path: str, environ: Any
) -> None:
    method = "POST" if path == "/reload" else "GET"
    answer = ask(
        gateway, f"/_gateway{path}", method=method, environ=environ, headers=BEARER
    )
    assert answer.status_code == 404
    assert "Location" not in answer.headers
    assert "Nothing is served at this address." in answer.text


@pytest.mark.parametrize("address", ["127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_has_many_addresses(gateway: Gateway, address: str) -> None:
    answer = ask(gateway, "/_gateway/status", environ={"REMOTE_ADDR": address})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer",
        "Bearer x",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}x",
        "Bearer \xe9",
    ],
)
def test_a_reload_needs_the_token(gateway: Gateway, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = ask(gateway, "/_gateway/reload", method="POST", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert TOKEN not in answer.text
    assert gateway.last_reload is None


def test_the_scheme_is_a_word_in_any_case() -> None:
    assert has_token({"HTTP_AUTHORIZATION": "bearer abc"}, "abc")
    assert not has_token({"HTTP_AUTHORIZATION": "bearer "}, "abc")


def test_without_a_token_nothing_can_be_changed(tmp_path: Path) -> None:
    with made(tmp_path, "admin:") as gateway:
        for headers in ({}, {"Authorization": "Bearer "}, BEARER):
            answer = ask(gateway, "/_gateway/reload", method="POST", headers=headers)
            assert answer.status_code == 403
        assert ask(gateway, "/_gateway/status").status_code == 200


def test_get_does_not_reload(gateway: Gateway) -> None:
    assert ask(gateway, "/_gateway/reload", headers=BEARER).status_code == 405


def reload(gateway: Gateway) -> Any:
    return ask(gateway, "/_gateway/reload", method="POST", headers=BEARER)


def test_a_reload_and_its_report(gateway: Gateway, tmp_path: Path) -> None:
    write(tmp_path, {"root/app.py": PLAIN})
    answer = reload(gateway)
    assert answer.status_code == 200
    assert answer.json["replaced"] == ["root"]
    assert answer.json["kept"] == ["a", "there", "wild"]
    assert answer.json["seconds"] > 0
    assert get(gateway, "/").text == "plain"
    last = ask(gateway, "/_gateway/status").json["reload"]["last"]
    assert last["report"] == answer.json


def test_a_reload_that_fails_says_why(gateway: Gateway, tmp_path: Path) -> None:
    write(tmp_path, {"root/app.py": "\n1 / 0\n"})
    answer = reload(gateway)
    assert answer.status_code == 422
    assert answer.content_type == "text/plain; charset=utf-8"
    assert "mount 'root'" in answer.text
    assert 'app.py", line 2' in answer.text
    assert get(gateway, "/").status_code == 200
    last = ask(gateway, "/_gateway/status").json["reload"]["last"]
    assert last["report"] is None
    assert "ZeroDivisionError" in last["problems"][0]
    config = tmp_path / "gateway.yaml"
    config.write_text(config.read_text().replace("prefix: /", "prefx: /"))
    assert "gateway.yaml:4:" in reload(gateway).text
    assert "did you mean prefix?" in reload(gateway).text


def test_one_reload_at_a_time(gateway: Gateway, tmp_path: Path) -> None:
    slow = "import pathlib, time\npathlib.Path(%r).touch()\ntime.sleep(0.6)\n"
    begun = tmp_path / "begun"
    write(tmp_path, {"root/app.py": slow % str(begun) + PLAIN})
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(reload(gateway)))
    thread.start()
    while not begun.exists():
        thread.join(0.01)
    assert ask(gateway, "/_gateway/status").json["reload"]["running"] is True
    assert reload(gateway).status_code == 409
    thread.join()
    assert [answer.status_code for answer in answers] == [200]


def test_a_new_token_counts_from_the_next_reload(
    gateway: Gateway, tmp_path: Path
) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(config.read_text().replace(TOKEN, "another"))
    assert reload(gateway).status_code == 200
    assert reload(gateway).status_code == 401


def test_the_section_may_go_and_the_server_needs_a_restart(
    gateway: Gateway, tmp_path: Path
) -> None:
    config = tmp_path / "gateway.yaml"
    lines = config.read_text().splitlines()
    config.write_text("\n".join(["server: {threads: 2}", *lines[2:]]))
    assert reload(gateway).json["server_changed"] is True
    assert reload(gateway).text == ""  # the root mount's


def test_what_loads_does_not_see_the_request_that_asked(
    gateway: Gateway, tmp_path: Path
) -> None:
    write(
        tmp_path,
        {
            "root/app.py": "from gateway import has_request_context, current_app\n"
            "SEEN = f'{has_request_context()} {current_app.name}'\n"
            + PLAIN.replace('b"plain"', "SEEN.encode()")
        },
    )
    assert reload(gateway).status_code == 200
    assert get(gateway, "/").text == "False root"


def test_a_mount_that_failed_says_why_in_the_status(tmp_path: Path) -> None:
    write(tmp_path, {"bad/app.py": "1 / 0"})
    config = configured(
        tmp_path, "bad: {app: app:x, path: bad, on_load_error: degrade}", {}
    )
    config.write_text("admin:\n" + config.read_text())
    failures = Failures(degrade=True)
    with Gateway(load_config(config), front=administer, failures=failures) as gateway:
        (mount,) = ask(gateway, "/_gateway/status").json["mounts"]
        assert mount["state"] == "failed"
        assert "ZeroDivisionError" in mount["problem"]


FORWARDING = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"]


def over_a_socket(address: tuple[str, int], path: str, *names: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.request("GET", path, headers=dict.fromkeys(names, "for=127.0.0.1"))
    response = connection.getresponse()
    found = response.status, response.read().decode()
    connection.close()
    return found


def test_forwarded_requests_over_a_socket_are_never_local(gateway: Gateway) -> None:
    with running(gateway, gateway.spec.server) as server:
        assert over_a_socket(server.address, "/_gateway/status")[0] == 200
        for name in (*FORWARDING, "X-Forwarded-Port", "X-Forwarded-By", "Via"):
            assert over_a_socket(server.address, "/_gateway/status", name)[0] == 404
        assert over_a_socket(server.address, "/_gateway/status")[0] == 200


def test_mounts_do_not_see_untrusted_forwarding_headers(gateway: Gateway) -> None:
    with running(gateway, gateway.spec.server) as server:
        assert over_a_socket(server.address, "/", *FORWARDING) == (200, "")
