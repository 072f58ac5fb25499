"""One request at an ASGI application: the side of it that runs in the caller's thread.

This is where a WSGI server's thread waits for the event loop, and where it reads the
request body when the application asks for it: no other thread blocks on ``wsgi.input``.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from queue import Empty
from time import monotonic
from typing import Final

from gateway.loaders.asgi_exchange import Event, Exchange
from gateway.loaders.asgi_protocol import AsgiError
from gateway.types import StartResponse, WSGIEnvironment

_log = logging.getLogger("gateway.asgi")

# How often a server that can tell is asked whether the client is still there, in
# seconds.
_POLL: Final = 1.0

# Nobody reads this answer, but the access log shows it. The number is nginx's.
_CLIENT_CLOSED: Final = "499 Client Closed Request"


class AsgiResponse:
    """What a WSGI server gets of one exchange; the body of a streamed response.

    :param exchange: the request, begun.
    :param name: the mount's name, for messages.
    :param environ: the WSGI environment (PEP 3333).
    :param close_timeout: how long :meth:`close` waits for the application, in seconds.
    """

    __slots__ = (
        "_ahead",
        "_client_gone",
        "_close_timeout",
        "_exchange",
        "_finished",
        "_first",
        "_name",
    )

    def __init__(
        self,
        exchange: Exchange,
        name: str,
        environ: WSGIEnvironment,
        close_timeout: float,
    ) -> None:
        self._exchange = exchange
        self._name = name
        self._client_gone = environ.get("waitress.client_disconnected")
        self._close_timeout = close_timeout
        self._finished = False
        self._first: bytes | None = None
        self._ahead: deque[bytes | Event] = deque()

    def start(self, start_response: StartResponse) -> Iterable[bytes]:
        """Wait for the response, start it, and return its body.

        :returns: a list if all of it is there already.
        :raises Exception: what the application raised instead of responding.
        """
        try:
            return self._start(start_response)
        except BaseException:
            # Whatever interrupts the wait, the server will not call close().
            self.close()
            raise

    def _start(self, start_response: StartResponse) -> Iterable[bytes]:
        first = self._wait()
        exchange = self._exchange
        if first is Event.ENDED:
            self._end()
            start_response(_CLIENT_CLOSED, [("Content-Type", "text/plain")])
            return []
        self._finished = first is Event.COMPLETE
        assert exchange.head is not None  # it comes before any body
        start_response(exchange.head.status, exchange.head.headers)
        if isinstance(first, Event):
            return exchange.whole or []
        return self._join(first)

    def _join(self, first: bytes) -> Iterable[bytes]:
        """Return a list after all if the rest came while this thread woke up.

        That is so for a short response behind a framework's middleware, which sends
        its end in a message of its own.
        """
        try:
            second = self._exchange.events.get_nowait()
        except Empty:
            pass
        else:
            if second is Event.COMPLETE:
                self._finished = True
                return [first]
            self._ahead.append(second)
        self._first = first
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self._finished:
            raise StopIteration
        event = self._wait()
        if not isinstance(event, Event):
            return event
        if event is Event.ENDED:
            self._end()
        self._finished = True
        raise StopIteration

    def _wait(self) -> bytes | Event:
        """Return the next chunk, or how the response ends."""
        while True:
            try:
                event = self._get(None if self._client_gone is None else _POLL)
            except Empty:
                if self._client_gone is not None and self._client_gone():
                    self.close()
                    return Event.ENDED
                continue
            if event is Event.READ:
                self._read()
                continue
            if not isinstance(event, Event):
                self._exchange.took(event)
            return event

    def _get(self, timeout: float | None) -> bytes | Event:
        if self._ahead:
            return self._ahead.popleft()
        return self._exchange.events.get(timeout=timeout)

    def _read(self) -> None:
        """Read a part of the request body for the application.

        What the server raises for a body it refuses goes to the caller; that it cannot
        read any more means that the client has gone.
        """
        try:
            message = self._exchange.body.read()
        except OSError:
            message = {"type": "http.disconnect"}
        self._exchange.call(self._exchange.feed, message)

    def _end(self) -> None:
        """Raise what ended the application early, unless its client has gone."""
        closed, self._finished = self._finished, True
        error, self._exchange.error = self._exchange.error, None
        if closed or self._exchange.disconnected:
            return
        if isinstance(error, Exception):
            try:
                raise error
            finally:
                del error  # or else it and its traceback would hold each other
        if error is None:
            raise AsgiError(
                f"mount {self._name!r}: the ASGI application returned before it had "
                "sent a complete response; the last message of a response is "
                "'http.response.body' without 'more_body'"
            )
        # A SystemExit is this request's failure, not an order to the server's thread.
        raise AsgiError(
            f"mount {self._name!r}: the ASGI application ended with {error!r}"
        ) from error

    def close(self) -> None:
        """Tell the application, if it still responds, that its client has gone.

        Its clean-up is waited for, but not for longer than the timeout.
        """
        if self._finished:
            return
        self._finished = True
        self._exchange.call(self._exchange.disconnect)
        deadline = monotonic() + self._close_timeout
        while (left := deadline - monotonic()) > 0:
            try:
                event = self._get(left)
            except Empty:
                break
            if event is Event.COMPLETE or event is Event.ENDED:
                return
        _log.warning(
            "mount %s: the ASGI application still runs %g s after its client has gone",
            self._name,
            self._close_timeout,
        )
