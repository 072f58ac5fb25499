"""Which calls were inside at the same time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import TypeAlias

from gateway.proof.evidence import Call, Evidence

MountPair: TypeAlias = tuple[str, str]
"""Two mounts in the order of their names; or one mount, twice."""


@dataclass(frozen=True, slots=True)
class Overlaps:
    """What overlapped.

    :param calls: how many pairs of calls of different mounts.
    :param mounts: of which mounts there were calls that overlapped.
    """

    calls: int
    mounts: frozenset[MountPair]


def find_overlaps(evidence: Evidence) -> Overlaps:
    """Return what overlapped, of all that was seen in the server's process.

    A call lasts from its first look to its last, that is: while its context was alive.
    What a call calls itself, on the same thread, is within it and overlaps nothing.
    """
    inside: list[tuple[float, str, int]] = []
    calls, mounts = 0, set()
    for start, end, mount, thread in sorted(_spans(evidence)):
        while inside and inside[0][0] <= start:
            heappop(inside)
        for _, other, others_thread in inside:
            if thread == others_thread:
                continue
            mounts.add(pair(mount, other))
            if mount != other:
                calls += 1
        heappush(inside, (end, mount, thread))
    return Overlaps(calls, frozenset(mounts))


def pair(first: str, second: str) -> MountPair:
    """Return two mounts in the order of their names."""
    return (first, second) if first < second else (second, first)


def _spans(evidence: Evidence) -> Iterable[tuple[float, float, str, int]]:
    for case in evidence.cases:
        for call in case.calls.values():
            if call.looks and call.looks[0].pid == evidence.pid:
                yield (*span(call), call.mount, call.looks[0].thread)


def span(call: Call) -> tuple[float, float]:
    """Return when the first look was taken in *call*, and when the last."""
    return call.looks[0].at, call.looks[-1].at if call.ended else inf
