"""What some policies do: the application's response has other headers outside."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from gateway.types import StartResponse

Headers: TypeAlias = list[tuple[str, str]]


def changing_headers(
    start_response: StartResponse, change: Callable[[Headers], Headers]
) -> StartResponse:
    """Return what goes on to *start_response* with other headers (PEP 3333).

    :param change: returns them, and leaves those that it is given as they are: the list
        is the application's, which may send it again. It may fail by what is no list of
        names and values: that is gone on with as it is, for the server to tell.
    """

    def start(
        status: str, headers: Headers, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        with suppress(AttributeError, TypeError, ValueError):
            headers = change(headers)
        if exc_info is None:
            return start_response(status, headers)
        return start_response(status, headers, exc_info)

    return start
