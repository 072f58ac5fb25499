"""What a claim is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.proof.evidence import Evidence
from gateway.proof.report import Violation


def _always(evidence: Evidence) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that holds for each mount, or is violated.

    :param name: short, as a column of the table.
    :param judge: returns every violation in the evidence.
    :param not_applicable: tells why the claim says nothing here, or returns ``None``.
        A violation counts nevertheless.
    """

    name: str
    judge: Callable[[Evidence], Iterable[Violation]]
    not_applicable: Callable[[Evidence], str | None] = _always
