"""WSGI applications that do wrong, each in its own way; every one a mount of its own.

A function is a mount of its name. A path of ``/release`` ends what it has hanging.
"""

from __future__ import annotations

import asyncio
import builtins
import decimal
import gc
import io
import locale
import logging
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from gateway import App, AppContext, RequestContext, g

released = threading.Event()
leaked: ContextVar[str] = ContextVar("leaked")
STATUS = "200 OK"
PLAIN = [("Content-Type", "text/plain")]


def answer(start_response: Any, text: str = "answered") -> list[bytes]:
    body = text.encode()
    start_response(STATUS, [*PLAIN, ("Content-Length", str(len(body)))])
    return [body]


def releases(environ: Any, start_response: Any) -> list[bytes] | None:
    """Serve ``/release``."""
    if environ["PATH_INFO"] != "/release":
        return None
    released.set()
    return answer(start_response, "released")


# -- raising ---------------------------------------------------------------------------


class OfItsOwn(BaseException):
    """An error that is no ``Exception``."""


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text either")

    __repr__ = __str__


def raises_exception(environ: Any, start_response: Any) -> Any:
    raise ValueError("a secret: 4711")


def raises_base_exception(environ: Any, start_response: Any) -> Any:
    raise OfItsOwn


def raises_keyboard_interrupt(environ: Any, start_response: Any) -> Any:
    raise KeyboardInterrupt


def raises_generator_exit(environ: Any, start_response: Any) -> Any:
    raise GeneratorExit


def raises_stop_iteration(environ: Any, start_response: Any) -> Any:
    raise StopIteration


def raises_system_exit(environ: Any, start_response: Any) -> Any:
    sys.exit(3)


def raises_memory_error(environ: Any, start_response: Any) -> Any:
    raise MemoryError


def raises_cancelled(environ: Any, start_response: Any) -> Any:
    raise asyncio.CancelledError


def raises_os_error(environ: Any, start_response: Any) -> Any:
    raise BrokenPipeError("not that of the client")


def raises_group(environ: Any, start_response: Any) -> Any:
    raise BaseExceptionGroup("several", [KeyboardInterrupt(), ValueError("one")])


def raises_unprintable(environ: Any, start_response: Any) -> Any:
    raise Unprintable


def raises_in_a_circle(environ: Any, start_response: Any) -> Any:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    raise one


def raises_after_start(environ: Any, start_response: Any) -> Any:
    start_response(STATUS, PLAIN)
    raise ValueError


def raises_at_first_step(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response(STATUS, PLAIN)
    raise ValueError
    yield b""


def raises_mid_stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response(STATUS, PLAIN)
    yield b"a beginning"
    raise ValueError


def exits_mid_stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response(STATUS, PLAIN)
    yield b"a beginning"
    sys.exit(3)


def cancels_mid_stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response(STATUS, PLAIN)
    yield b"a beginning"
    raise asyncio.CancelledError


def stops_mid_stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response(STATUS, PLAIN)
    yield b"a beginning"
    raise StopIteration


class Body:
    """A body that can do wrong at each of its steps."""

    def __init__(self, *, iter: bool = False, close: type | None = None) -> None:
        self._iter, self._close = iter, close
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        if self._iter:
            raise ValueError
        return iter([b"answered"])

    def close(self) -> None:
        self.closed += 1
        if self._close is not None:
            raise self._close


def raises_in_iter(environ: Any, start_response: Any) -> Any:
    start_response(STATUS, PLAIN)
    return Body(iter=True)


def raises_in_close(environ: Any, start_response: Any) -> Any:
    start_response(STATUS, [*PLAIN, ("Content-Length", "8")])
    return Body(close=ValueError)


def exits_in_close(environ: Any, start_response: Any) -> Any:
    start_response(STATUS, [*PLAIN, ("Content-Length", "8")])
    return Body(close=SystemExit)


def ignores_generator_exit(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response(STATUS, [*PLAIN, ("Content-Length", "8")])
    while True:
        try:
            yield b"answered"
        except GeneratorExit:
            yield b"never"


def body_past_its_length(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response(STATUS, [*PLAIN, ("Content-Length", "8")])
    while True:
        yield b"answered"


def body_past_no_content(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("204 No Content", [])
    while True:
        yield b"x"


def raises_in_teardown() -> App:
    app = App("raises_in_teardown")

    @app.route("/", methods=["GET", "POST"])
    def index() -> str:
        return "answered"

    @app.teardown_appcontext
    def fail(error: BaseException | None) -> None:
        raise OfItsOwn

    return app


# -- start_response and write ----------------------------------------------------------


def never_starts(environ: Any, start_response: Any) -> Any:
    return [b"x"]


def never_starts_nor_sends(environ: Any, start_response: Any) -> Any:
    return []


def starts_twice(environ: Any, start_response: Any) -> Any:
    start_response(STATUS, PLAIN)
    return answer(start_response)


def starts_again_with_an_error(environ: Any, start_response: Any) -> Any:
    start_response(STATUS, [("X-First", "1")])
    try:
        raise ValueError
    except ValueError:
        start_response(STATUS, [("Content-Length", "8")], sys.exc_info())
    return [b"answered"]


def starts_again_mid_stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response(STATUS, PLAIN)
    yield b"a beginning"
    start_response(STATUS, PLAIN)


def starts_without_headers(environ: Any, start_response: Any) -> Any:
    start_response(STATUS)
    return []


def writes_too_early(environ: Any, start_response: Any) -> Any:
    write = start_response(STATUS, PLAIN)
    write(b"a beginning")
    raise ValueError


def writes_text(environ: Any, start_response: Any) -> Any:
    start_response(STATUS, PLAIN)("text")
    return []


def writes_late(environ: Any, start_response: Any) -> Any:
    """Write from a thread when the response is over."""
    write = start_response(STATUS, [("Content-Length", "8")])

    def late() -> None:
        time.sleep(0.05)
        for _ in range(20):
            try:
                write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            except Exception:
                return
            time.sleep(0.01)

    threading.Thread(target=late, daemon=True).start()
    return [b"answered"]


# -- status and headers ----------------------------------------------------------------


def _with(status: Any, headers: Any, body: Any = (b"answered",)) -> Any:
    def application(environ: Any, start_response: Any) -> Any:
        start_response(status, headers)
        return list(body)

    return application


status_bytes = _with(b"200 OK", PLAIN)
status_number = _with(200, PLAIN)
status_none = _with(None, PLAIN)
status_empty = _with("", PLAIN)
status_of_letters = _with("abc OK", PLAIN)
status_of_four_digits = _with("2000 OK", PLAIN)
status_continue = _with("100 Continue", PLAIN)
status_switching = _with("101 Switching Protocols", PLAIN)
status_with_line = _with("200 OK\r\nX-Evil: 1", PLAIN)
status_of_snow = _with("200 \N{SNOWMAN}", PLAIN)
headers_none = _with(STATUS, None)
headers_mapping = _with(STATUS, {"Content-Type": "text/plain"})
headers_of_bytes = _with(STATUS, [(b"Content-Type", b"text/plain")])
headers_of_numbers = _with(STATUS, [("X-Number", 1)])
headers_of_three = _with(STATUS, [("a", "b", "c")])
header_with_line = _with(STATUS, [("X-Split", "a\r\nX-Evil: 1")])
header_with_bare_lf = _with(STATUS, [("X-Split", "a\nX-Evil: 1")])
header_with_nul = _with(STATUS, [("X-Nul", "a\0b")])
header_of_snow = _with(STATUS, [("X-Snow", "\N{SNOWMAN}")])
header_name_with_line = _with(STATUS, [("X-Evil: 1\r\nX", "a")])
header_name_with_colon = _with(STATUS, [("X-Evil: 1, X", "a")])
header_name_with_space = _with(STATUS, [("X Evil", "a")])
header_name_empty = _with(STATUS, [("", "a")])
header_hop_by_hop = _with(STATUS, [("Transfer-Encoding", "chunked")])
header_of_16_megabytes = _with(STATUS, [("X-Large", "x" * (16 << 20))])
length_too_small = _with(STATUS, [("Content-Length", "3")])
length_too_large = _with(STATUS, [("Content-Length", "100")])
length_negative = _with(STATUS, [("Content-Length", "-1")])
length_of_letters = _with(STATUS, [("Content-Length", "eight")])
length_signed = _with(STATUS, [("Content-Length", "+8")])
length_twice = _with(STATUS, [("Content-Length", "8"), ("Content-Length", "4")])
length_of_5000_digits = _with(STATUS, [("Content-Length", "9" * 5000)])
body_without_content = _with("204 No Content", [("Content-Length", "8")])


# -- the body --------------------------------------------------------------------------

body_of_text = _with(STATUS, PLAIN, ["text"])
body_of_numbers = _with(STATUS, PLAIN, [1, 2])
body_of_none = _with(STATUS, PLAIN, [None])
body_of_text_later = _with(STATUS, PLAIN, [b"a beginning", "text"])


def body_none(environ: Any, start_response: Any) -> Any:
    start_response(STATUS, PLAIN)


def body_number(environ: Any, start_response: Any) -> Any:
    start_response(STATUS, PLAIN)
    return 5


def body_string(environ: Any, start_response: Any) -> Any:
    start_response(STATUS, PLAIN)
    return "text"


def body_that_grows(environ: Any, start_response: Any) -> Any:
    """A list that gets longer while it is sent, up to a length."""
    start_response(STATUS, PLAIN)

    class Growing(list[bytes]):
        def __iter__(self) -> Iterator[bytes]:
            for chunk in range(100):
                self.append(b"more")
                yield b"%d " % chunk

    return Growing([b"one"])


def body_that_lies(environ: Any, start_response: Any) -> Any:
    """A list that says it has one chunk, and has two."""
    start_response(STATUS, PLAIN)

    class Liar(list[bytes]):
        def __len__(self) -> int:
            return 1

    return Liar([b"ans", b"wered"])


def body_coroutine(environ: Any, start_response: Any) -> Any:
    start_response(STATUS, PLAIN)

    async def body() -> bytes:
        return b"never"

    made = body()
    made.close()
    return made


def body_of_10_gigabytes(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response(STATUS, [("Content-Length", str(10 << 30))])
    chunk = bytes(1 << 16)
    for _ in range((10 << 30) // len(chunk)):
        yield chunk


def body_without_end(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response(STATUS, PLAIN)
    while True:
        yield b"x" * 4096


# -- the request -----------------------------------------------------------------------


def reads_too_much(environ: Any, start_response: Any) -> Any:
    stream = environ["wsgi.input"]
    read = stream.read(1 << 20) + stream.read() + stream.read(100) + stream.readline()
    return answer(start_response, f"read {len(read)}")


def closes_input(environ: Any, start_response: Any) -> Any:
    environ["wsgi.input"].close()
    return answer(start_response)


def reads_closed_input(environ: Any, start_response: Any) -> Any:
    environ["wsgi.input"].close()
    environ["wsgi.input"].read()
    return answer(start_response)


def ignores_input(environ: Any, start_response: Any) -> Any:
    return answer(start_response)


def empties_environ(environ: Any, start_response: Any) -> Any:
    environ.clear()
    return answer(start_response)


def empties_environ_and_raises(environ: Any, start_response: Any) -> Any:
    environ.clear()
    raise ValueError


def spoils_environ(environ: Any, start_response: Any) -> Any:
    for name in list(environ):
        environ[name] = 5
    raise ValueError


# -- the process -----------------------------------------------------------------------


def closes_streams(environ: Any, start_response: Any) -> Any:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()
    return answer(start_response)


def closes_streams_and_raises(environ: Any, start_response: Any) -> Any:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()
    raise ValueError


def replaces_streams(environ: Any, start_response: Any) -> Any:
    sys.stdout = sys.stderr = io.StringIO()
    sys.stderr.close()
    raise ValueError


def loses_streams(environ: Any, start_response: Any) -> Any:
    sys.stdin = sys.stdout = sys.stderr = None  # type: ignore[assignment]
    raise ValueError


def closes_wsgi_errors(environ: Any, start_response: Any) -> Any:
    environ["wsgi.errors"].close()
    return answer(start_response)


def changes_variables(environ: Any, start_response: Any) -> Any:
    os.environ["FAULT"] = "changed"
    os.environ.pop("PATH", None)
    return answer(start_response)


def clears_variables(environ: Any, start_response: Any) -> Any:
    os.environ.clear()
    return answer(start_response)


def changes_directory(environ: Any, start_response: Any) -> Any:
    os.chdir("/")
    return answer(start_response)


def changes_locale(environ: Any, start_response: Any) -> Any:
    locale.setlocale(locale.LC_ALL, "C")
    time.tzset()
    random.seed(4711)
    return answer(start_response)


def changes_signals(environ: Any, start_response: Any) -> Any:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Allowed in the main thread only.
    return answer(start_response)


def blocks_signals(environ: Any, start_response: Any) -> Any:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    return answer(start_response)


def changes_builtins(environ: Any, start_response: Any) -> Any:
    for name in ("print", "input", "exit"):
        setattr(builtins, name, None)
    return answer(start_response)


def changes_limits(environ: Any, start_response: Any) -> Any:
    sys.setrecursionlimit(300)
    sys.setswitchinterval(0.02)
    return answer(start_response)


def changes_modules(environ: Any, start_response: Any) -> Any:
    for name in ("json", "app", "misbehaving"):
        sys.modules.pop(name, None)
    sys.path.insert(0, "/nowhere")
    return answer(start_response)


def disables_gc(environ: Any, start_response: Any) -> Any:
    gc.disable()
    return answer(start_response)


def makes_warnings_errors(environ: Any, start_response: Any) -> Any:
    warnings.simplefilter("error")
    return answer(start_response)


def shuts_logging_down(environ: Any, start_response: Any) -> Any:
    logging.shutdown()
    logging.disable(logging.CRITICAL)
    logging.getLogger().handlers.clear()
    logging.getLogger("gateway").disabled = True
    return answer(start_response)


def traces(environ: Any, start_response: Any) -> Any:
    def trace(frame: Any, event: str, argument: Any) -> Any:
        raise ValueError("traced")

    sys.settrace(trace)
    return answer(start_response)


def replaces_hooks(environ: Any, start_response: Any) -> Any:
    def hook(*arguments: Any) -> None:
        raise ValueError("hooked")

    threading.excepthook = sys.excepthook = sys.unraisablehook = hook
    thread = threading.Thread(target=hook)
    thread.start()
    thread.join()
    raise ValueError


# -- threads and contexts --------------------------------------------------------------


def recurses(environ: Any, start_response: Any) -> Any:
    return recurses(environ, start_response)


def recurses_in_json(environ: Any, start_response: Any) -> Any:
    import json

    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    json.dumps(nested)


def sleeps(environ: Any, start_response: Any) -> Any:
    if (done := releases(environ, start_response)) is not None:
        return done
    released.wait(30)
    return answer(start_response)


def loops(environ: Any, start_response: Any) -> Any:
    if (done := releases(environ, start_response)) is not None:
        return done
    end = time.monotonic() + 30
    while not released.is_set() and time.monotonic() < end:
        pass
    return answer(start_response)


def hangs_in_body(environ: Any, start_response: Any) -> Any:
    if (done := releases(environ, start_response)) is not None:
        return done
    start_response(STATUS, [("Content-Length", "8")])
    return _hanging()


def _hanging() -> Iterator[bytes]:
    yield b"answ"
    released.wait(30)
    yield b"ered"


def hangs_in_close(environ: Any, start_response: Any) -> Any:
    if (done := releases(environ, start_response)) is not None:
        return done

    class Hanging(Body):
        def close(self) -> None:
            released.wait(30)

    start_response(STATUS, [("Content-Length", "8")])
    return Hanging()


_locks = threading.Lock(), threading.Lock()
_both = threading.Barrier(2)


def deadlocks(environ: Any, start_response: Any) -> Any:
    """Two requests take two locks, each the other's first; until released."""
    if (done := releases(environ, start_response)) is not None:
        return done
    one, other = _locks if environ["PATH_INFO"] == "/one" else reversed(_locks)
    with one:
        _both.wait(10)
        while not other.acquire(timeout=0.02):
            if released.is_set():
                return answer(start_response, "deadlocked")
        other.release()
    return answer(start_response)


def spawns_threads(environ: Any, start_response: Any) -> Any:
    if (done := releases(environ, start_response)) is not None:
        return done
    for number in range(20):
        threading.Thread(target=released.wait, args=(30,), daemon=number < 19).start()
    return answer(start_response)


def crashes_threads(environ: Any, start_response: Any) -> Any:
    threads = [threading.Thread(target=sys.exit), threading.Thread(target=raises_group)]
    for thread in threads:
        thread.start()
        thread.join()
    return answer(start_response)


def leaves_contexts(environ: Any, start_response: Any) -> Any:
    app = App("left")
    for _ in range(3):
        AppContext(app).push()
        RequestContext(app, environ).push()
        g.left = "behind"
    leaked.set("leaked")
    decimal.getcontext().prec = 3
    return answer(start_response)


def leaves_contexts_in_body(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response(STATUS, [("Content-Length", "8")])
    AppContext(App("left")).push()
    leaked.set("leaked")
    yield b"answ"
    RequestContext(App("left"), environ).push()
    yield b"ered"


def pops_too_many(environ: Any, start_response: Any) -> Any:
    from gateway.context import current_app_context

    context = current_app_context.get()
    context.pop()
    context.pop()


def leaves_a_loop(environ: Any, start_response: Any) -> Any:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.close()
    return answer(start_response)
