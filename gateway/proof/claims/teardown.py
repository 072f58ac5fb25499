"""The claim that each context ends once, and last.

- ``closed``: a body that is not a list was closed, once.
- ``once``: the teardown functions ran exactly once, with that context current.
- ``last``: they ran when nothing else was left to happen in it.
- ``error``: they were handed the error that had ended the call, if there was one.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.proof.acts import DeliberateError
from gateway.proof.claims.claim import Claim
from gateway.proof.claims.founded import founded
from gateway.proof.evidence import Call, Case, Evidence
from gateway.proof.looks import Look, Moment
from gateway.proof.report import Violation

_NAME = "teardown"


def _judge(evidence: Evidence) -> Iterator[Violation]:
    for _, call in founded(evidence):
        for check, text in _checks(call):
            yield Violation(call.mount, call.number, _NAME, check, text)


def _checks(call: Call) -> Iterator[tuple[str, str]]:
    closed = sum(look.moment is Moment.CLOSED for look in call.looks)
    if call.streamed and closed != 1:
        yield "closed", f"the application's body was closed {closed} times"
    entry = call.looks[0]
    own = [
        index
        for index, look in enumerate(call.looks)
        if look.moment is Moment.TEARDOWN and look.context == entry.context
    ]
    if not own:
        yield "once", "the teardown functions never ran"
        return
    if len(own) > 1:
        yield "once", f"the teardown functions ran {len(own)} times"
    yield from _end(call, own[0])


def _end(call: Call, first: int) -> Iterator[tuple[str, str]]:
    for look in reversed(call.looks[first:]):
        if look.moment is not Moment.TEARDOWN:
            yield (
                "last",
                "the teardown functions ran before the end: the context was still in "
                f"use {look.moment.value}",
            )
            return
    yield from _error(call, call.looks[first])


def _error(call: Call, look: Look) -> Iterator[tuple[str, str]]:
    if call.deliberate and look.error != DeliberateError.__name__:
        got = look.error or "no error"
        yield "error", f"the call ended with {call.raised}, teardown was handed {got}"


def _reason(case: Case, evidence: Evidence) -> str | None:
    complete = case.complete
    if any(call.deliberate for call in complete) or not complete:
        return None
    return "none of its calls got to end in an error of the prover's"


CLAIM = Claim(_NAME, _judge, reason=_reason)
