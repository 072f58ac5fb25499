"""Mounts that did not load: who may go on without them, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from time import monotonic
from typing import Final, TypeAlias

from gateway.config.spec import MountSpec
from gateway.errors import LoadError
from gateway.pages import answer
from gateway.types import StartResponse, WSGIEnvironment

# How long it takes to the first retry and, at most, to any later one, in seconds.
_FIRST: Final = 1.0
_LONGEST: Final = 60.0

Page: TypeAlias = Callable[[LoadError, WSGIEnvironment], str]
"""Makes the HTML page that a mount shows which has failed to load, for a request."""


class Failure:
    """Stands for an application that did not load; a WSGI application (PEP 3333).

    It answers 503, with a ``Retry-After`` (RFC 9110, 10.2.3) if it is retried.

    :param error: why it did not load.
    :param retried: whether it is loaded again by itself.
    :param page: what it shows instead of a page that tells nothing.
    """

    def __init__(self, error: LoadError, retried: bool, page: Page | None) -> None:
        self.error = _bare(error)
        self.retried = retried
        self.attempts = 1
        self._page = page
        self._delay = _FIRST
        self._due = monotonic() + _FIRST

    @property
    def due(self) -> float:
        """How long it is to the next retry, in seconds."""
        return self._due - monotonic()

    def again(self, error: LoadError) -> None:
        """Note that a retry has failed, too; the next one comes later."""
        self.error = _bare(error)
        self.attempts += 1
        self._delay = min(self._delay * 2, _LONGEST)
        self._due = monotonic() + self._delay

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        headers = []
        if self.retried:
            headers.append(("Retry-After", str(max(ceil(self.due), 1))))
        status = HTTPStatus.SERVICE_UNAVAILABLE
        if self._page is None:
            return answer(status, environ, start_response, headers)
        body = self._page(self.error, environ).encode()
        headers += [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]


def _bare(error: LoadError) -> LoadError:
    """Return *error* without what would keep the modules alive that have failed."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


@dataclass(frozen=True, slots=True)
class Failures:
    """What becomes of a gateway when mounts do not load.

    :param degrade: whether a mount with ``on_load_error: degrade`` may be left out
        when the gateway starts; otherwise each must load.
    :param development: whether any mount may be left out at any time.
    :param page: what a mount that is left out shows.
    """

    degrade: bool = False
    development: bool = False
    page: Page | None = None

    def stand_in(
        self, spec: MountSpec, error: LoadError, served: bool
    ) -> Failure | None:
        """Return what serves in place of a mount; ``None`` if nothing may.

        :param served: whether an older one can go on serving.
        """
        degrade = self.degrade and spec.on_load_error == "degrade"
        if self.development or (degrade and not served):
            return Failure(error, degrade, self.page)
        return None


ALL_MUST_LOAD: Final = Failures()
