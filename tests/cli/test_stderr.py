"""The handler of the gateway's own log: every line once, in order, none held up."""

from __future__ import annotations

import io
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway.cli import stderr
from gateway.cli.log_lines import LogLines
from gateway.cli.stderr import LineHandler
from gateway.policies.access_log import ACCESS


class Slow(io.StringIO):
    """A stream whose writer can be held."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        self.entered.set()
        assert self.go_on.wait(10)
        return super().write(text)


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("gateway", logging.INFO, "", 0, text, None, None)


def test_lines_that_come_while_one_is_written_are_left_to_its_writer() -> None:
    handler = LineHandler()
    stream = Slow()
    handler.setStream(stream)
    thread = threading.Thread(target=handler.handle, args=(record("first"),))
    thread.start()
    assert stream.entered.wait(10)
    for number in range(5):
        assert handler.handle(record(f"line {number}"))
    stream.go_on.set()
    thread.join()
    lines = ["first", *(f"line {number}" for number in range(5))]
    assert stream.getvalue().splitlines() == lines
    assert stream.writes == 2
    assert handler.handle(record("last"))
    assert stream.getvalue().endswith("last\n")


def test_many_threads_lose_no_line() -> None:
    handler = LineHandler()
    stream = io.StringIO()
    handler.setStream(stream)

    def log(name: int) -> None:
        for number in range(300):
            handler.handle(record(f"{name} {number}"))

    threads = [threading.Thread(target=log, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1800
    for name in range(6):
        own = [line for line in lines if line.startswith(f"{name} ")]
        assert own == [f"{name} {number}" for number in range(300)]


def test_filters_are_asked_and_errors_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = LineHandler()
    handler.setStream(stream := io.StringIO())
    handler.addFilter(lambda each: each.msg != "secret")
    assert not handler.handle(record("secret"))
    broken = record("%d")
    broken.args = ("x",)
    assert handler.handle(broken)
    assert handler.handle(record("good"))
    assert stream.getvalue() == "good\n"
    assert "Logging error" in capsys.readouterr().err


@pytest.fixture
def lines() -> Iterator[tuple[LineHandler, io.StringIO]]:
    """Give a handler as ``gateway serve`` has it, and what it writes to."""
    handler = LineHandler()
    handler.setFormatter(LogLines())
    handler.setStream(stream := io.StringIO())
    with closing(handler):
        yield handler, stream


@pytest.fixture
def held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the lines of requests wait for something else to be written."""
    monkeypatch.setattr(stderr, "_DELAY", 3600.0)


def messages(stream: io.StringIO) -> list[str]:
    return re.findall(r"(?m)^[-0-9]+ [:0-9]+,[0-9]{3} INFO (.*)$", stream.getvalue())


def test_the_lines_of_requests_come_soon_and_in_order(
    lines: tuple[LineHandler, io.StringIO],
) -> None:
    handler, stream = lines
    written = threading.Event()
    stream.flush = written.set  # type: ignore[method-assign]
    for number in range(50):
        handler.write_access(f"request {number}")
    assert written.wait(10)
    assert messages(stream) == [f"request {number}" for number in range(50)]
    # And so do those after it.
    written.clear()
    handler.write_access("last")
    assert written.wait(10)
    assert messages(stream)[-1] == "last"


@pytest.mark.usefixtures("held_back")
def test_what_else_is_logged_comes_after_the_requests_before_it(
    lines: tuple[LineHandler, io.StringIO],
) -> None:
    handler, stream = lines
    handler.write_access("request")
    assert stream.getvalue() == ""
    handler.handle(record("news"))
    assert messages(stream) == ["request", "news"]


@pytest.mark.usefixtures("held_back")
def test_the_end_writes_what_waits(
    lines: tuple[LineHandler, io.StringIO],
) -> None:
    handler, stream = lines
    handler.write_access("request")
    handler.close()
    assert messages(stream) == ["request"]


def test_an_output_that_is_gone_is_no_failure(
    lines: tuple[LineHandler, io.StringIO],
) -> None:
    handler, stream = lines
    stream.close()
    handler.write_access("request")
    handler.close()


@pytest.mark.usefixtures("held_back")
def test_many_lines_do_not_wait_for_a_thread_of_their_own(
    lines: tuple[LineHandler, io.StringIO],
) -> None:
    handler, stream = lines
    for number in range(stderr._MANY + 1):
        handler.write_access(f"request {number}")
    assert messages(stream) == [f"request {n}" for n in range(stderr._MANY)]
    handler.flush()
    assert messages(stream)[-1] == f"request {stderr._MANY}"


def test_no_thread_waits_for_one_that_is_stuck_in_a_write(
    lines: tuple[LineHandler, io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck(Slow):
        def flush(self) -> None:
            assert self.go_on.wait(30)

    handler, _ = lines
    monkeypatch.setattr(handler, "_schedule", lambda: None)
    handler.setStream(stream := Stuck())
    handler.write_access("first")
    stuck = threading.Thread(target=handler._write_scheduled)
    stuck.start()
    assert stream.entered.wait(10)
    handler.write_access("second")
    next_one = threading.Thread(target=handler._write_scheduled)
    next_one.start()
    next_one.join(10)
    is_waiting = next_one.is_alive()
    stream.go_on.set()
    stuck.join()
    next_one.join()
    assert not is_waiting
    assert messages(stream) == ["first", "second"]


def test_without_a_thread_to_be_had_a_line_is_written_at_once(
    lines: tuple[LineHandler, io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    handler, stream = lines
    handler.write_access("request")
    assert messages(stream) == ["request"]


def test_an_output_that_nobody_reads_does_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stderr, "_MOST", 10)
    handler = LineHandler()
    handler.setFormatter(LogLines())
    handler.setStream(stream := Slow())
    with closing(handler):
        stuck = threading.Thread(target=handler.handle, args=(record("first"),))
        stuck.start()
        assert stream.entered.wait(10)
        for number in range(30):
            handler.write_access(f"request {number}")
        stream.go_on.set()
        stuck.join()
    assert messages(stream) == ["first", *(f"request {n}" for n in range(10))]
    assert "WARNING 20 requests have no line" in stream.getvalue().splitlines()[-1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.usefixtures("held_back")
def test_a_forked_process_writes_its_own_lines_only(
    lines: tuple[LineHandler, io.StringIO],
) -> None:
    handler, stream = lines
    handler.write_access("of the parent")
    reader, writer = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover (another process)
        try:
            stderr._DELAY = 0.0
            said = threading.Event()
            stream.flush = said.set  # type: ignore[method-assign]
            handler.write_access("of the child")
            said.wait(10)
            os.write(writer, "\n".join(messages(stream)).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        assert pipe.read() == b"of the child"
    handler.flush()
    assert messages(stream) == ["of the parent"]


def test_a_line_is_as_its_record_would_have_it() -> None:
    formatter = LogLines()
    access = logging.LogRecord(ACCESS, logging.INFO, "", 0, "a line", None, None)
    without_time = re.compile(r"^[-0-9]+ [:0-9]+,[0-9]{3} ")
    assert without_time.sub("", formatter.access_line("a line")) == without_time.sub(
        "", formatter.format(access)
    )
    formatter.as_json = True
    assert formatter.access_line("{}") == "{}"
