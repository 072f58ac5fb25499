"""Rate limits: who is one client, what it is told, and where it is counted."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from composing import get
from policies_site import built, serving

from gateway.config.policy_spec import Rate, RateLimitSpec
from gateway.errors import LoadErrors
from gateway.policies import rate_limit

pytest.importorskip("limits", reason="component not installed: limits")

MOUNT = "a: {{app: app:application, path: a, rate_limit: {}}}"


def statuses(gateway: Any, number: int, **environ: Any) -> list[int]:
    return [
        get(
            gateway, "/a/", environ_base={"REMOTE_ADDR": "192.0.2.1", **environ}
        ).status_code
        for _ in range(number)
    ]


def test_what_a_client_is_told(tmp_path: Path) -> None:
    with serving(tmp_path, MOUNT.format("2/minute")) as served:
        first, second, third = (served.ask("/a/") for _ in range(3))
        assert [each.status for each in (first, second, third)] == [200, 200, 429]
        assert first.headers["RateLimit-Limit"] == "2"
        assert first.headers["RateLimit-Policy"] == "2;w=60"
        left = [each.headers["RateLimit-Remaining"] for each in (first, second, third)]
        assert left == ["1", "0", "0"]
        assert 1 <= int(first.headers["RateLimit-Reset"]) <= 60
        assert third.headers["Retry-After"] == third.headers["RateLimit-Reset"]
        assert "Retry-After" not in second.headers
        assert "REMOTE_ADDR" not in third.text


def test_headers_that_are_no_list_are_left_to_the_server(tmp_path: Path) -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", (("X-Own", "1"),))
        return []

    spec = RateLimitSpec(Rate(2, 60))
    limited = rate_limit.RateLimitPolicy(application, "one", spec)
    calls: list[Any] = []
    limited({"REMOTE_ADDR": "192.0.2.1"}, lambda *args: calls.append(args))
    assert calls == [("200 OK", (("X-Own", "1"),))]


def test_the_window_ends(tmp_path: Path) -> None:
    with built(tmp_path, MOUNT.format("1 per second")) as gateway:
        assert statuses(gateway, 2) == [200, 429]
        deadline = time.monotonic() + 5
        while statuses(gateway, 1) == [429]:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_each_address_is_a_client(tmp_path: Path) -> None:
    with built(tmp_path, MOUNT.format("1/hour")) as gateway:
        assert statuses(gateway, 2) == [200, 429]
        assert statuses(gateway, 2, REMOTE_ADDR="192.0.2.2") == [200, 429]
        assert statuses(gateway, 1, REMOTE_ADDR="::ffff:192.0.2.2") == [429]
        assert statuses(gateway, 1, REMOTE_ADDR="2001:db8::1") == [200]
        # The same network, which one client has as a whole.
        assert statuses(gateway, 1, REMOTE_ADDR="2001:db8::2:2:2:2") == [429]
        assert statuses(gateway, 1, REMOTE_ADDR="2001:db8:0:1::1") == [200]
        assert statuses(gateway, 2, REMOTE_ADDR="") == [200, 429]


def test_a_header_tells_clients_apart(tmp_path: Path) -> None:
    mount = MOUNT.format("{limit: 1/day, by: 'header:X-Api-Key'}")
    with built(tmp_path, mount) as gateway:
        assert statuses(gateway, 2, HTTP_X_API_KEY="one") == [200, 429]
        assert statuses(gateway, 2, HTTP_X_API_KEY="k\xe9y" * 1000) == [200, 429]
        # Without it, the address does.
        assert statuses(gateway, 2) == [200, 429]
        assert statuses(gateway, 1, HTTP_X_API_KEY="") == [429]


def test_mounts_count_for_themselves_and_defaults_can_be_lifted(tmp_path: Path) -> None:
    mounts = """
    a: {app: app:application, path: a}
    b: {app: app:application, path: a}
    free: {app: app:application, path: a, rate_limit: off}
    """
    with built(tmp_path, mounts, top="defaults: {rate_limit: 1/hour}") as gateway:
        answers = [get(gateway, f"/{name}/") for name in ("a", "b", "free", "free")]
        assert [each.status_code for each in answers] == [200] * 4
        assert "RateLimit-Limit" not in answers[3].headers
        assert get(gateway, "/b/").status_code == 429


def test_a_probe_is_not_a_clients_request(tmp_path: Path) -> None:
    mount = (
        "a: {app: app:application, path: a, probe: /, rate_limit: 1/hour, allow: []}"
    )
    with built(tmp_path, mount) as gateway:
        assert get(gateway, "/a/").status_code == 403


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.policies import rate_counts

    monkeypatch.setattr(rate_counts, "_CLIENTS", 100)
    counts = rate_counts.counts_in_memory("a", Rate(10, 3600))
    storage = counts._storage
    assert isinstance(storage, rate_counts.BoundedMemory)
    for number in range(1000):
        counts.hit(f"client-{number}")
    assert len(storage._windows) == 100
    assert counts.hit("client-999")[0] == 2
    assert counts.hit("client-1")[0] == 1
    assert storage.check()
    assert storage.reset() == 100
    assert storage._windows == {}


def test_windows_that_have_ended_are_forgotten() -> None:
    from gateway.policies.rate_counts import BoundedMemory

    storage = BoundedMemory(100)
    for number in range(10):
        storage.incr(f"client-{number}", 0.001)
    time.sleep(0.01)
    assert storage.get("client-1") == 0
    assert storage.incr("client-x", 60) == 1
    assert len(storage._windows) == 1
    assert storage.get("client-x") == 1
    storage.clear("client-x")
    assert storage.get("client-x") == 0
    assert storage.get_expiry("client-x") <= time.time()


def test_many_threads_lose_no_count() -> None:
    from gateway.policies.rate_counts import counts_in_memory

    counts = counts_in_memory("a", Rate(1, 3600))
    threads = [
        threading.Thread(target=lambda: [counts.hit("x") for _ in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.hit("x")[0] == 2001


class Redis:
    """A Redis of our own, which can be ended and started again."""

    def __init__(self, folder: Path, password: str = "") -> None:
        self.folder = folder
        self.password = password
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        user = f":{self.password}@" if self.password else ""
        return f"redis://{user}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        executable = shutil.which("redis-server")
        assert executable is not None
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        if self.password:
            options += ["--requirepass", self.password]
        self.process = subprocess.Popen(
            [executable, *options], cwd=self.folder, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        pytest.fail("redis-server did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("component not installed: redis-server")
    pytest.importorskip("redis", reason="component not installed: redis")
    from gateway.policies import rate_counts

    # However busy the machine is.
    monkeypatch.setattr(rate_counts, "_TIMEOUT", 10.0)
    server = Redis(tmp_path, "hunter2")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def in_redis(redis: Redis, rate: str) -> str:
    by = "by: 'header:X-Api-Key'"
    return MOUNT.format(f"{{limit: {rate}, {by}, storage: '{redis.url}'}}")


def test_replicas_share_a_redis(tmp_path: Path, redis: Redis) -> None:
    from redis import Redis as Client

    mount = in_redis(redis, "3/hour")
    with (
        serving(tmp_path / "one", mount) as one,
        serving(tmp_path / "two", mount) as two,
    ):
        asked = [each.ask("/a/", X_Api_Key="secret") for each in (one, two, one, two)]
        assert [each.status for each in asked] == [200, 200, 200, 429]
        left = [each.headers["RateLimit-Remaining"] for each in asked]
        assert left == ["2", "1", "0", "0"]
        assert 3590 <= int(asked[3].headers["Retry-After"]) <= 3600
        # The key of an API is nobody's business.
        with Client.from_url(redis.url) as client:
            (key,) = client.keys("*")
            assert b"secret" not in key
            assert key.startswith(b"gateway:")
            assert 3590 <= client.ttl(key) <= 3600


def test_while_redis_is_down_all_are_let_through(
    tmp_path: Path,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "gateway.rate_limit")
    monkeypatch.setattr(rate_limit, "_PAUSE", 0.05)
    with serving(tmp_path, in_redis(redis, "1/hour")) as served:
        assert [served.ask("/a/").status for _ in range(2)] == [200, 429]
        redis.stop()
        answers = []
        for _ in range(3):
            answers.append(served.ask("/a/"))
            time.sleep(0.06)
        assert [each.status for each in answers] == [200] * 3
        assert "RateLimit-Limit" not in answers[0].headers
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        assert record.getMessage() == (
            f"mount a: no rate limit: the Redis at 127.0.0.1:{redis.port} cannot be "
            "asked (ConnectionError); all requests are let through until it can"
        )
        redis.start()
        deadline = time.monotonic() + 10
        while served.ask("/a/").status == 200:
            assert time.monotonic() < deadline
            time.sleep(0.06)
        assert caplog.records[1].getMessage() == (
            "mount a: the rate limit holds again: the Redis at "
            f"127.0.0.1:{redis.port} answers"
        )
    assert "hunter2" not in caplog.text


def test_a_redis_that_is_down_is_not_asked_again_at_once(
    tmp_path: Path,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_limit, "_PAUSE", 3600.0)
    redis.stop()
    with built(tmp_path, in_redis(redis, "1/hour")) as gateway:
        assert statuses(gateway, 2) == [200, 200]
        redis.start()
        assert statuses(gateway, 2) == [200, 200]
    assert len(caplog.records) == 1


def test_one_request_finds_out_whether_a_redis_answers_again() -> None:
    """One that hangs takes a timeout: not of every thread, each time."""
    begun, over = threading.Event(), threading.Event()

    class Hanging:
        asked = 0

        def hit(self, client: str) -> tuple[int, float]:
            self.asked += 1
            if self.asked > 1:
                begun.set()
                over.wait(10)
            raise OSError

        def close(self) -> None:
            """Nothing is open."""

    counts = Hanging()
    forgiving = rate_limit._Forgiving(counts, "a", "redis://h.example")
    assert forgiving.hit("ada") is None
    forgiving._again = 0.0  # The pause is over.
    thread = threading.Thread(target=forgiving.hit, args=("ada",))
    thread.start()
    assert begun.wait(10)
    assert forgiving.hit("bob") is None
    over.set()
    thread.join()
    assert counts.asked == 2


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://u:p@h.example", "the Redis at h.example:6379"),
        ("rediss://:p@[::1]:7000/3", "the Redis at [::1]:7000"),
        ("unix://u:p@/run/redis.sock", "the Redis"),
    ],
)
def test_urls_are_shown_without_secrets(url: str, shown: str) -> None:
    assert rate_limit._without_secrets(url) == shown


@pytest.mark.parametrize(
    ("module", "storage", "extra"),
    [("limits", "memory", "limits"), ("redis", "redis://127.0.0.1:1", "redis")],
)
def test_without_its_library_the_extra_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    storage: str,
    extra: str,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    mount = MOUNT.format(f"{{limit: 1/hour, storage: '{storage}'}}")
    with pytest.raises(LoadErrors, match=rf"wsgi-gateway\[{extra}\]"):
        built(tmp_path, mount)


def test_counts_of_a_mount_that_fails_its_probe_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[object] = []
    close = rate_limit.RateLimitPolicy.close

    def note(policy: rate_limit.RateLimitPolicy) -> None:
        closed.append(policy)
        close(policy)

    monkeypatch.setattr(rate_limit.RateLimitPolicy, "close", note)
    mount = MOUNT.format("2/minute")[:-1] + ", probe: /healthz}"
    app = "from werkzeug.exceptions import NotFound\napplication = NotFound()"
    with pytest.raises(LoadErrors, match="probe: /healthz answered 404"):
        built(tmp_path, mount, {"a/app.py": app})
    assert len(closed) == 1
