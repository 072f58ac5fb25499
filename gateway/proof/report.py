"""What a proof has come to: a snapshot, for the command line and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["proven", "violated", "not applicable"]


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

    :param count: the requests that it is proven by, or those that violate it.
    """

    claim: str
    status: Status
    count: int


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
class Report:
    """A whole proof.

    :param notes: what holds for all mounts, and is worth knowing.
    :param requests: how many were sent.
    :param threads: how many threads of the server were seen to serve them.
    :param overlaps: how many pairs of calls of different mounts overlapped in time.
    :param mount_pairs: how many pairs of mounts had calls that overlapped.
    :param pid: the server's process.
    :param seconds: how long it took, loading included.
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

    @property
    def proven(self) -> bool:
        """Whether nothing was violated."""
        return not self.violations
