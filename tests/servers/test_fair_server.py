"""Fair queues over real sockets: who waits holds no thread and keeps nobody waiting."""

from __future__ import annotations

import gc
import socket
import threading
import weakref
from contextlib import ExitStack
from typing import Any

import pytest
from live import Client, Site, no_second_look, serving, spec, until, until_load

from gateway.config.spec import QueueSpec
from gateway.servers.waitress import Fairness, running
from gateway.shares import Load, Share


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    no_second_look(monkeypatch)


def one_at_a_time(**more: Any) -> QueueSpec:
    return QueueSpec(**{"max_concurrency": 1, "queue": 64, **more})


def test_requests_that_wait_for_their_mount_hold_no_thread() -> None:
    site = Site(slow=one_at_a_time())
    with serving(site) as server, ExitStack() as stack:
        clients = [stack.enter_context(Client(server)) for _ in range(10)]
        for client in clients:
            client.send("/slow/held")
        until_load(server, "slow", running=1, queued=9)
        with Client(server) as other:
            for _ in range(20):
                assert other.get("/fast/") == (200, b"/fast/")
        assert site.ran.count("/slow/held") == 1
        site.release("slow", 10)
        assert [client.answer()[0] for client in clients] == [200] * 10
    assert len(site.threads) <= 2


def test_a_mount_is_served_however_many_others_hang() -> None:
    site = Site()
    with serving(site, threads=2, max_threads=8) as server, ExitStack() as stack:
        for name in ("a", "a", "a", "b", "b", "c", "d"):
            stack.enter_context(Client(server)).send(f"/{name}/held")
        until_load(server, "d", running=1, queued=0)
        with Client(server) as client:
            assert client.get("/fast/") == (200, b"/fast/")
            assert client.get("/admin/status") == (200, b"/admin/status")
        loads = server.loads()
        assert [loads[name].running for name in "bcd"] == [1, 1, 1]
        for name in "abcd":
            site.release(name, 8)


def test_admin_answers_when_all_threads_that_may_be_are_held() -> None:
    site = Site()
    with serving(site, threads=1, max_threads=2) as server, ExitStack() as stack:
        for name in ("a", "b"):
            stack.enter_context(Client(server)).send(f"/{name}/held")
            until_load(server, name, running=1, queued=0)
        waits = stack.enter_context(Client(server)).send("/c/")
        until_load(server, "c", running=0, queued=1)
        with Client(server) as client:
            assert client.get("/admin/") == (200, b"/admin/")
        site.release("a")
        assert waits.answer() == (200, b"/c/")
        site.release("b")


def test_past_the_queue_there_is_503_and_the_connection_goes_on() -> None:
    site = Site(slow=one_at_a_time(queue=1, queue_timeout=7.2))
    with serving(site) as server, Client(server) as first, Client(server) as second:
        first.send("/slow/held")
        until_load(server, "slow", running=1, queued=0)
        second.send("/slow/")
        until_load(server, "slow", running=1, queued=1)
        with Client(server) as third:
            status, fields = third.send("/slow/").head()
            assert (status, fields["retry-after"]) == (503, "8")
            assert b"Try again later" in third.read(int(fields["content-length"]))
            status, fields = third.send("/slow/", method="HEAD").head()
            assert status == 503
            assert int(fields["content-length"]) > 0
            assert third.get("/other/") == (200, b"/other/")
        assert server.loads()["slow"] == Load(running=1, queued=1, rejected=2)
        site.release("slow")
        assert first.answer() == (200, b"/slow/held")
        assert second.answer() == (200, b"/slow/")
    assert site.ran == ["/slow/held", "/other/", "/slow/"]


def test_who_waits_too_long_gets_503() -> None:
    site = Site(slow=one_at_a_time(queue_timeout=0.1))
    with serving(site) as server, Client(server) as first, Client(server) as second:
        first.send("/slow/held")
        until_load(server, "slow", running=1, queued=0)
        assert second.get("/slow/")[0] == 503
        assert second.get("/other/")[0] == 200
        site.release("slow")
        assert first.answer()[0] == 200
    assert site.ran == ["/slow/held", "/other/"]


def test_a_client_that_leaves_while_it_waits_is_not_served() -> None:
    site = Site(slow=one_at_a_time())
    with serving(site) as server, Client(server) as first:
        first.send("/slow/held")
        until_load(server, "slow", running=1, queued=0)
        with Client(server) as gone:
            gone.send("/slow/gone", "Content-Length: 3").socket.sendall(b"abc")
            until_load(server, "slow", running=1, queued=1)
        until_load(server, "slow", running=1, queued=0)
        site.release("slow")
        assert first.answer()[0] == 200
        assert first.get("/slow/") == (200, b"/slow/")
    assert site.ran == ["/slow/held", "/slow/"]


def test_pipelined_requests_are_answered_in_order_each_from_its_queue() -> None:
    site = Site(slow=one_at_a_time(queue=0))
    with serving(site) as server, Client(server) as client, Client(server) as other:
        other.send("/slow/held")
        until_load(server, "slow", running=1, queued=0)
        for path in ("/fast/1", "/slow/2", "/fast/3", "/a/4", "/slow/5", "/a/6"):
            client.send(path)
        answers = [client.answer() for _ in range(6)]
        assert [status for status, _ in answers] == [200, 503, 200, 200, 503, 200]
        assert answers[0][1] == b"/fast/1"
        assert answers[5][1] == b"/a/6"
        site.release("slow")
        assert other.answer()[0] == 200


def test_pipelined_requests_of_a_mount_wait_for_one_another() -> None:
    site = Site(slow=one_at_a_time())
    with serving(site) as server, Client(server) as client:
        for _ in range(20):
            client.send("/slow/")
        assert [client.answer() for _ in range(20)] == [(200, b"/slow/")] * 20


def test_the_body_is_asked_for_while_the_mount_is_full() -> None:
    site = Site(slow=one_at_a_time())
    with serving(site) as server, Client(server) as first, Client(server) as second:
        first.send("/slow/held")
        until_load(server, "slow", running=1, queued=0)
        expect = ("Content-Length: 4", "Expect: 100-continue")
        second.send("/slow/", *expect, method="POST")
        assert second.head() == (100, {})
        second.socket.sendall(b"body")
        until_load(server, "slow", running=1, queued=1)
        site.release("slow")
        assert second.answer() == (200, b"body")
        assert first.answer()[0] == 200


def test_a_pipelined_expectation_is_met_when_its_turn_has_come() -> None:
    site = Site()
    with serving(site) as server, Client(server) as client:
        client.send("/slow/held")
        client.send("/slow/", "Content-Length: 4", "Expect: 100-continue")
        until_load(server, "slow", running=1, queued=0)
        site.release("slow")
        assert client.answer() == (200, b"/slow/held")
        assert client.head() == (100, {})
        client.socket.sendall(b"body")
        assert client.answer() == (200, b"body")


def test_malformed_requests_get_their_400_when_the_mounts_hang() -> None:
    site = Site()
    with serving(site) as server, Client(server) as slow, Client(server) as client:
        slow.send("/slow/held")
        until_load(server, "slow", running=1, queued=0)
        client.socket.sendall(b"GET / HTTP/1.1\r\nbad header\r\n\r\n")
        assert client.head()[0] == 400
        until_load(server, "-", running=0, queued=0)
        site.release("slow")


def test_a_malformed_request_past_the_queue_gets_its_400_too() -> None:
    site = Site()
    with serving(site) as server:
        pool = server._pool
        # As if many of them waited already.
        pool._queues._threads = pool._queues._most = 0
        with Client(server) as client, pytest.MonkeyPatch.context() as patch:
            patch.setattr("gateway.servers.channel.NOBODY", Share("-", QueueSpec(1, 0)))
            client.socket.sendall(b"GET / HTTP/1.1\r\nbad header\r\n\r\n")
            assert client.head()[0] == 400


def test_threads_beyond_the_usual_end_when_they_are_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.servers.pool._LINGER", 0.05)
    site = Site()

    def workers() -> int:
        names = [thread.name for thread in threading.enumerate()]
        return len([name for name in names if name.startswith("gateway-worker-")])

    with serving(site, threads=1, max_threads=4) as server, ExitStack() as stack:
        for name in "abcd":
            stack.enter_context(Client(server)).send(f"/{name}/held")
            until_load(server, name, running=1, queued=0)
        assert workers() == 4
        for name in "abcd":
            site.release(name)
        until(lambda: workers() == 1)
        with Client(server) as client:
            assert client.get("/a/") == (200, b"/a/")
        assert workers() == 1


def test_a_request_that_no_thread_can_be_had_for_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cannot(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    site = Site()
    with (
        serving(site, threads=1) as server,
        Client(server) as first,
        Client(server) as client,
    ):
        first.send("/slow/held")
        until_load(server, "slow", running=1, queued=0)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", cannot)
            assert client.get("/a/")[0] == 503
        assert client.get("/a/") == (200, b"/a/")
        site.release("slow")
        assert first.answer()[0] == 200


def test_what_an_application_raises_frees_its_slot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def raises(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/late":
            start_response("200 OK", [("Content-Length", "10")])(b"hello")
        raise SystemExit(3)

    share = Share("a", QueueSpec(1, 1))
    fairness = Fairness(lambda environ: share)
    with running(raises, spec(), fairness) as server:
        for _ in range(3):
            with Client(server) as client:
                assert client.get("/")[0] == 500
            with Client(server) as client:
                assert client.send("/late").head()[0] == 200
                assert client.read() == b"hello"
        until_load(server, "a", running=0, queued=0)
    assert "serving GET /late failed" in caplog.text


def test_a_server_of_one_application_has_one_share() -> None:
    with running(Site(), spec()) as server, Client(server) as client:
        assert client.get("/a/") == (200, b"/a/")
        assert client.get("/b/") == (200, b"/b/")
        until_load(server, "application", running=0, queued=0)
        assert list(server.loads()) == ["application"]


def test_many_clients_at_once_all_get_their_own_answers() -> None:
    site = Site(a=QueueSpec(max_concurrency=1), b=QueueSpec(max_concurrency=2))
    wrong: list[object] = []

    def ask(server: Any, number: int) -> None:
        try:
            with Client(server) as client:
                for turn in range(60):
                    path = f"/{'abc'[(number + turn) % 3]}/{number}-{turn}"
                    if turn % 7 == 0:
                        client.send(path + "-first")
                    answer = client.send(path).answer()
                    if turn % 7 == 0:
                        if answer != (200, (path + "-first").encode()):
                            wrong.append((path, answer))
                        answer = client.answer()
                    if answer != (200, path.encode()):
                        wrong.append((path, answer))
        except OSError as error:
            wrong.append((number, error))

    with serving(site, threads=4) as server:
        threads = [
            threading.Thread(target=ask, args=(server, number)) for number in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        loads = server.loads().values()
        until(lambda: all(not load.running for load in server.loads().values()))
    assert not wrong
    assert sum(load.rejected for load in loads) == 0


def test_a_client_that_resets_its_connection_leaves_nothing_behind() -> None:
    site = Site()
    with serving(site) as server:
        for _ in range(20):
            client = Client(server)
            client.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
            )
            client.send("/a/").close()
        until(lambda: not server._channels())
        until(lambda: not server._pool.unfinished)


def test_idle_threads_keep_nothing_of_what_they_have_served() -> None:
    class Mark:
        pass

    marks: weakref.WeakSet[Mark] = weakref.WeakSet()

    def application(environ: Any, start_response: Any) -> list[bytes]:
        environ["mark"] = mark = Mark()
        marks.add(mark)
        start_response("200 OK", [("Content-Length", "1")])
        return [b"x"]

    with running(application, spec()) as server, Client(server) as client:
        assert client.get("/") == (200, b"x")

        def nothing_is_kept() -> bool:
            gc.collect()
            return not marks

        until(nothing_is_kept)
