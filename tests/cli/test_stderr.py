"""The handler of the gateway's own log: every line once, in order, none held up."""

from __future__ import annotations

import io
import logging
import threading

import pytest

from gateway.cli.stderr import LineHandler


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
