"""Response bodies (PEP 3333): how they are closed, and what is done then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator


def close_body(body: object) -> None:
    """Close *body*, if it can be closed."""
    close = getattr(body, "close", None)
    if close is not None:
        close()


class ClosingBody:
    """A body with which something else ends.

    :param body: the application's.
    :param ended: called when *body* has been closed, also if that fails; once.
    """

    __slots__ = ("_body", "_ended", "_iterator")

    def __init__(self, body: Iterable[bytes], ended: Callable[[], object]) -> None:
        self._body = body
        self._iterator: Iterator[bytes] = iter(body)
        self._ended: Callable[[], object] | None = ended

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._iterator)

    def close(self) -> None:
        """Close the body, and end what goes with it; once."""
        ended, self._ended = self._ended, None
        if ended is None:
            return
        try:
            close_body(self._body)
        finally:
            ended()
