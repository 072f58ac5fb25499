"""Bodies that are closed, and what ends with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.bodies import ClosingBody, close_body


class Body:
    """A body that tells when it is closed, and cannot be if *fails*."""

    def __init__(self, events: list[str], fails: bool = False) -> None:
        self._events = events
        self._fails = fails

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a", b"b"])

    def close(self) -> None:
        self._events.append("closed")
        if self._fails:
            raise RuntimeError("it fails")


def test_what_ends_with_a_body_ends_after_it_and_once() -> None:
    events: list[str] = []
    body = ClosingBody(Body(events), lambda: events.append("ended"))
    assert list(body) == [b"a", b"b"]
    assert events == []
    body.close()
    body.close()
    assert events == ["closed", "ended"]


def test_what_ends_with_a_body_ends_also_if_that_fails() -> None:
    events: list[str] = []
    body = ClosingBody(Body(events, fails=True), lambda: events.append("ended"))
    with pytest.raises(RuntimeError, match="it fails"):
        body.close()
    body.close()
    assert events == ["closed", "ended"]


def test_a_body_that_cannot_be_closed_ends_all_the_same() -> None:
    events: list[str] = []
    body = ClosingBody(iter([b"a"]), lambda: events.append("ended"))
    assert list(body) == [b"a"]
    body.close()
    assert events == ["ended"]
    close_body([b"a"])
