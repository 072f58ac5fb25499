"""Collects what the witnesses see, call by call."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, copy_context
from secrets import token_hex
from threading import Lock
from typing import Any, TypeAlias

from gateway.context import AppContext
from gateway.proof.evidence import PLAIN, Call, Change
from gateway.proof.looks import (
    CookieLook,
    EnvironLook,
    FrameworkLook,
    Look,
    ModuleLook,
    Moment,
)

Variables: TypeAlias = Mapping[ContextVar[Any], Any]


def variables() -> Variables:
    """Return the execution context as it is now (:pep:`567`)."""
    return dict(copy_context().items())


class Recording:
    """What has been seen so far of one call. Its looks come from one thread at a time.

    :param mount: whose witness sees it.
    :param meant: the mount that the request was sent to.
    :param number: the request's number among those of that mount.
    """

    def __init__(self, mount: str, meant: str, number: int) -> None:
        self.mount = mount
        self.meant = meant
        self.number = number
        self.token = token_hex(8)
        self.act = PLAIN
        self.generation = 0
        self.streamed = False
        self.steps = 0
        self.status: int | None = None
        self.raised: str | None = None
        self.deliberate = False
        self.ended = False
        self.framework: list[FrameworkLook] = []
        self.environs: list[EnvironLook] = []
        self.modules: list[ModuleLook] = []
        self.cookies: CookieLook | None = None
        self._looks: list[Look] = []
        self._changes: list[Change] = []

    def add(self, look: Look) -> None:
        """Keep a look, unless it is a body step that saw nothing new."""
        if look.moment is Moment.STEP:
            self.steps += 1
            if self._looks[-1] == look:
                return
        self._looks.append(look)

    def compare(self, before: Variables, moment: str) -> None:
        """Note what is not as it was around the mount when control was given to it.

        :param before: the :func:`variables` then.
        :param moment: when it is given back, in words.
        """
        now = variables()
        for variable in before.keys() | now.keys():
            was, is_now = before.get(variable), now.get(variable)
            if was is not is_now:
                what = f"{variable.name} is {_shown(is_now)} and was {_shown(was)}"
                if all(what != known.what for known in self._changes):
                    self._changes.append(Change(moment, variable.name, what))

    def call(self) -> Call:
        """Return what has been seen."""
        return Call(
            mount=self.mount,
            meant=self.meant,
            number=self.number,
            token=self.token,
            looks=tuple(self._looks),
            streamed=self.streamed,
            steps=self.steps,
            changes=tuple(self._changes),
            status=self.status,
            raised=self.raised,
            ended=self.ended,
            act=self.act,
            deliberate=self.deliberate,
            generation=self.generation,
            framework=tuple(self.framework),
            environs=tuple(self.environs),
            modules=tuple(self.modules),
            cookies=self.cookies,
        )


def _shown(value: object) -> str:
    """Return a context variable's value in words; it may be a secret."""
    if value is None:
        return "not set"
    return repr(value) if isinstance(value, AppContext) else f"a {type(value).__name__}"


class Recorder:
    """The recordings of all calls."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._recordings: list[Recording] = []
        self._latest: dict[tuple[str, int], Recording] = {}

    def begin(self, mount: str, meant: str, number: int) -> Recording:
        """Start recording a call."""
        recording = Recording(mount, meant, number)
        with self._lock:
            self._recordings.append(recording)
            self._latest[meant, number] = recording
        return recording

    def find(self, meant: str, number: int) -> Recording | None:
        """Return the last recording of a request, whichever mount it has reached."""
        return self._latest.get((meant, number))

    def calls(self) -> list[Call]:
        """Return what has been seen of all calls so far."""
        with self._lock:
            return [recording.call() for recording in self._recordings]
