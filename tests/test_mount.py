"""A mount's calls: contexts, teardown and failures, whatever the application does."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from gateway.context import AppContext, current_app_context, top_request_context
from gateway.errors import BodyOwnedError, OutsideContextError
from gateway.globals import current_app, g, request
from gateway.loaders.foreign import ForeignApplication
from gateway.mount import Mount

TEXT = [("Content-Type", "text/plain")]
leaked: ContextVar[str] = ContextVar("leaked", default="clean")


class Site:
    """A mount around one WSGI callable, and what its teardown functions were given."""

    def __init__(self, wsgi: Callable[..., Any], name: str = "app") -> None:
        self.application = ForeignApplication(name, {"NAME": name})
        self.torn: list[BaseException | None] = []
        self.application.teardown_appcontext(self.torn.append)
        self.mount = Mount(
            name,
            f"/{name}",
            None,
            kind="wsgi",
            source="test",
            application=self.application,
            wsgi=wsgi,
        )

    def call(self, **extra: Any) -> tuple[str, bytes]:
        """Serve one request strictly by PEP 3333, and read its body to the end."""
        environ: dict[str, Any] = {"PATH_INFO": "/x", "SCRIPT_NAME": "/app", **extra}
        setup_testing_defaults(environ)
        environ.setdefault("QUERY_STRING", "")
        statuses: list[str] = []

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
            statuses.append(status)
            return lambda data: None

        body = validator(self.mount.serve)(environ, start_response)
        try:
            content = b"".join(body)
        finally:
            body.close()  # type: ignore[attr-defined]
        return statuses[-1], content


def environ(**extra: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"PATH_INFO": "/x", "SCRIPT_NAME": "/app", **extra}
    setup_testing_defaults(made)
    return made


def start(status: str, headers: Any, exc_info: Any = None) -> Any:
    return lambda data: None


def ok(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", TEXT)
    return [f"{current_app.name} {request.path}".encode()]


def test_each_call_has_a_context_of_its_own() -> None:
    seen: list[AppContext] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        assert list(g) == []
        g.number = len(seen)
        seen.append(current_app_context.get())
        return ok(environ, start_response)

    site = Site(app)
    assert site.call() == ("200 OK", b"app /x")
    assert site.call() == ("200 OK", b"app /x")
    assert seen[0] is not seen[1]
    assert seen[0].g is not seen[1].g
    assert site.torn == [None, None]


def test_a_list_is_returned_without_a_wrapper() -> None:
    site = Site(ok)
    assert type(site.mount.serve(environ(), start)) is list
    assert site.torn == [None]


def test_the_context_lives_until_the_body_is_closed() -> None:
    order: list[str] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        g.steps = 0
        try:
            for _ in range(3):
                g.steps += 1
                yield f"{current_app.name}{g.steps}{request.path} ".encode()
        finally:
            order.append(f"closed {g.steps}")

    site = Site(app)
    site.application.teardown_appcontext(lambda exc: order.append(f"torn {g.steps}"))
    body: Any = site.mount.serve(environ(), start)
    assert next(body) == b"app1/x "
    assert current_app_context.get(None) is None
    assert next(body) == b"app2/x "
    assert order == []
    body.close()
    body.close()
    assert order == ["closed 2", "torn 2"]
    assert site.torn == [None]


def test_context_variables_end_with_the_call_and_live_through_the_body() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        leaked.set("dirty")
        yield leaked.get().encode()
        token = leaked.set("dirtier")
        yield leaked.get().encode()
        leaked.reset(token)
        yield leaked.get().encode()

    assert Site(app).call()[1] == b"dirtydirtierdirty"
    assert leaked.get() == "clean"


def test_a_context_that_the_application_leaves_pushed_dies_with_the_call() -> None:
    other = ForeignApplication("other", {})
    at_teardown: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        AppContext(other).push()
        start_response("200 OK", TEXT)
        return [current_app.name.encode()]

    site = Site(app)
    site.application.teardown_appcontext(
        lambda exc: at_teardown.append(current_app.name)
    )
    assert site.call() == ("200 OK", b"other")
    assert at_teardown == ["app"]
    assert current_app_context.get(None) is None


def raises_before(environ: Any, start_response: Any) -> list[bytes]:
    raise ValueError("secret before")


def raises_after(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [*TEXT, ("Content-Length", "5")])
    raise ValueError("secret after")


def raises_in_body(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", TEXT)
    raise ValueError("secret body")
    yield b""


def is_cancelled(environ: Any, start_response: Any) -> list[bytes]:
    raise asyncio.CancelledError("secret cancel")


def ends_like_a_generator(environ: Any, start_response: Any) -> list[bytes]:
    raise GeneratorExit("secret generator")


def exits(environ: Any, start_response: Any) -> list[bytes]:
    raise SystemExit("secret exit")


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (raises_before, "secret before"),
        (raises_after, "secret after"),
        (raises_in_body, "secret body"),
        (exits, "secret exit"),
        (is_cancelled, "secret cancel"),
        (ends_like_a_generator, "secret generator"),
    ],
)
def test_a_failure_is_a_500_of_this_mount_and_a_log_line_that_names_it(
    app: Any, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(app)
    status, content = site.call(PATH_INFO="/x\ny")
    assert status == "500 Internal Server Error"
    assert b"Something went wrong" in content
    assert message.encode() not in content
    assert [str(error) for error in site.torn] == [message]
    assert [record.getMessage() for record in caplog.records] == [
        "mount app: GET /app/x%0Ay failed"
    ]


def test_a_failure_after_the_headers_went_out_cuts_the_response() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"some"
        raise ValueError("too late")

    def start_once(status: str, headers: Any, exc_info: Any = None) -> Any:
        if exc_info is not None:
            raise exc_info[1]
        return lambda data: None

    site = Site(app)
    body: Any = site.mount.serve(environ(), start_once)
    assert next(body) == b"some"
    with pytest.raises(ValueError, match="too late"):
        next(body)
    body.close()
    assert [str(error) for error in site.torn] == ["too late"]


def test_what_is_meant_for_the_server_reaches_it() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise KeyboardInterrupt

    site = Site(app)
    with pytest.raises(KeyboardInterrupt):
        site.mount.serve(environ(), start)
    assert [type(error) for error in site.torn] == [KeyboardInterrupt]

    def streams(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"x"
        raise KeyboardInterrupt

    site = Site(streams)
    body: Any = site.mount.serve(environ(), start)
    next(body)
    with pytest.raises(KeyboardInterrupt):
        next(body)
    body.close()
    assert [type(error) for error in site.torn] == [KeyboardInterrupt]


def test_an_error_while_closing_still_ends_the_context(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x"])

        def close(self) -> None:
            raise ValueError("close")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TEXT)
        return Body()

    site = Site(app)
    assert site.call() == ("200 OK", b"x")
    assert [str(error) for error in site.torn] == ["close"]
    assert caplog.records[0].getMessage() == "a response of app failed to close"


def test_a_teardown_that_raises_spoils_neither_the_response_nor_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = Site(ok)

    def broken(exc: BaseException | None) -> None:
        raise RuntimeError("teardown")

    site.application.teardown_appcontext(broken)
    site.application.teardown_appcontext(broken)
    assert site.call()[0] == "200 OK"
    assert site.torn == [None]
    assert caplog.records[0].getMessage() == "mount app: a teardown function failed"


def test_mounts_call_each_other_and_unwind() -> None:
    inner_site = Site(ok, "inner")

    def app(environ: Any, start_response: Any) -> list[bytes]:
        g.mine = "outer"
        before = top_request_context()
        answer = b"".join(inner_site.mount.serve(dict(environ, PATH_INFO="/in"), start))
        assert current_app.name == "outer"
        assert g.mine == "outer"
        assert top_request_context() is before
        assert request.path == "/x"
        start_response("200 OK", TEXT)
        return [answer]

    assert Site(app, "outer").call() == ("200 OK", b"inner /in")


def test_a_request_stays_current_below_a_context_pushed_by_hand() -> None:
    inner = Site(ok, "inner")
    other = ForeignApplication("other", {})

    def app(environ: Any, start_response: Any) -> list[bytes]:
        with AppContext(other):
            assert current_app.name == "other"
            assert request.path == "/x"
        start_response("200 OK", TEXT)
        return list(inner.mount.serve(dict(environ, PATH_INFO="/deep"), start))

    assert Site(app, "outer").call() == ("200 OK", b"inner /deep")


def test_threads_do_not_see_each_other() -> None:
    barrier = threading.Barrier(8, timeout=10)
    failures: list[BaseException] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        assert list(g) == []
        g.mine = environ["QUERY_STRING"]
        for _ in range(20):
            assert g.mine == environ["QUERY_STRING"] == request.query_string.decode()
            yield b"."

    site = Site(app)

    def work(number: int) -> None:
        try:
            for turn in range(50):
                if turn == 0:
                    barrier.wait()
                query = f"{number}-{turn}"
                assert site.call(QUERY_STRING=query) == ("200 OK", b"." * 20)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert site.torn == [None] * 400


def test_the_body_is_shown_where_the_server_has_buffered_it() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        assert request.get_json() == {"a": 1}
        assert environ["wsgi.input"].read(7) == b'{"a":1}'
        start_response("200 OK", TEXT)
        return [b""]

    call = environ(
        REQUEST_METHOD="POST",
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH="7",
    )
    call["wsgi.input"] = io.BytesIO(b'{"a":1}')
    assert Site(app).mount.serve(call, start) == [b""]


def test_the_body_is_the_applications_own_where_it_is_not_buffered() -> None:
    class Socket(io.RawIOBase):
        pass

    def app(environ: Any, start_response: Any) -> list[bytes]:
        assert request.args == {}
        with pytest.raises(BodyOwnedError, match="belongs to the mounted application"):
            request.get_data()
        start_response("200 OK", TEXT)
        return [b""]

    call = environ(REQUEST_METHOD="POST", CONTENT_LENGTH="7")
    call["wsgi.input"] = Socket()
    assert Site(app).mount.serve(call, start) == [b""]


def test_outside_a_call_the_proxies_say_what_to_do() -> None:
    with pytest.raises(OutsideContextError, match=r"with app\.app_context\(\)"):
        current_app.name  # noqa: B018
    with pytest.raises(OutsideContextError, match="test_request_context"):
        request.path  # noqa: B018


def test_closing_runs_once() -> None:
    closed: list[int] = []
    mount = Mount(
        "a",
        "",
        None,
        kind="wsgi",
        source="",
        application=ForeignApplication("a", {}),
        wsgi=ok,
        close=lambda: closed.append(1),
    )
    mount.close()
    mount.close()
    assert closed == [1]
    with mount.app_context() as context:
        assert current_app.name == "a"
        assert context.g is g._get_current_object()  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError(), OSError()])
def test_every_teardown_function_runs_whatever_another_raises(
    error: BaseException,
) -> None:
    site = Site(ok)

    def broken(exc: BaseException | None) -> None:
        raise error

    site.application.teardown_appcontext(broken)
    assert site.call()[0] == "200 OK"
    assert site.torn == [None]


def test_a_greenlet_that_is_killed_is_let_go() -> None:
    gevent = pytest.importorskip("gevent")
    started = gevent.event.Event()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        started.set()
        gevent.sleep(30)
        return ok(environ, start_response)

    site = Site(app)
    greenlet = gevent.spawn(site.mount.serve, environ(), start)
    started.wait(10)
    greenlet.kill(timeout=10)
    assert isinstance(greenlet.value, gevent.GreenletExit)
    assert [type(error) for error in site.torn] == [gevent.GreenletExit]


def test_head_has_no_body_whatever_the_application_does() -> None:
    steps: list[int] = []

    def streams(environ: Any, start_response: Any) -> Iterator[bytes]:
        steps.append(0)
        start_response("200 OK", [*TEXT, ("X-Step", "0")])
        yield b""
        for number in range(1, 1000):
            steps.append(number)
            yield b"x"

    site = Site(streams)
    assert site.call(REQUEST_METHOD="HEAD") == ("200 OK", b"")
    assert steps == [0, 1]
    assert site.torn == [None]
    assert Site(ok).mount.serve(environ(REQUEST_METHOD="HEAD"), start) == []

    def fails(environ: Any, start_response: Any) -> Iterator[bytes]:
        raise ValueError("secret")
        yield b""

    status, content = Site(fails).call(REQUEST_METHOD="HEAD")
    assert (status, content) == ("500 Internal Server Error", b"")


def test_threads_of_one_request_share_its_g_and_its_request() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        barrier = threading.Barrier(8, timeout=10)
        seen: list[tuple[int, int]] = []

        def look() -> None:
            barrier.wait()
            seen.append(
                (id(g._get_current_object()), id(request._get_current_object()))
            )  # type: ignore[attr-defined]

        threads = [
            threading.Thread(target=copy_context().run, args=(look,)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        start_response("200 OK", TEXT)
        return [str(len(set(seen))).encode()]

    for _ in range(50):
        assert Site(app).call()[1] == b"1"
