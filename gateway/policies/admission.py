"""Admission: how many requests of a mount run at a time, where nothing queues them."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from threading import Semaphore
from typing import Final

from gateway.bodies import ClosingBody
from gateway.pages import answer
from gateway.paths import MOUNT_STACK
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

# Nobody knows when there is room again, so clients come back soon, in seconds.
_RETRY_AFTER: Final = "1"


class AdmissionPolicy:
    """Answers 503 with ``Retry-After`` when a mount is full (RFC 9110, 15.6.4).

    A request runs until its body is closed. It is a WSGI middleware (:pep:`3333`).

    A subrequest of a mount that waits for it already is let in, because its own place
    would never become free.

    :param mount: the name of the mount.
    :param application: what serves the requests.
    :param slots: one for each request that may run; shared with whatever served the
        mount before, so that a reload admits no more.
    """

    __slots__ = ("_application", "_mount", "_slots")

    def __init__(
        self, mount: str, application: WSGIApplication, slots: Semaphore
    ) -> None:
        self._mount = mount
        self._application = application
        self._slots = slots

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if self._mount in environ.get(MOUNT_STACK, ()):
            return self._application(environ, start_response)
        slots = self._slots
        if not slots.acquire(blocking=False):
            headers = [("Retry-After", _RETRY_AFTER)]
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return answer(status, environ, start_response, headers)
        try:
            body = self._application(environ, start_response)
            if type(body) is not list and type(body) is not tuple:
                return ClosingBody(body, slots.release)
        except BaseException:
            slots.release()
            raise
        slots.release()
        return body


class Admissions:
    """Gives each mount its slots, and the same ones again after a reload."""

    def __init__(self) -> None:
        self._slots: dict[tuple[str, int], Semaphore] = {}

    def admit(
        self, mount: str, limit: int | None, application: WSGIApplication
    ) -> WSGIApplication:
        """Return what admits requests to *application*, a mount's.

        :param limit: how many run at a time; ``None`` is as many as come.
        """
        if limit is None:
            return application
        slots = self._slots.setdefault((mount, limit), Semaphore(limit))
        return AdmissionPolicy(mount, application, slots)
