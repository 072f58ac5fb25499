"""The claim that all mounts share one process, without taking turns.

- ``pid``: the application was called in the server's process.
- ``overlap``: calls of the mount were inside at the same time as calls of each other
  mount that it was driven with, and at the same time as one another.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from gateway.proof.claims.claim import Claim
from gateway.proof.evidence import Case, Evidence
from gateway.proof.overlap import Overlaps, find_overlaps, pair
from gateway.proof.report import Violation

_NAME = "process"


def _judge(evidence: Evidence) -> Iterator[Violation]:
    for case in evidence.cases:
        yield from _pid(case, evidence.pid)
    overlaps = find_overlaps(evidence)
    for case in evidence.cases:
        mount = case.subject.name
        if len(case.answers) > 1 and pair(mount, mount) not in overlaps.mounts:
            text = "no two of its own calls were inside at the same time"
            yield Violation(mount, None, _NAME, "overlap", text)
    for group in evidence.groups:
        for first, second in combinations(group, 2):
            if pair(first, second) not in overlaps.mounts:
                yield from _apart(first, second, overlaps)


def _pid(case: Case, pid: int) -> Iterator[Violation]:
    for number, answer in case.answers.items():
        call = case.calls.get(number)
        seen = {look.pid for look in call.looks} if call else set()
        if answer.pid is not None:
            seen.add(answer.pid)
        for other in sorted(seen - {pid}):
            text = f"its application ran in process {other}, the server in {pid}"
            yield Violation(case.subject.name, number, _NAME, "pid", text)


def _apart(first: str, second: str, overlaps: Overlaps) -> Iterator[Violation]:
    """Tell that two mounts were never inside together.

    Where only one of them overlapped with no mount at all, it alone is to blame.
    """
    alone = [name for name in (first, second) if _overlapped_none(name, overlaps)]
    for name in alone if len(alone) == 1 else (first, second):
        other = second if name == first else first
        text = f"no call was inside at the same time as one of mount {other!r}"
        yield Violation(name, None, _NAME, "overlap", text)


def _overlapped_none(name: str, overlaps: Overlaps) -> bool:
    return all(
        name not in mounts or mounts == (name, name) for mounts in overlaps.mounts
    )


def _single(evidence: Evidence) -> str | None:
    if len(evidence.cases) > 1:
        return None
    return (
        "one mount only is examined, and so nothing for its calls to overlap with: "
        "its own calls overlapped with one another instead"
    )


CLAIM = Claim(_NAME, _judge, _single)
