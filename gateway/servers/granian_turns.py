"""An application that the threads of granian serve in turns."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final, Protocol

from gateway.bodies import close_body
from gateway.servers.conforming import Conforming, Exchange
from gateway.servers.turns import Turns
from gateway.shares import Share
from gateway.types import WSGIApplication, WSGIEnvironment

_log = logging.getLogger("gateway.serve")

# The name under which granian has what makes a function for it of an application.
_WRAP: Final = "_wsgi_call_wrap"


class Response(Protocol):
    """What granian takes a response by; only the first call counts."""

    def response_bytes(
        self, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        """Send a response whose body is all there."""

    def response_iter(
        self, status: int, headers: list[tuple[str, str]], body: Iterable[bytes]
    ) -> None:
        """Send a response while its body is made; closes it."""


@dataclass(slots=True)
class _Call:
    response: Response
    environ: WSGIEnvironment
    share: Share


class InTurns(Conforming):
    """Serves an application from granian's threads, the short requests in turns.

    :param application: what serves the requests.
    :param multiprocess: whether other processes serve the same application.
    :param shares: tells whose a request is.
    """

    __slots__ = ("_base", "_shares", "_turns")

    def __init__(
        self,
        application: WSGIApplication,
        multiprocess: bool,
        shares: Callable[[WSGIEnvironment], Share],
    ) -> None:
        super().__init__(application, multiprocess)
        self._shares = shares
        self._turns = Turns(self._serve)
        self._base = {
            "SCRIPT_NAME": "",
            "SERVER_SOFTWARE": "granian",
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.input_terminated": True,
            "wsgi.multithread": True,
            "wsgi.multiprocess": multiprocess,
            "wsgi.run_once": False,
        }

    def answer(self, response: Response, environ: WSGIEnvironment) -> None:
        """Serve one request; called by a thread of granian's."""
        environ.update(self._base)
        call = _Call(response, environ, self._shares(environ))
        # RFC 9112, 6.3: without either there is no body.
        if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            # It can be read until this returns, and takes as long as its client likes.
            self._turns.run_here(call)
        else:
            environ["wsgi.input"] = BytesIO()
            self._turns.run(call)

    def _serve(self, call: _Call) -> None:
        response = call.response
        exchange = Exchange()
        body: Iterable[bytes] = ()
        try:
            status, headers, body = exchange.begin(
                self._application(call.environ, exchange.start_response)
            )
            if type(body) is list:
                response.response_bytes(int(status[:3]), headers, b"".join(body))
            else:
                response.response_iter(int(status[:3]), headers, body)
        except BaseException:
            # Nobody above has a use for it: this may be another request's thread.
            _log.exception("a request was not answered")
            response.response_bytes(HTTPStatus.INTERNAL_SERVER_ERROR, [], b"")
            close_body(body)


def take_turns() -> None:
    """Have granian call :meth:`InTurns.answer`, from here on and in this process.

    Without it, and with a granian that has its inside in another order, it calls such
    an application as any other.
    """
    from granian.server import mp

    wrap: Any = getattr(mp, _WRAP, None)

    def wrapped(application: Any, *options: Any) -> Any:
        if isinstance(application, InTurns):
            return application.answer
        return wrap(application, *options)

    if wrap is not None:
        setattr(mp, _WRAP, wrapped)
