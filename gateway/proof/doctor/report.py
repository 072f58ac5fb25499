"""What an examination has come to: a snapshot, for the command line and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "note"]

SEVERITIES: Final[Sequence[Severity]] = ("error", "warning", "note")
"""The most severe first."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something stands.

    :param page: the path and query that was asked for, from the gateway's root on.
    :param line: in the body, from 1 on; ``None`` for what stands in a header.
    :param text: the tag, header or piece of code, cut to a readable length.
    """

    page: str
    line: int | None
    text: str

    def __str__(self) -> str:
        return self.page if self.line is None else f"{self.page} line {self.line}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a mount, or may be.

    :param kind: what it is about, such as ``link``, ``asset``, ``cookie``, ``debug``.
    :param message: what is wrong, with the evidence.
    :param cure: what to do about it; empty where the message says it.
    :param spot: where it stands first; ``None`` for what no page shows.
    :param places: at how many places it was seen.
    """

    severity: Severity
    kind: str
    message: str
    cure: str = ""
    spot: Spot | None = None
    places: int = 1


@dataclass(frozen=True, slots=True)
class MountDiagnosis:
    """What was found out about one mount.

    :param application: what it is, where that can be told, such as ``Dash``; else the
        mount's kind.
    :param pages: how many pages were read; other files are counted too.
    :param references: how many references of theirs were judged.
    :param findings: the most severe first.
    :param remarks: what kept the examination from seeing all of it.
    """

    mount: str
    prefix: str
    host: str | None
    kind: str
    application: str
    pages: int
    references: int
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A whole examination.

    :param seconds: how long it took, loading included.
    """

    mounts: tuple[MountDiagnosis, ...]
    seconds: float

    def count(self, severity: Severity) -> int:
        """Return how many findings are of *severity*."""
        return sum(
            finding.severity == severity
            for mount in self.mounts
            for finding in mount.findings
        )

    def passes(self, *, strict: bool = False) -> bool:
        """Tell whether there is no error; with *strict*, no warning either."""
        return not self.count("error") and not (strict and self.count("warning"))


def most_severe_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return *findings* by severity, and else in their order."""
    return tuple(sorted(findings, key=lambda each: SEVERITIES.index(each.severity)))
