"""The claim that each mount has its own environment variables.

- ``own``: what the mount wrote into ``os.environ`` it found there, in its threads too.
- ``unshared``: it found nothing that another mount had written.
- ``unleaked``: the process found nothing that the mount had written.
- ``values``: the variables of its ``env:`` were not those of the process or of another
  mount.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.proof.claims.claim import Claim
from gateway.proof.claims.founded import founded
from gateway.proof.evidence import Call, Case, Evidence
from gateway.proof.looks import Moment
from gateway.proof.report import Violation

_NAME = "env"


def _judge(evidence: Evidence) -> Iterator[Violation]:
    for case in evidence.cases:
        name = case.subject.name
        if name in evidence.process_markers:
            text = "the process showed a variable that was set in the mount"
            yield Violation(name, None, _NAME, "unleaked", text)
    for case, call in founded(evidence):
        # Without code there is nobody to see what another mount has left.
        for check, text in _checks(case, call) if case.subject.environ else ():
            yield Violation(call.mount, call.number, _NAME, check, text)


def _checks(case: Case, call: Call) -> Iterator[tuple[str, str]]:
    mount = case.subject.name
    for look in call.environs:
        when = look.moment.value
        for text in look.differing:
            yield "values", f"{when} {text}"
        entry = look.moment is Moment.ENTRY
        if not entry and mount not in look.markers:
            yield "own", f"{when} the variable that was set at entry was missing"
        for other in look.markers:
            if other != mount:
                text = f"{when} there was a variable that mount {other!r} had set"
                yield "unshared", text


def _seen(case: Case, evidence: Evidence) -> int:
    return sum(bool(call.environs) for call in case.complete)


def _reason(case: Case, evidence: Evidence) -> str | None:
    return None if case.subject.environ else "it has no code that could set variables"


CLAIM = Claim(_NAME, _judge, reason=_reason, count=_seen)
