"""Sessions on the server: in memory, in files, and in a real Redis."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port

from gateway import App, session
from gateway.errors import MissingExtraError
from gateway.sessions import StoredSessionInterface

STRICT = os.environ.get("GATEWAY_STRICT_COMPONENTS") == "1"


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("redis-server did not start")


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of our own on a free port of this machine."""
    server = shutil.which("redis-server")
    if server is None:
        reason = "redis-server is not installed"
        if STRICT:
            pytest.fail(reason)
        pytest.skip(reason)
    pytest.importorskip("redis", reason="the extra redis is not installed")
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    process = subprocess.Popen(
        [server, "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(params=["memory", "file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> StoredSessionInterface:
    pytest.importorskip("cachelib", reason="the extra redis is not installed")
    if request.param == "memory":
        return StoredSessionInterface.memory()
    if request.param == "file":
        return StoredSessionInterface.file(tmp_path / "sessions")
    url = request.getfixturevalue("redis_url")
    return StoredSessionInterface.redis(url, key_prefix=f"{tmp_path.name}:")


def build_app(interface: StoredSessionInterface) -> App:
    app = App("stored", static_folder=None)
    app.testing = True
    app.session_interface = interface

    @app.get("/login/<name>")
    def login(name: str) -> str:
        session.regenerate()  # type: ignore[attr-defined]
        session["name"] = name
        return "in"

    @app.get("/who")
    def who() -> str:
        return str(session.get("name", "nobody"))

    @app.get("/logout")
    def logout() -> str:
        session.clear()
        return "out"

    @app.get("/keep/<name>")
    def keep(name: str) -> str:
        session.permanent = True
        session["name"] = (name, b"\x00", {" t": 1})
        return str(session.new)

    app.add_url_rule("/untouched", "untouched", lambda: "")
    return app


def _sid(client: Any) -> str:
    cookie = client.get_cookie("session")
    assert cookie is not None
    value: str = cookie.value
    return value


def test_a_session_lives_in_its_store(store: StoredSessionInterface) -> None:
    app = build_app(store)
    client = app.test_client()
    assert client.get("/who").text == "nobody"
    assert "Set-Cookie" not in client.get("/untouched").headers
    answer = client.get("/login/ann")
    assert answer.headers["Vary"] == "Cookie"
    assert "ann" not in answer.headers["Set-Cookie"]
    assert client.get("/who").text == "ann"
    assert app.test_client().get("/who").text == "nobody"


def test_a_copied_cookie_is_worth_nothing_after_logout(
    store: StoredSessionInterface,
) -> None:
    app = build_app(store)
    client, thief = app.test_client(), app.test_client()
    client.get("/login/ann")
    thief.set_cookie("session", _sid(client))
    assert thief.get("/who").text == "ann"
    assert "Max-Age=0" in client.get("/logout").headers["Set-Cookie"]
    assert thief.get("/who").text == "nobody"


def test_an_id_from_outside_is_never_taken(store: StoredSessionInterface) -> None:
    app = build_app(store)
    victim = app.test_client()
    victim.set_cookie("session", "chosen-by-the-attacker")
    victim.get("/keep/x")
    assert _sid(victim) != "chosen-by-the-attacker"


def test_a_login_gets_a_new_id(store: StoredSessionInterface) -> None:
    app = build_app(store)
    client, thief = app.test_client(), app.test_client()
    client.get("/keep/before")
    before = _sid(client)
    thief.set_cookie("session", before)
    client.get("/login/ann")
    assert _sid(client) != before
    assert client.get("/who").text == "ann"
    assert thief.get("/who").text == "nobody"


def test_types_survive_and_permanence_shows(store: StoredSessionInterface) -> None:
    app = build_app(store)
    client = app.test_client()
    answer = client.get("/keep/ann")
    assert answer.text == "True"
    assert "Expires=" in answer.headers["Set-Cookie"]
    assert client.get("/who").text == str(("ann", b"\x00", {" t": 1}))
    assert client.get("/keep/bob").text == "False"
    # Refreshed, though untouched.
    assert "Expires=" in client.get("/untouched").headers["Set-Cookie"]


def test_a_session_expires_in_its_store(store: StoredSessionInterface) -> None:
    app = build_app(store)
    app.config["PERMANENT_SESSION_LIFETIME"] = 1
    client = app.test_client()
    client.get("/login/ann")
    assert client.get("/who").text == "ann"
    sid = _sid(client)
    time.sleep(2.1)
    client.set_cookie("session", sid)
    assert client.get("/who").text == "nobody"


def test_a_session_transaction(store: StoredSessionInterface) -> None:
    client = build_app(store).test_client()
    with client.session_transaction() as stored:
        stored["name"] = "from the test"
    assert client.get("/who").text == "from the test"


def test_neither_ids_nor_pickles_are_stored(tmp_path: Path) -> None:
    client = build_app(StoredSessionInterface.file(tmp_path)).test_client()
    client.get("/login/ann")
    sid = _sid(client).encode()
    content = [file.read_bytes() for file in tmp_path.iterdir()]
    assert any(b"ann" in data for data in content)
    assert not any(sid in data or b"\x80\x05" in data for data in content)


@pytest.mark.parametrize(
    ("module", "make"),
    [
        ("cachelib", StoredSessionInterface.memory),
        ("redis", lambda: StoredSessionInterface.redis("redis://127.0.0.1")),
    ],
)
def test_without_the_extra_it_says_so(
    monkeypatch: pytest.MonkeyPatch, module: str, make: Any
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"wsgi-gateway\[redis\]"):
        make()


def test_a_store_that_refuses_is_an_error(tmp_path: Path) -> None:
    class Full:
        def get(self, key: str) -> None:
            return None

        def set(self, key: str, value: str, timeout: int) -> bool:
            return False

    app = build_app(StoredSessionInterface(Full()))
    with pytest.raises(RuntimeError, match="Full refused"):
        app.test_client().get("/login/ann")


SERVER = """
import sys
from werkzeug.serving import make_server
from gateway.sessions import StoredSessionInterface
sys.path.insert(0, "tests/framework")
from test_stored_sessions import build_app
app = build_app(StoredSessionInterface.redis(sys.argv[1], key_prefix="shared:"))
server = make_server("127.0.0.1", 0, app)
print(server.server_port, flush=True)
server.serve_forever()
"""


def test_two_processes_share_one_login(redis_url: str) -> None:
    import httpx

    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SERVER, redis_url],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        urls = []
        for process in processes:
            assert process.stdout is not None
            urls.append(f"http://127.0.0.1:{int(process.stdout.readline())}")
        one, two = urls
        with httpx.Client() as browser:  # cookies know no ports
            assert browser.get(f"{one}/login/ann").text == "in"
            assert browser.get(f"{two}/who").text == "ann"
            browser.get(f"{two}/logout")
            assert browser.get(f"{one}/who").text == "nobody"
    finally:
        for process in processes:
            process.terminate()
            process.wait(10)
            assert process.stdout is not None
            process.stdout.close()
