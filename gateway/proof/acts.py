"""What the prover does with a call, from inside of it.

Acts are done by the witness, so they can be done in any application.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic, sleep
from typing import Final

from gateway.proof.evidence import PLAIN, RAISING
from gateway.proof.looks import Moment
from gateway.proof.visit import Visit

# How long a body goes on if its client does not leave, in seconds.
_LONGEST: Final = 1.0
_FILLER: Final = b" " * 1024
_PAUSE: Final = 0.001


class DeliberateError(Exception):
    """Raised by a witness, to see what becomes of the context."""


class Act:
    """Does nothing; the others do something at one or the other moment of a call.

    :ivar name: for people.
    :ivar streamed: whether the mount is handed a body to step through in any case.
    :ivar endless: whether that body goes on until it is closed.
    :ivar disturbs: whether the call is made to fail or to end early.
    :ivar headers: what is added to those of the response.
    """

    name = PLAIN
    streamed = False
    endless = False
    disturbs = False
    headers: tuple[tuple[str, str], ...] = ()

    def entered(self, visit: Visit) -> None:
        """Act before the application is called."""

    def left(self, visit: Visit) -> None:
        """Act when the application has returned or raised."""

    def stepping(self, visit: Visit) -> None:
        """Act before a body step."""

    def closing(self, visit: Visit) -> None:
        """Act before the body is closed."""


class Raising(Act):
    """Raises an error at one moment of the call."""

    disturbs = True
    streamed = True

    def __init__(self, moment: Moment) -> None:
        self.name = f"{RAISING} {moment.value}"
        self._moment = moment

    def entered(self, visit: Visit) -> None:
        self._raise_at(Moment.ENTRY)

    def left(self, visit: Visit) -> None:
        if visit.recording.raised is None:
            self._raise_at(Moment.RETURNED)

    def stepping(self, visit: Visit) -> None:
        # In the middle: something has been sent already.
        if visit.recording.steps:
            self._raise_at(Moment.STEP)

    def closing(self, visit: Visit) -> None:
        self._raise_at(Moment.CLOSE)

    def _raise_at(self, moment: Moment) -> None:
        if moment is self._moment:
            raise DeliberateError(f"raised by the prover {moment.value}")


class Leaving(Act):
    """Has a body without end, for a client that does not read all of it."""

    disturbs = True
    streamed = True
    endless = True

    def __init__(self, name: str) -> None:
        self.name = name


def filler() -> Iterator[bytes]:
    """Yield what an endless body goes on with; not forever, if nobody leaves it."""
    until = monotonic() + _LONGEST
    while monotonic() < until:
        sleep(_PAUSE)
        yield _FILLER
