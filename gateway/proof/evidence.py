"""What was seen: plain data, from which the claims are decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.isolation.audit import Change as ProcessChange
from gateway.proof.looks import (
    CookieLook,
    EnvironLook,
    FrameworkLook,
    Look,
    ModuleLook,
)

# What the prover did with a call, by name.
PLAIN: Final = "plain"
"""Nothing, but to hold it for a while."""
RAISING: Final = "raising"
"""The witness raised an error; the moment follows."""
HALF_READ: Final = "half-read"
DISCONNECTED: Final = "disconnected"
NESTED: Final = "nested"
FROM_THREADS: Final = "from threads"
FROM_GREENLETS: Final = "from greenlets"
IN_GREENLET: Final = "in a greenlet"
SETTING: Final = "setting a cookie"
SHOWING: Final = "showing cookies"
HELD: Final = "held over a reload"
AFTER: Final = "after a reload"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a mount left changed in the execution context around it.

    :param moment: when it was seen, in words.
    :param variable: the name of the context variable.
    :param what: that name and its values, in words.
    """

    moment: str
    variable: str
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
    :param act: what the prover did with it, such as ``nested``.
    :param deliberate: whether it was the witness that raised.
    :param generation: which loading of the mount served it, from 0.
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
    act: str = PLAIN
    deliberate: bool = False
    generation: int = 0
    framework: tuple[FrameworkLook, ...] = ()
    environs: tuple[EnvironLook, ...] = ()
    modules: tuple[ModuleLook, ...] = ()
    cookies: CookieLook | None = None

    @property
    def entry(self) -> Look | None:
        """The first look; ``None`` if no witness was reached in this process."""
        return self.looks[0] if self.looks else None


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie as a browser keeps it (RFC 6265, 5.3).

    :param value: may be a secret.
    """

    host: str
    path: str
    name: str
    value: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got for one request.

    :param status: ``None`` without a response.
    :param pid: the process that called the application, as the response itself says.
    :param problem: what went wrong, in words.
    :param slow: whether that was that it took too long.
    :param cookies: what it set.
    :param act: what the prover did with the call.
    """

    number: int
    status: int | None = None
    pid: int | None = None
    problem: str | None = None
    slow: bool = False
    cookies: tuple[Cookie, ...] = ()
    act: str = PLAIN


@dataclass(frozen=True, slots=True)
class Subject:
    """A mount before any request: what its calls are measured by.

    :param app: the number of the mount's own application.
    :param config: the number of that application's config.
    :param g_names: what a new ``g`` of its class holds.
    :param strict: whether it may change nothing that all mounts share.
    :param framework: the number of the framework's own application object, or of
        Django's settings; ``None`` where its framework has no context to look at.
    :param framework_g_names: what a new ``g`` of the framework's holds.
    :param environ: whether it has environment variables of its own.
    :param modules: whether it has modules of its own.
    :param cookies: how its cookies are kept; ``None`` where it can set none.
    """

    name: str
    prefix: str
    host: str | None
    kind: str
    app: int
    config: int
    g_names: frozenset[str]
    strict: bool = False
    framework: int | None = None
    framework_g_names: frozenset[str] = frozenset()
    environ: bool = False
    modules: bool = False
    cookies: str | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """One changeable object in the configs of two mounts.

    :param first: mount and place, such as ``("notes", "config['TAGS']")``.
    """

    first: tuple[str, str]
    second: tuple[str, str]
    kind: str


@dataclass(frozen=True, slots=True)
class Module:
    """A module of a mount's own.

    :param name: as the mount's own code has it, such as ``models``.
    :param number: which object it is.
    :param file: where it comes from; empty for a folder's namespace.
    :param owner: the other mount whose folder that is in; ``None`` if it is its own.
    """

    mount: str
    name: str
    number: int
    file: str
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Misplaced:
    """Something of one mount that was found where it should not be."""

    mount: str
    what: str


@dataclass(frozen=True, slots=True)
class Reloading:
    """The reload in the middle.

    :param at: when its mounts took over; ``time.perf_counter()``, in seconds.
    :param replaced: the mounts that were loaded anew.
    :param failed: why it failed, in words; ``None`` if it did not.
    """

    at: float
    replaced: frozenset[str] = frozenset()
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A mount and what was seen of it.

    :param subjects: one for each time that it was loaded.
    :param calls: by the number of the request.
    :param answers: by the number of the request, for each request sent.
    """

    subjects: tuple[Subject, ...]
    calls: Mapping[int, Call]
    answers: Mapping[int, Answer]

    @property
    def subject(self) -> Subject:
        """The mount as it was loaded first."""
        return self.subjects[0]

    def subject_of(self, call: Call) -> Subject:
        """The mount as it was loaded when it served *call*."""
        return self.subjects[min(call.generation, len(self.subjects) - 1)]

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
    :param left_changed: what loading changed of it, and the gateway puts back, but was
        not put back.
    :param process_markers: the mounts whose environment markers the process showed.
    :param modules: every module of a mount's own.
    :param misplaced: modules of mounts that the whole process could import.
    :param reloading: ``None`` if there was no reload.
    :param not_played: what the prover left out, and why, in words.
    """

    cases: tuple[Case, ...]
    aliases: tuple[Alias, ...]
    pid: int
    groups: tuple[tuple[str, ...], ...]
    process_changes: tuple[ProcessChange, ...] = ()
    left_changed: tuple[ProcessChange, ...] = ()
    process_markers: frozenset[str] = frozenset()
    modules: tuple[Module, ...] = ()
    misplaced: tuple[Misplaced, ...] = ()
    reloading: Reloading | None = None
    not_played: tuple[str, ...] = ()
