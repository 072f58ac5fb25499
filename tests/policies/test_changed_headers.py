"""What policies do to the headers of a response: and to nothing else of it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.policies.changed_headers import Headers, changing_headers


class Server:
    """Takes down what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *args: Any) -> Any:
        self.calls.append(args)
        return self.calls.append


def another(headers: Headers) -> Headers:
    return [*((name.lower(), value) for name, value in headers), ("x-added", "1")]


def test_the_headers_are_changed_and_the_applications_list_is_not() -> None:
    server, own = Server(), [("X-Own", "2")]
    write = changing_headers(server, another)("200 OK", own)
    assert server.calls == [("200 OK", [("x-own", "2"), ("x-added", "1")])]
    assert own == [("X-Own", "2")]
    assert write == server.calls.append


def test_an_error_goes_along() -> None:
    server, error = Server(), (ValueError, ValueError(), None)
    changing_headers(server, another)("500 No", [], error)
    assert server.calls == [("500 No", [("x-added", "1")], error)]


@pytest.mark.parametrize("malformed", [None, 1, [("X-Own",)], [(1, "2")], ["X-Own"]])
def test_what_makes_no_sense_is_for_the_server_to_tell(malformed: Any) -> None:
    server = Server()
    changing_headers(server, another)("200 OK", malformed)
    assert server.calls == [("200 OK", malformed)]
