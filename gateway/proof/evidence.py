"""What was seen: plain data, from which the claims are decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from gateway.isolation.audit import Change as ProcessChange


class Moment(Enum):
    """When a look was taken, in words that complete a sentence."""

    ENTRY = "at entry"
    MET = "while other calls were inside"
    RETURNED = "when the application returned"
    RAISED = "when the application raised"
    STEP = "at a body step"
    CLOSE = "at close"
    CLOSED = "after close"
    TEARDOWN = "at teardown"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw, from where the mount calls its application.

    Objects are given by number: two looks have the same number where they saw the same
    object, and never otherwise.

    :param at: ``time.perf_counter()``, in seconds.
    :param context: the :class:`~gateway.context.AppContext` on top; ``None`` where
        nothing was pushed, and then nothing else could be seen.
    :param app: ``current_app``.
    :param g: the namespace behind ``g``.
    :param g_names: what it held at entry, before the witness wrote into it.
    :param token: what it held under the witness's own name.
    :param config: ``current_app.config``.
    :param markers: the mounts whose markers stood in that config.
    :param differing: the keys, in words, that had not the value of the file.
    """

    moment: Moment
    at: float = field(compare=False)
    pid: int
    thread: int
    context: int | None = None
    app: int | None = None
    app_name: str = ""
    g: int | None = None
    g_names: tuple[str, ...] = ()
    token: str | None = None
    config: int | None = None
    markers: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a mount left changed in the execution context around it.

    :param moment: when it was seen, in words.
    :param what: the context variable and its values, in words.
    """

    moment: str
    what: str


@dataclass(frozen=True, slots=True)
class Call:
    """All that was seen of one call of a mount.

    :param mount: whose witness saw it.
    :param meant: the mount that the request was sent to.
    :param number: the request's number among those of its mount, from 1.
    :param token: what the witness wrote into ``g``.
    :param looks: in the order in which they were taken; body steps that saw the same as
        the step before are left out.
    :param streamed: whether the mount was handed a body to step through and close, and
        not a list.
    :param steps: how many body steps there were.
    :param changes: what was not as before the call, at each return to the server.
    :param status: the status code that the application gave.
    :param raised: what the application raised, in words.
    :param ended: whether the server got back all of it, the close included.
    """

    mount: str
    meant: str
    number: int
    token: str
    looks: tuple[Look, ...]
    streamed: bool
    steps: int
    changes: tuple[Change, ...]
    status: int | None
    raised: str | None
    ended: bool

    @property
    def entry(self) -> Look | None:
        """The first look; ``None`` if no witness was reached in this process."""
        return self.looks[0] if self.looks else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got for one request.

    :param status: ``None`` without a response.
    :param pid: the process that called the application, as the response itself says.
    :param problem: what went wrong, in words.
    """

    number: int
    status: int | None = None
    pid: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A mount before any request: what its calls are measured by.

    :param app: the number of the mount's own application.
    :param config: the number of that application's config.
    :param g_names: what a new ``g`` of its class holds.
    :param strict: whether it may change nothing that all mounts share.
    """

    name: str
    prefix: str
    host: str | None
    kind: str
    app: int
    config: int
    g_names: frozenset[str]
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Alias:
    """One changeable object in the configs of two mounts.

    :param first: mount and place, such as ``("notes", "config['TAGS']")``.
    """

    first: tuple[str, str]
    second: tuple[str, str]
    kind: str


@dataclass(frozen=True, slots=True)
class Case:
    """A mount and what was seen of it.

    :param calls: by the number of the request.
    :param answers: by the number of the request, for each request sent.
    """

    subject: Subject
    calls: Mapping[int, Call]
    answers: Mapping[int, Answer]

    @property
    def complete(self) -> list[Call]:
        """The calls of which witnesses saw everything, from entry to the end."""
        return [
            call
            for call in self.calls.values()
            if call.ended and call.entry is not None and call.mount == call.meant
        ]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was seen.

    :param pid: the server's process.
    :param groups: the names of the mounts that were driven at the same time.
    :param process_changes: what mounts have changed of the process that all share.
    """

    cases: tuple[Case, ...]
    aliases: tuple[Alias, ...]
    pid: int
    groups: tuple[tuple[str, ...], ...]
    process_changes: tuple[ProcessChange, ...] = ()
