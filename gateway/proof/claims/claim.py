"""What a claim is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.proof.evidence import Case, Evidence
from gateway.proof.report import Violation


def _always(evidence: Evidence) -> str | None:
    return None


def _everywhere(case: Case, evidence: Evidence) -> str | None:
    return None


def complete_calls(case: Case, evidence: Evidence) -> int:
    """How many calls of the mount were seen from entry to end."""
    return len(case.complete)


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that holds for each mount, or is violated.

    :param name: short, as a row of the table.
    :param judge: returns every violation in the evidence.
    :param not_applicable: tells why the claim says nothing here, or returns ``None``.
        A violation counts nevertheless.
    :param reason: tells it of one mount alone.
    :param count: how much was seen of a mount that speaks for the claim. Where that is
        nothing, nothing is proven.
    """

    name: str
    judge: Callable[[Evidence], Iterable[Violation]]
    not_applicable: Callable[[Evidence], str | None] = _always
    reason: Callable[[Case, Evidence], str | None] = _everywhere
    count: Callable[[Case, Evidence], int] = complete_calls
