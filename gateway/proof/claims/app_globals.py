"""The claim that each request has a ``g`` of its own.

- ``new``: no other request, of whatever mount, had the same object.
- ``empty``: at entry it held nothing.
- ``kept``: it stayed the same object for as long as its context was on top.
- ``unshared``: it held what this request's witness had written, and never what another
  one had.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.proof.claims.claim import Claim
from gateway.proof.claims.founded import founded, sound_looks
from gateway.proof.evidence import Call, Case, Evidence
from gateway.proof.looks import Look, Moment
from gateway.proof.report import Violation

_NAME = "g"


def _judge(evidence: Evidence) -> Iterator[Violation]:
    writers = {
        call.token: call for case in evidence.cases for call in case.calls.values()
    }
    owners: dict[int, Call] = {}
    for case, call in founded(evidence):
        entry = call.looks[0]
        if entry.g is None:
            continue
        owner = owners.setdefault(entry.g, call)
        if owner is not call:
            text = f"at entry it was the g that {_request(owner)} had"
            yield Violation(call.mount, call.number, _NAME, "new", text)
        for check, text in _checks(case, call, entry, writers):
            yield Violation(call.mount, call.number, _NAME, check, text)


def _request(call: Call) -> str:
    return f"request {call.number} of mount {call.mount!r}"


def _checks(
    case: Case, call: Call, entry: Look, writers: dict[str, Call]
) -> Iterator[tuple[str, str]]:
    held = [name for name in entry.g_names if name not in case.subject_of(call).g_names]
    if held:
        yield "empty", f"at entry g held {', '.join(map(repr, held))}"
    for look in sound_looks(call):
        moment = look.moment
        if moment is Moment.ENTRY:
            continue
        if look.g != entry.g:
            yield "kept", f"{moment.value} g was another object than at entry"
        elif look.token is None:
            yield "unshared", f"{moment.value} what the witness had put in g was gone"
        elif look.token != call.token:
            writer = writers.get(look.token)
            whose = _request(writer) if writer else "nobody known"
            yield "unshared", f"{moment.value} g held what {whose} had put in"


CLAIM = Claim(_NAME, _judge)
