"""Witnesses: around each mount, and around each application where its mount calls it.

The two see different things. The one outside stands where the server does: the
execution context must be the same there before a call, between the steps of its body
and after its end. The one inside stands where the application does: it must find a
context of its own there, new at entry and current until the body is closed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from secrets import token_hex
from threading import Lock
from typing import Any, Final

from gateway.bodies import close_body
from gateway.config.spec import MountSpec
from gateway.policies.stack import PAST_POLICIES
from gateway.proof.acts import Act, DeliberateError
from gateway.proof.bodies import InsideBody, OutsideBody, note_raised
from gateway.proof.cookies import Cookies
from gateway.proof.frameworks import Watched, watch
from gateway.proof.identity import Identities
from gateway.proof.looks import Moment
from gateway.proof.record import Recorder, Recording, variables
from gateway.proof.tasks import watch_tasks
from gateway.proof.ticket import TICKET, TICKET_KEY
from gateway.proof.visit import Here, Senses, Visit
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

PID: Final = "Gateway-Proof-Pid"
"""The header by which a response says which process called its application."""

_PLAIN: Final = Act()


class Witness:
    """Watches all calls of all mounts that the prover's own requests lead to.

    :param senses: what it sees with.
    :param identities: gives the frameworks' objects their numbers.
    """

    def __init__(self, senses: Senses, identities: Identities) -> None:
        self.recorder = Recorder()
        self.cookies = Cookies()
        self.frameworks: dict[str, Watched] = {}
        self._senses = senses
        self._identities = identities
        self._here = Here()
        self._run = token_hex(8)
        self._lock = Lock()
        self._numbers: Counter[str] = Counter()
        self._acts: dict[tuple[str, int], Act] = {}
        self._loaded: Counter[str] = Counter()

    def number(self, mount: str, act: Act) -> int:
        """Return the number of a further request to *mount*, with which *act* is done.

        They are counted from 1.
        """
        with self._lock:
            self._numbers[mount] += 1
            number = self._numbers[mount]
            self._acts[mount, number] = act
        return number

    def ticket(self, mount: str, number: int) -> Mapping[str, str]:
        """Return the header that marks a request to *mount*."""
        return {TICKET: f"{self._run} {number} {mount}"}

    def outside(self, spec: MountSpec, mount: WSGIApplication) -> WSGIApplication:
        """Wrap a mount as a whole."""

        def watched(
            environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            ticket = self._read_ticket(environ.get(TICKET_KEY, ""))
            if ticket is None:
                return mount(environ, start_response)
            recording = self.recorder.begin(spec.name, *ticket)
            before = variables()
            try:
                with self._here.serving(recording):
                    body = mount(environ, start_response)
            except BaseException:
                recording.compare(before, "after the mount had raised")
                recording.ended = True
                raise
            recording.compare(before, "after the mount had returned")
            if type(body) is list or type(body) is tuple:
                recording.ended = True
                return body
            return OutsideBody(body, recording, self._here)

        return watched

    def inside(self, spec: MountSpec, application: WSGIApplication) -> WSGIApplication:
        """Wrap an application where its mount calls it."""
        generation = self._loaded[spec.name]
        self._loaded[spec.name] += 1
        found: Watched | None = watch(application, self._identities, self._recording)
        found = found or watch_tasks(
            application, self._identities, self._senses.environs, self._find
        )
        if found is not None:
            self.frameworks[spec.name] = found

        def watched(
            environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            ticket = self._read_ticket(environ.get(TICKET_KEY, ""))
            if ticket is None:
                return application(environ, start_response)
            # What is to be seen is the application, not how it is guarded.
            environ[PAST_POLICIES] = True
            # The recording stays behind where the call has been taken to another
            # thread or process; the header still tells of it.
            recording = self._here.recording
            act = self._acts.get(ticket, _PLAIN)
            start = _Start(start_response, act, recording)
            if recording is None:
                return application(environ, start)
            recording.act, recording.generation = act.name, generation
            recording.cookies = self.cookies.look(environ)
            visit = Visit(recording, self._senses, self._here)
            return _call(visit, act, application, environ, start)

        return watched

    def torn_down(self, exc: BaseException | None) -> None:
        """Take a look; to be registered as a teardown function of each application."""
        if self._here.recording is not None:
            visit = Visit(self._here.recording, self._senses, self._here)
            visit.look(Moment.TEARDOWN, exc)

    def _recording(self) -> Recording | None:
        return self._here.recording

    def _find(self, text: str) -> Recording | None:
        """Return the recording of the call that has this ticket."""
        ticket = self._read_ticket(text)
        return None if ticket is None else self.recorder.find(*ticket)

    def _read_ticket(self, text: str) -> tuple[str, int] | None:
        run, _, rest = text.partition(" ")
        if run != self._run:
            return None
        number, _, mount = rest.partition(" ")
        return mount, int(number)


class _Start:
    """The ``start_response`` that an application is handed."""

    def __init__(
        self, start_response: StartResponse, act: Act, recording: Recording | None
    ) -> None:
        self._start_response: Any = start_response
        self._act = act
        self._recording = recording

    def __call__(
        self, status: str, headers: list[tuple[str, str]], *rest: Any, **named: Any
    ) -> Any:
        if self._recording is not None:
            self._recording.status = int(status[:3])
        if self._act.endless:
            headers = [each for each in headers if each[0].lower() != "content-length"]
        headers = [*headers, (PID, str(os.getpid())), *self._act.headers]
        return self._start_response(status, headers, *rest, **named)


def _call(
    visit: Visit,
    act: Act,
    application: WSGIApplication,
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterable[bytes]:
    recording = visit.recording
    body: Iterable[bytes] = ()
    try:
        visit.enter()
        act.entered(visit)
        visit.meet()
        body = application(environ, start_response)
        act.left(visit)
        visit.look(Moment.RETURNED)
        # A mount is done with a list at once. Every second one is handed on as a
        # stream, so that steps and close are seen with every application.
        plain = type(body) is list or type(body) is tuple
        if plain and recording.number % 2 and not act.streamed:
            return body
        watched = InsideBody(body, visit, act)
        recording.streamed = True
        return watched
    except BaseException as error:
        note_raised(visit, error)
        close_body(body)
        if not isinstance(error, DeliberateError):
            act.left(visit)
        raise
