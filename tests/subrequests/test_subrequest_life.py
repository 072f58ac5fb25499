"""How a subrequest ends, and that everything is then as it was before."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any

import pytest
from composing import composed, failure, get, run_alone, write
from subrequest_site import ECHO

from gateway.context import current_app_context
from gateway.errors import SubrequestError
from gateway.framework.helpers import copy_current_request_context
from gateway.globals import current_app, g
from gateway.lifecycle import Gateway
from gateway.subrequests.call import DEEPEST, subrequest

STREAM = """
import time
from gateway import App, Response, current_app, g, stream_with_context, subrequest

app = App(__name__)
ended = []

@app.teardown_appcontext
def end(exc):
    ended.append((g.get("name"), repr(exc)))

@app.get("/lines")
def lines():
    g.name = "lines"

    def body():
        for number in range(3):
            yield f"{g.name} {number}\\n"

    return Response(stream_with_context(body()))

@app.get("/breaks")
def breaks():
    g.name = "breaks"

    def body():
        yield "one"
        raise LookupError("inside")

    return Response(body())

@app.get("/fails")
def fails():
    g.name = "fails"
    raise LookupError("at once")

@app.get("/relay")
def relay():
    g.name = "relay"
    return subrequest("/streams/lines")

@app.get("/round")
def round():
    with subrequest("/streams/round") as response:
        return response.text, response.status_code
"""
# What PEP 3333 allows, and hardly anybody does.
ODD = """
def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/silent":
        return []
    if path == "/late":
        return late(start_response)
    if path == "/broken":
        start_response("200 OK", [])
        return broken()
    write = start_response("200 OK", [("X-Odd", "1")])
    write(b"one ")
    return more(write)

def more(write):
    write(b"two ")
    yield b"three "
    write(b"four ")

def late(start_response):
    start_response("201 Created", [("Content-Type", "text/plain")])
    yield b""
    yield b"late"

def broken():
    raise LookupError("before its first byte")
    yield b""
"""
MOUNTS = """
streams: {app: app:app, path: streams}
odd: {app: app:application, path: odd}
echo: {app: app:application, path: echo}
"""
FILES = {"streams/app.py": STREAM, "odd/app.py": ODD, "echo/app.py": ECHO}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with composed(tmp_path, MOUNTS, FILES) as gateway:
        yield gateway
        assert not any(mount.in_flight for mount in gateway.mounts.values())


def ended(gateway: Gateway) -> list[tuple[str, str]]:
    """Return what the teardown functions of the mount ``streams`` have seen."""
    namespace = gateway.mounts["streams"].application.mount.namespace
    return namespace.import_module("app").ended  # type: ignore[no-any-return]


def test_the_body_is_made_while_it_is_read(gateway: Gateway) -> None:
    with gateway.mounts["echo"].app_context():
        g.name = "mine"
        response = subrequest("/streams/lines")
        parts = iter(response.response)
        assert next(parts) == b"lines 0\n"
        assert (g.name, current_app.name) == ("mine", "echo")
        assert ended(gateway) == []
        assert [*parts] == [b"lines 1\n", b"lines 2\n"]
        # The end of the body is the end of the request: nobody has to close it.
        assert ended(gateway) == [("lines", "None")]
        response.close()
        assert len(ended(gateway)) == 1


def test_half_a_body(gateway: Gateway) -> None:
    with gateway.subrequest("/streams/lines") as response:
        assert next(iter(response.response)) == b"lines 0\n"
        assert gateway.mounts["streams"].in_flight == 1
    assert ended(gateway) == [("lines", "None")]
    response = gateway.subrequest("/streams/lines")
    del response
    gc.collect()
    assert ended(gateway) == [("lines", "None")] * 2


def test_bodies_of_several_requests_in_turn(gateway: Gateway) -> None:
    responses = [gateway.subrequest("/streams/lines") for _ in range(3)]
    steps = zip(*(iter(each.response) for each in responses), strict=True)
    assert [len(set(step)) for step in steps] == [1, 1, 1]
    for response in responses:
        response.close()
    assert ended(gateway) == [("lines", "None")] * 3


def test_a_mount_that_fails_answers_500(gateway: Gateway) -> None:
    with gateway.mounts["echo"].app_context():
        with subrequest("/streams/fails") as response:
            assert response.status_code == 500
        assert current_app.name == "echo"
    # Its head is not out yet, so it can still be a 500.
    with gateway.subrequest("/odd/broken") as response:
        assert response.status_code == 500


def test_a_mount_that_fails_in_its_body(gateway: Gateway) -> None:
    with gateway.mounts["echo"].app_context():
        response = subrequest("/streams/breaks")
        assert response.status_code == 200
        with pytest.raises(LookupError, match="inside"):
            response.get_data()
        assert current_app.name == "echo"
    assert ended(gateway) == [("breaks", "LookupError('inside')")]


def test_a_response_passed_on(gateway: Gateway) -> None:
    assert get(gateway, "/streams/relay").text == "lines 0\nlines 1\nlines 2\n"
    assert sorted(ended(gateway)) == [("lines", "None"), ("relay", "None")]


def test_what_pep_3333_allows(gateway: Gateway) -> None:
    response = gateway.subrequest("/odd/")
    assert response.headers.to_wsgi_list() == [("X-Odd", "1")]
    assert response.text == "one two three four "
    response = gateway.subrequest("/odd/late")
    assert (response.status, response.text) == ("201 Created", "late")
    with pytest.raises(SubrequestError, match="gave no status"):
        gateway.subrequest("/odd/silent")


def test_a_circle_has_an_end(gateway: Gateway, caplog: Any) -> None:
    response = get(gateway, "/streams/round")
    assert response.status_code == 500
    assert f"more than {DEEPEST} requests wait for one another" in caplog.text
    assert caplog.text.count("more than") == 1


def test_bad_requests_are_answered_as_those_of_clients(gateway: Gateway) -> None:
    assert gateway.subrequest("/nothing").status_code == 404
    assert gateway.subrequest("/echo/%00").status_code == 400
    response = gateway.subrequest("/echo?a=1")
    assert (response.status_code, response.location) == (308, "/echo/?a=1")


def test_variables_of_others_go_along_and_changes_do_not_come_back(
    tmp_path: Path,
) -> None:
    app = """
        from opentelemetry.context import attach, get_value, set_value

        def application(environ, start_response):
            start_response("200 OK", [])
            found = get_value("test-span")
            attach(set_value("test-span", "inner"))
            return [str(found).encode()]
        """
    from opentelemetry.context import attach, detach, get_value, set_value

    with composed(tmp_path, "a: {app: app:application}", {"app.py": app}) as gateway:
        token = attach(set_value("test-span", "outer"))
        assert gateway.subrequest("/a/").text == "outer"
        assert get_value("test-span") == "outer"
        detach(token)
        assert gateway.subrequest("/a/").text == "None"


def test_the_modules_of_the_mount_that_asks_are_not_those_of_the_other(
    tmp_path: Path,
) -> None:
    app = """
        import os
        from werkzeug.utils import import_string

        def application(environ, start_response):
            start_response("200 OK", [])
            told = [import_string("words").WORD, os.environ["WHO"]]
            return [" ".join(told).encode()]
        """
    files = {
        f"{name}/{file}": text
        for name in ("one", "two")
        for file, text in [("app.py", app), ("words.py", f"WORD = {name!r}")]
    }
    mounts = """
        one: {app: app:application, path: one, env: {WHO: first}}
        two: {app: app:application, path: two, env: {WHO: second}}
        """
    with composed(tmp_path, mounts, files) as gateway:
        mounted = gateway.mounts["one"].application.mount
        with (
            gateway.mounts["one"].app_context(),
            mounted.namespace.active(),
            mounted.environ.active(),
        ):
            assert subrequest("/two/").text == "two second"
            assert subrequest("/one/").text == "one first"


def test_while_mounts_are_loaded_there_is_none(tmp_path: Path, caplog: Any) -> None:
    app = {"app.py": "from gateway import subrequest\nsubrequest('/')"}
    error = failure(tmp_path, "a: {app: app:app}", app)
    assert "OutsideContextError: subrequest needs an application" in error.message
    app = """
        from gateway import subrequest

        def application(environ, start_response):
            start_response("200 OK", [])
            return [subrequest("/").data]
        """
    failure(tmp_path, "a: {app: app:application, probe: /}", {"app.py": app})
    assert "they can be asked when it serves, not by a mount's 'probe:'" in caplog.text


def test_an_event_loop_is_not_to_be_blocked(gateway: Gateway) -> None:
    async def at_once() -> None:
        with pytest.raises(SubrequestError, match=r"asyncio\.to_thread"):
            gateway.subrequest("/echo/")

    async def beside() -> str:
        with gateway.mounts["echo"].app_context():
            response = await asyncio.to_thread(subrequest, "/streams/lines")
            return response.text

    asyncio.run(at_once())
    assert asyncio.run(beside()) == "lines 0\nlines 1\nlines 2\n"


def test_threads(gateway: Gateway) -> None:
    said: list[Any] = []

    def ask() -> None:
        for _ in range(20):
            said.append((subrequest("/streams/lines").text, g.get("name")))

    with gateway.mounts["echo"].app_context():
        g.name = "mine"
        threads = [threading.Thread(target=copy_context().run, args=(ask,))]
        threads += [threading.Thread(target=copy_context().run, args=(ask,))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert g.name == "mine"
    assert set(said) == {("lines 0\nlines 1\nlines 2\n", "mine")}
    assert len(said) == len(ended(gateway)) == 40


def test_a_thread_of_a_request(gateway: Gateway) -> None:
    app = gateway.mounts["streams"].application
    headers = {"X-Request-ID": "r1"}
    seen: list[Any] = []
    with app.test_request_context("/streams/", headers=headers):

        @copy_current_request_context
        def ask() -> None:
            seen.append(subrequest("/echo/").json)

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert seen[0]["HTTP_X_REQUEST_ID"] == "r1"
    assert seen[0]["gateway.mount_stack"] == ["streams"]


def test_greenlets(tmp_path: Path) -> None:
    pytest.importorskip("gevent", reason="component not installed: gevent")
    write(tmp_path, FILES)
    lines = "\n".join(f"  {line}" for line in MOUNTS.strip().splitlines())
    write(tmp_path, {"gateway.yaml": f"mounts:\n{lines}\n"})
    code = """
        from gevent import monkey, pool, sleep
        monkey.patch_all()
        from gateway import Gateway, g, subrequest

        def ask(number):
            with gateway.mounts["echo"].app_context():
                g.number = number
                response = subrequest("/streams/lines")
                for part in response.response:
                    sleep(0)
                    assert part.startswith(b"lines "), part
                    assert g.number == number
                return number

        with Gateway.from_file("gateway.yaml") as gateway:
            print(sum(pool.Pool(8).map(ask, range(40))))
            print(gateway.mounts["streams"].in_flight)
        """
    assert run_alone(code, tmp_path).split() == ["780", "0"]


def test_nothing_is_left_behind(gateway: Gateway) -> None:
    mark: ContextVar[str] = ContextVar("mark")
    mark.set("here")
    before = dict(copy_context().items())
    for path in ("/streams/lines", "/streams/fails", "/nothing", "/odd/"):
        gateway.subrequest(path).close()
    assert dict(copy_context().items()) == before
    assert current_app_context.get(None) is None
