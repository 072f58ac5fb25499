"""The claim that contexts come off the stack again as they went on, whatever happens.

- ``restored``: around the mount, the execution context was as before the call, after
  every outcome of it.
- ``unwound``: after a subrequest, and in the threads and greenlets that made one, the
  context of the caller was on top again, with its ``g`` and its application; a thread
  that was given no copy of it had none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from gateway.proof.claims.claim import Claim
from gateway.proof.claims.framework import is_framework_variable
from gateway.proof.evidence import Call, Case, Evidence
from gateway.proof.looks import BESIDE, Look, Moment
from gateway.proof.report import Violation

_NAME = "stack"

# From Python 3.14 on a thread can be made to begin with a copy.
_COPIED = bool(getattr(sys.flags, "thread_inherit_context", False))


def _judge(evidence: Evidence) -> Iterator[Violation]:
    for case in evidence.cases:
        for call in case.complete:
            for check, text in _checks(case, call):
                yield Violation(call.mount, call.number, _NAME, check, text)


def _checks(case: Case, call: Call) -> Iterator[tuple[str, str]]:
    for change in call.changes:
        if not is_framework_variable(case.subject.kind, change.variable):
            yield "restored", f"{change.moment}, {change.what}"
    entry = call.looks[0]
    for look in call.looks:
        if look.moment is Moment.BARE_THREAD and not _COPIED:
            if look.context is not None:
                yield "unwound", f"{look.moment.value} there was an AppContext on top"
        elif look.moment in BESIDE and _differs(look, entry):
            found = "no AppContext" if look.context is None else "another AppContext"
            if look.context == entry.context:
                found = "the right AppContext, with another current_app,"
            yield "unwound", f"{look.moment.value} {found} was on top"


def _differs(look: Look, entry: Look) -> bool:
    return (look.context, look.app) != (entry.context, entry.app)


def _reason(case: Case, evidence: Evidence) -> str | None:
    complete = case.complete
    beside = any(look.moment in BESIDE for call in complete for look in call.looks)
    if beside or not complete:
        return None
    return "none of its calls got to make a subrequest, and to look around after it"


CLAIM = Claim(_NAME, _judge, reason=_reason)
