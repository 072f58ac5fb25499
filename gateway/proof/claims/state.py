"""The claim that mounts leave alone what the whole process has only once.

- ``put back``: of what loading a mount changed, the gateway has put back what it says
  that it puts back, such as the working directory.
- ``strict``: mounts with ``strict: true`` changed nothing while they served.

What another mount changes is a remark: it may, as long as it does not say ``strict``.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.proof.claims.claim import Claim
from gateway.proof.evidence import Case, Evidence
from gateway.proof.report import Violation

_NAME = "state"


def _judge(evidence: Evidence) -> Iterator[Violation]:
    for change in evidence.left_changed:
        text = f"{change.told} was not put back"
        yield Violation(change.mount, None, _NAME, "put back", text)
    # Where several mounts may have done it, they all have to be strict.
    if all(case.subject.strict for case in evidence.cases):
        for change in evidence.process_changes:
            # Where loading a strict mount changes something, it does not load.
            if change.phase == "serve":
                text = f"{change.told}: {change.cure}"
                yield Violation(change.mount, None, _NAME, "strict", text)


def _reason(case: Case, evidence: Evidence) -> str | None:
    names = {case.subject.name, "one of " + ", ".join(sorted(_names(evidence)))}
    changed = [
        change.what
        for change in evidence.process_changes
        if change.mount in names and not change.put_back
    ]
    if changed:
        return f"{', '.join(changed)} changed, by this mount or another one"
    return None


def _names(evidence: Evidence) -> list[str]:
    return [case.subject.name for case in evidence.cases]


CLAIM = Claim(_NAME, _judge, reason=_reason)
