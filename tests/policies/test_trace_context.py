"""W3C Trace Context: valid headers are passed on as they are, others are not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import create_environ

from gateway.policies.trace_context import (
    TraceContextPolicy,
    child,
    is_traceparent,
    is_tracestate,
    trace_id_of,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "value",
    [
        PARENT,
        PARENT[:-2] + "00",
        # Later versions may have more (4.3).
        "01" + PARENT[2:],
        f"cc{PARENT[2:]}-what-the-future-will-bring",
    ],
)
def test_a_traceparent(value: str) -> None:
    assert is_traceparent(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        PARENT.upper(),
        "ff" + PARENT[2:],
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-00f067aa0ba902b7-01",
        f"{PARENT}-more",
        f"{PARENT}\n",
        f" {PARENT}",
        f"{PARENT}, {PARENT}",
        f"01{PARENT[2:]}-a b",
        PARENT.replace("-", "_"),
    ],
)
def test_no_traceparent(value: str) -> None:
    assert not is_traceparent(value)


@pytest.mark.parametrize(
    "value",
    [
        "a=b",
        "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE",
        "fw529a3039@dt=FfAAAAAAAAA,,",
        "1a-_*/=x y",
        ",".join(f"k{n}=v" for n in range(32)),
    ],
)
def test_a_tracestate(value: str) -> None:
    assert is_tracestate(value)


@pytest.mark.parametrize(
    "value",
    [
        "a",
        "=b",
        "A=b",
        "a=b=c",
        "a=",
        "a=\xe9",
        "a=b\r\nX: y",
        ",".join(f"k{n}=v" for n in range(33)),
        "a=" + "x" * 257,
        ", " * 5000,
    ],
)
def test_no_tracestate(value: str) -> None:
    assert not is_tracestate(value)


@given(st.text(max_size=60))
def test_nothing_else_is_taken_for_one(value: str) -> None:
    assert is_traceparent(value) in (True, False)
    if is_tracestate(value):
        assert value.isascii()
        assert not set(value) & set("\r\n\0")


def passed_on(**headers: str) -> tuple[str | None, str | None]:
    environ = create_environ(environ_overrides=headers)
    before = dict(environ)
    seen: list[Any] = []

    def application(inner: Any, start_response: Any) -> list[bytes]:
        seen.append(inner)
        return []

    TraceContextPolicy(application)(environ, lambda *args: lambda data: None)
    assert environ == before
    return seen[0].get("HTTP_TRACEPARENT"), seen[0].get("HTTP_TRACESTATE")


def test_what_is_passed_on() -> None:
    assert passed_on() == (None, None)
    assert passed_on(HTTP_TRACEPARENT=PARENT) == (PARENT, None)
    both = {"HTTP_TRACEPARENT": PARENT, "HTTP_TRACESTATE": "a=b"}
    assert passed_on(**both) == (PARENT, "a=b")
    assert passed_on(**both | {"HTTP_TRACESTATE": "A"}) == (PARENT, None)
    assert passed_on(**both | {"HTTP_TRACEPARENT": "x"}) == (None, None)
    assert passed_on(HTTP_TRACESTATE="a=b") == (None, None)


def test_a_child_is_of_the_same_trace() -> None:
    first, second = child(PARENT), child(f"cc{PARENT[2:]}-more")
    assert is_traceparent(first)
    assert is_traceparent(second)
    assert first[:36] == second[:36] == PARENT[:36]
    assert first[-3:] == second[-3:] == "-01"
    assert len({first, second, PARENT}) == 3


def test_the_trace_of_a_request() -> None:
    assert trace_id_of({"HTTP_TRACEPARENT": PARENT}) == TRACE
    assert trace_id_of({}) is None
