"""Witnesses: around each mount, and around each application where its mount calls it.

The two see different things. The one outside stands where the server does: the
execution context must be the same there before a call, between the steps of its body
and after its end. The one inside stands where the application does: it must find a
context of its own there, new at entry and current until the body is closed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from secrets import token_hex
from time import sleep
from typing import Any, Final, TypeAlias

from gateway.config.spec import MountSpec
from gateway.policies.stack import PAST_POLICIES
from gateway.proof.evidence import Look, Moment
from gateway.proof.record import Recorder, Recording
from gateway.proof.sight import Sight, write_token
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

TICKET: Final = "Gateway-Proof"
"""The header by which a request of the prover is known."""
PID: Final = "Gateway-Proof-Pid"
"""The header by which a response says which process called its application."""

_TICKET_KEY: Final = "HTTP_GATEWAY_PROOF"
# Enough for another thread to get its turn, at the first steps of a body.
_PAUSE: Final = 0.0005
_PAUSES: Final = 3

Hold: TypeAlias = Callable[[Recording, Moment], None]


class _Here(threading.local):
    """The call that this thread is serving.

    Found by the thread, and not by a context variable: what is being examined must not
    be what the examination rests on.
    """

    recording: Recording | None = None

    @contextmanager
    def serving(self, recording: Recording) -> Iterator[None]:
        before, self.recording = self.recording, recording
        try:
            yield
        finally:
            self.recording = before


class Witness:
    """Watches all calls of all mounts that the prover's own requests lead to.

    :param sight: takes the looks.
    :ivar hold: called inside each call, at entry and when the application has returned
        or raised, to keep it there for a while.
    """

    def __init__(self, sight: Sight) -> None:
        self.recorder = Recorder()
        self.hold: Hold = lambda recording, moment: None
        self._sight = sight
        self._here = _Here()
        self._run = token_hex(8)

    def ticket(self, mount: str, number: int) -> Mapping[str, str]:
        """Return the header that marks a request to *mount*."""
        return {TICKET: f"{self._run} {number} {mount}"}

    def outside(self, spec: MountSpec, mount: WSGIApplication) -> WSGIApplication:
        """Wrap a mount as a whole."""

        def watched(
            environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            ticket = self._read_ticket(environ)
            if ticket is None:
                return mount(environ, start_response)
            recording = self.recorder.begin(spec.name, *ticket)
            try:
                with self._here.serving(recording):
                    body = mount(environ, start_response)
            except BaseException:
                recording.compare("after the mount had raised")
                recording.ended = True
                raise
            recording.compare("after the mount had returned")
            if type(body) is list or type(body) is tuple:
                recording.ended = True
                return body
            return _OutsideBody(body, recording, self._here)

        return watched

    def inside(self, spec: MountSpec, application: WSGIApplication) -> WSGIApplication:
        """Wrap an application where its mount calls it."""

        def watched(
            environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            if self._read_ticket(environ) is None:
                return application(environ, start_response)
            # What is to be seen is the application, not how it is guarded.
            environ[PAST_POLICIES] = True
            # The recording stays behind where the call has been taken to another
            # thread or process; the header still tells of it.
            recording = self._here.recording

            def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                if recording is not None:
                    recording.status = int(status[:3])
                headers = [*headers, (PID, str(os.getpid()))]
                return start_response(status, headers, *rest)

            if recording is None:
                return application(environ, start)
            return self._call(recording, application, environ, start)

        return watched

    def torn_down(self, exc: BaseException | None) -> None:
        """Take a look; to be registered as a teardown function of each application."""
        if self._here.recording is not None:
            self._look(self._here.recording, Moment.TEARDOWN)

    def _read_ticket(self, environ: WSGIEnvironment) -> tuple[str, int] | None:
        run, _, rest = environ.get(_TICKET_KEY, "").partition(" ")
        if run != self._run:
            return None
        number, _, mount = rest.partition(" ")
        return mount, int(number)

    def _look(self, recording: Recording, moment: Moment) -> Look:
        look = self._sight.look(moment, recording.mount)
        recording.add(look)
        return look

    def _call(
        self,
        recording: Recording,
        application: WSGIApplication,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        self._enter(recording)
        try:
            body = application(environ, start_response)
            self.hold(recording, Moment.RETURNED)
            self._look(recording, Moment.RETURNED)
            # A mount is done with a list at once. Every second one is handed on as a
            # stream, so that steps and close are seen with every application.
            if (type(body) is list or type(body) is tuple) and recording.number % 2:
                return body
            watched = _InsideBody(body, recording, self._look, self._raised)
            recording.streamed = True
            return watched
        except BaseException as error:
            self.hold(recording, Moment.RAISED)
            self._raised(recording, error)
            raise

    def _enter(self, recording: Recording) -> None:
        if self._look(recording, Moment.ENTRY).context is not None:
            write_token(recording.token)
        self.hold(recording, Moment.ENTRY)
        self._look(recording, Moment.MET)

    def _raised(self, recording: Recording, error: BaseException) -> None:
        recording.raised = type(error).__name__
        self._look(recording, Moment.RAISED)


class _InsideBody:
    """A body that is looked around at by each of its steps and its close."""

    def __init__(
        self,
        body: Iterable[bytes],
        recording: Recording,
        look: Callable[[Recording, Moment], Look],
        raised: Callable[[Recording, BaseException], None],
    ) -> None:
        self._body = body
        self._iterator = iter(body)
        self._recording = recording
        self._look = look
        self._raised = raised

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = next(self._iterator)
        except StopIteration:
            raise
        except BaseException as error:
            self._raised(self._recording, error)
            raise
        self._look(self._recording, Moment.STEP)
        if self._recording.steps <= _PAUSES:
            sleep(_PAUSE)
        return chunk

    def close(self) -> None:
        """Close the application's body."""
        self._look(self._recording, Moment.CLOSE)
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._look(self._recording, Moment.CLOSED)


class _OutsideBody:
    """A mount's body, with the execution context around it compared at each return."""

    def __init__(
        self, body: Iterable[bytes], recording: Recording, here: _Here
    ) -> None:
        self._body = body
        self._iterator = iter(body)
        self._recording = recording
        self._here = here

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            with self._here.serving(self._recording):
                return next(self._iterator)
        finally:
            self._recording.compare("between body steps")

    def close(self) -> None:
        """Close the mount's body; then the call has ended."""
        try:
            with self._here.serving(self._recording):
                close = getattr(self._body, "close", None)
                if close is not None:
                    close()
        finally:
            self._recording.compare("after the mount had closed")
            self._recording.ended = True
