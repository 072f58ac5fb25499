"""Response bodies that are watched: from where the mount stands, and the server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from time import sleep
from typing import Final

from gateway.bodies import close_body
from gateway.proof.acts import Act, DeliberateError, filler
from gateway.proof.looks import Moment
from gateway.proof.record import Recording, variables
from gateway.proof.visit import Here, Visit

# Enough for another thread to get its turn, at the first steps of a body.
_PAUSE: Final = 0.0005
_PAUSES: Final = 3


def note_raised(visit: Visit, error: BaseException) -> None:
    """Take note of what is raised out of the application, or by the witness."""
    if visit.recording.raised is None:
        visit.recording.raised = type(error).__name__
        visit.recording.deliberate = isinstance(error, DeliberateError)
    visit.look(Moment.RAISED)


class InsideBody:
    """An application's body, looked around at by each of its steps and its close."""

    def __init__(self, body: Iterable[bytes], visit: Visit, act: Act) -> None:
        self._body = body
        self._iterator: Iterator[bytes] = iter(body)
        if act.endless:
            self._iterator = chain(self._iterator, filler())
        self._visit = visit
        self._act = act

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            self._act.stepping(self._visit)
            chunk = next(self._iterator)
        except StopIteration:
            raise
        except BaseException as error:
            note_raised(self._visit, error)
            raise
        self._visit.look(Moment.STEP)
        if self._visit.recording.steps <= _PAUSES:
            sleep(_PAUSE)
        return chunk

    def close(self) -> None:
        """Close the application's body."""
        self._visit.look(Moment.CLOSE)
        try:
            close_body(self._body)
            self._act.closing(self._visit)
        except BaseException as error:
            note_raised(self._visit, error)
            raise
        finally:
            self._visit.look(Moment.CLOSED)


class OutsideBody:
    """A mount's body, with the execution context around it compared at each return."""

    def __init__(self, body: Iterable[bytes], recording: Recording, here: Here) -> None:
        self._body = body
        self._iterator = iter(body)
        self._recording = recording
        self._here = here

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        before = variables()
        try:
            with self._here.serving(self._recording):
                return next(self._iterator)
        finally:
            self._recording.compare(before, "between body steps")

    def close(self) -> None:
        """Close the mount's body; then the call has ended."""
        before = variables()
        try:
            with self._here.serving(self._recording):
                close_body(self._body)
        finally:
            self._recording.compare(before, "after the mount had closed")
            self._recording.ended = True
