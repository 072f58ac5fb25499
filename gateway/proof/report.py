"""What a proof has come to: a snapshot, for the command line and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Status: TypeAlias = Literal["proven", "violated", "not applicable"]

LISTED: Final = 3
"""Of violations that are alike, how many are shown at once."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that a claim rules out was seen.

    :param request: the request's number among those of its mount; ``None`` where it is
        about no single one.
    :param claim: the claim that is violated, such as ``g``.
    :param check: the part of it, such as ``empty``.
    :param evidence: what was seen, in words.
    """

    mount: str
    request: int | None
    claim: str
    check: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One claim about one mount.

    :param count: how much it is proven by, mostly requests; or how much violates it.
    :param reason: why it is not applicable.
    """

    claim: str
    status: Status
    count: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many requests were answered with a status code."""

    status: int
    count: int


@dataclass(frozen=True, slots=True)
class MountReport:
    """What was found out about one mount.

    :param answers: by status code; requests without a response are missing.
    :param remarks: what is no violation, and worth knowing.
    """

    mount: str
    prefix: str
    host: str | None
    kind: str
    verdicts: tuple[Verdict, ...]
    answers: tuple[StatusCount, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """One moment of a call, in words.

    :param at: in seconds since the proof began.
    """

    moment: str
    at: float


@dataclass(frozen=True, slots=True)
class Span:
    """One call, for a timeline.

    :param mount: the one that the request was sent to, whichever served it.
    :param act: what the prover did with it, such as ``nested``.
    :param thread: which thread of the process served it, counted from 1.
    :param context: which AppContext it had, by number; ``None`` for none.
    :param start: when it was seen first, in seconds since the proof began.
    :param end: when it was seen last; ``None`` if it did not end.
    """

    mount: str
    request: int
    act: str
    thread: int
    context: int | None
    status: int | None
    start: float
    end: float | None
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole proof.

    :param notes: what holds for all mounts, and is worth knowing.
    :param requests: how many were sent.
    :param threads: how many threads of the server were seen to serve them.
    :param overlaps: how many pairs of calls of different mounts overlapped in time.
    :param mount_pairs: how many pairs of mounts had calls that overlapped.
    :param pid: the server's process.
    :param seconds: how long it took, loading included.
    :param timeline: every call that was seen in the server's process, by its start.
    """

    mounts: tuple[MountReport, ...]
    violations: tuple[Violation, ...]
    notes: tuple[str, ...]
    requests: int
    threads: int
    overlaps: int
    mount_pairs: int
    pid: int
    seconds: float
    timeline: tuple[Span, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether nothing was violated."""
        return not self.violations

    def alike(self) -> dict[tuple[str, str, str], list[Violation]]:
        """Return the violations by mount, claim and part of the claim."""
        found: dict[tuple[str, str, str], list[Violation]] = {}
        for each in self.violations:
            found.setdefault((each.mount, each.claim, each.check), []).append(each)
        return found
