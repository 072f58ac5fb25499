"""What the server lets an application send."""

from __future__ import annotations

from array import array
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.errors import InvalidResponseError
from gateway.servers.response import check_chunk, check_head, check_length, check_room


def head(status: str, *fields: tuple[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields)]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")


@pytest.mark.parametrize(
    "good",
    [
        head("200 OK"),
        head("299 \xe4ndere"),
        head("404 "),
        head("599"),
        head("200 OK", ("X-Empty", ""), ("X!#$", "a\tb \xff"), ("Content-Length", "0")),
    ],
)
def test_a_good_head_is_sent(good: bytes) -> None:
    check_head(good, [("X-Any", "a")])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (head(""), r"status is ''.*200 to 599"),
        (head("199 No"), "status is '199 No'"),
        (head("600 No"), "status is '600 No'"),
        (head("200OK"), "status is '200OK'"),
        (head("200 \x1b"), r"status is '200 \\x1b'"),
        (head("200 OK", ("X Y", "a")), "header 'X Y: a'"),
        (head("200 OK", ("X", "a"), ("", "b")), "header ': b'"),
        (head("200 OK", ("X", "a\0" + "b" * 99)), r"header 'X: a\\x00b+\.\.\.'"),
    ],
)
def test_a_bad_head_is_said(bad: bytes, message: str) -> None:
    with pytest.raises(InvalidResponseError, match=message):
        check_head(bad, [])


def test_a_colon_in_a_name_does_not_hide() -> None:
    fields = [("X: a, Y", "b")]
    with pytest.raises(InvalidResponseError, match="header 'X: a, Y'"):
        check_head(head("200 OK", *fields), fields)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["-1"], "Content-Length is '-1'"),
        (["\xb2"], "Content-Length is"),
        ([""], "Content-Length is ''"),
        (["1", "1"], "Content-Length is '1, 1'"),
    ],
)
def test_a_bad_length_is_said(values: list[str], message: str) -> None:
    with pytest.raises(InvalidResponseError, match=message):
        check_length(values)


def test_a_good_length_is_sent() -> None:
    check_length(["0"])


@pytest.mark.parametrize("data", [b"", b"a", bytearray(b"a"), memoryview(b"a")])
def test_bytes_are_sent(data: Any) -> None:
    check_chunk(data)


@pytest.mark.parametrize("data", ["a", 1, None, ["a"]])
def test_what_is_not_bytes_is_said(data: Any) -> None:
    with pytest.raises(InvalidResponseError, match=type(data).__name__):
        check_chunk(data)


def test_items_that_are_not_bytes_are_said() -> None:
    with pytest.raises(InvalidResponseError, match="not bytes"):
        check_chunk(memoryview(array("I", [1, 2])))


def task(command: str, length: int | None, written: int, has_body: bool = True) -> Any:
    return SimpleNamespace(
        request=SimpleNamespace(command=command),
        content_length=length,
        content_bytes_written=written,
        has_body=has_body,
    )


@pytest.mark.parametrize(
    "room", [task("GET", None, 9), task("GET", 10, 9), task("HEAD", 0, 0)]
)
def test_there_is_room_for_more(room: Any) -> None:
    check_room(room)


@pytest.mark.parametrize("full", [task("GET", 9, 9), task("GET", None, 0, False)])
def test_there_is_no_room_past_the_end(full: Any) -> None:
    with pytest.raises(InvalidResponseError, match="goes on after its"):
        check_room(full)
