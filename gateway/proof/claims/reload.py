"""The claim that a reload replaces the mount, and ends none of its calls.

- ``finished``: a call that was inside came to its end, as it would have without.
- ``replaced``: the calls after it were of the new application, not of the old one.
- ``answered``: they were answered.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.proof.claims.claim import Claim
from gateway.proof.evidence import AFTER, HELD, Call, Case, Evidence
from gateway.proof.report import Violation

_NAME = "reload"


def _judge(evidence: Evidence) -> Iterator[Violation]:
    reloading = evidence.reloading
    if reloading is None or reloading.failed is not None:
        return
    for case in evidence.cases:
        mount = case.subject.name
        for call in case.calls.values():
            if call.act == HELD:
                for text in _held(case, call):
                    yield Violation(mount, call.number, _NAME, "finished", text)
            if call.act == AFTER and mount in reloading.replaced:
                first = case.subject.app
                if call.looks and call.looks[0].app == first:
                    text = "after the reload the old application was called"
                    yield Violation(mount, call.number, _NAME, "replaced", text)
        for answer in case.answers.values():
            if answer.act == AFTER and answer.status is None:
                text = f"after the reload: {answer.problem}"
                yield Violation(mount, answer.number, _NAME, "answered", text)


def _held(case: Case, call: Call) -> Iterator[str]:
    answer = case.answers.get(call.number)
    # What the application raises it may raise at any time.
    own = call.raised is not None
    if answer is not None and answer.problem is not None and not own:
        yield f"it was inside during the reload: {answer.problem}"


def _seen(case: Case, evidence: Evidence) -> int:
    return sum(call.act in (HELD, AFTER) for call in case.complete)


def _none(evidence: Evidence) -> str | None:
    if evidence.reloading is None:
        return "there was no reload: what comes before it has not come to its end"
    if evidence.reloading.failed is not None:
        return f"the gateway could not be reloaded: {evidence.reloading.failed}"
    return None


def _reason(case: Case, evidence: Evidence) -> str | None:
    reloading = evidence.reloading
    if reloading is None:
        return None
    if case.subject.name not in reloading.replaced:
        return "only a restart replaces it: its imports are the process's"
    held = [call.looks for call in case.complete if call.act == HELD]
    if not any(looks[0].at < reloading.at < looks[-1].at for looks in held):
        return "none of its calls was inside during the reload"
    return None


CLAIM = Claim(_NAME, _judge, _none, _reason, _seen)
