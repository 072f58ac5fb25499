"""The claim that each request has an AppContext of its own.

- ``served``: the request reached the application of its own mount, and the call ended.
- ``pushed``: at entry a fresh AppContext was on top, that of the mount's application.
- ``current``: it was on top, and its application was ``current_app``, ever after.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.proof.claims.claim import Claim
from gateway.proof.evidence import Answer, Call, Case, Evidence
from gateway.proof.looks import BESIDE, Look, Moment
from gateway.proof.report import Violation

_NAME = "context"
_NOT_HERE = {Moment.TEARDOWN, *BESIDE}


def _judge(evidence: Evidence) -> Iterator[Violation]:
    owners: dict[int, Call] = {}
    for case in evidence.cases:
        if not case.answers:
            text = "no request was sent: time was up"
            yield Violation(case.subject.name, None, _NAME, "served", text)
        for number in sorted(case.answers.keys() | case.calls.keys()):
            call, answer = case.calls.get(number), case.answers.get(number)
            for check, text in _served(call, answer, evidence.pid):
                yield Violation(case.subject.name, number, _NAME, check, text)
        for call in case.complete:
            for check, text in _checks(case, call, owners):
                yield Violation(case.subject.name, call.number, _NAME, check, text)


def _served(
    call: Call | None, answer: Answer | None, pid: int
) -> Iterator[tuple[str, str]]:
    status = answer.status if answer else None
    if call is None:
        got = f"{status} came" if status else "nothing came"
        yield "served", f"the request reached no mount: {got} back"
    elif call.mount != call.meant:
        yield "served", f"the request was served by mount {call.mount!r}"
    elif not call.ended:
        yield "served", f"the call has not ended: its last look was {_last(call)}"
    elif not call.looks:
        if answer is None or answer.pid in (None, pid):
            yield "served", "the mount did not call its application: no witness saw it"
    elif status is not None and status >= 500 and not _own_error(call):
        yield "served", f"the gateway answered {status}, the application did not"


def _last(call: Call) -> str:
    return call.looks[-1].moment.value if call.looks else "before the application"


def _own_error(call: Call) -> bool:
    return call.raised is not None or (call.status or 0) >= 500


def _checks(
    case: Case, call: Call, owners: dict[int, Call]
) -> Iterator[tuple[str, str]]:
    entry = call.looks[0]
    if entry.context is None:
        yield "pushed", "at entry no AppContext was on top"
    else:
        if entry.app != case.subject_of(call).app:
            yield (
                "pushed",
                f"at entry the AppContext on top was that of {entry.app_name!r}, not "
                "of the mount's own application",
            )
        owner = owners.setdefault(entry.context, call)
        if owner is not call:
            yield (
                "pushed",
                "the AppContext on top at entry was not fresh: request "
                f"{owner.number} of mount {owner.mount!r} had it too",
            )
        yield from _current(call, entry)


def _current(call: Call, entry: Look) -> Iterator[tuple[str, str]]:
    for look in call.looks:
        # Applications may tear down contexts that they have pushed themselves; other
        # moments are for the claim on the stack.
        if look.moment in BESIDE and look.context not in (None, entry.context):
            # Whatever is seen from here on is what that has left.
            return
        if look.moment in _NOT_HERE:
            continue
        if look.context is None:
            yield "current", f"{look.moment.value} no AppContext was on top"
        elif look.context != entry.context:
            yield (
                "current",
                f"{look.moment.value} another AppContext was on top, of "
                f"{look.app_name!r}",
            )
        elif look.app != entry.app:
            yield "current", f"{look.moment.value} current_app was {look.app_name!r}"


CLAIM = Claim(_NAME, _judge)
