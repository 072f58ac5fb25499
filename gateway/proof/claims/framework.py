"""The claim that what holds for the gateway's names holds for the framework's too.

For Flask mounts it is about ``flask.current_app``, ``flask.g`` and ``flask.request`` of
the Flask that the mount has; for Django about its settings and the requests of its
views; for native applications about ``request``; for ASGI applications, which run in
tasks of an event loop in another thread, about what was current there.

- ``app``: the application, or Django's settings, was the mount's own object.
- ``config``: ``current_app.config`` was the config that the gateway knows.
- ``context``: the gateway's own context was current meanwhile.
- ``request``: the request was this call's, and no other call had the same object.
- ``prefix``: the framework knew the mount's prefix.
- ``g``: it was new and empty, and stayed unshared.
- ``teardown``: the framework's own teardown ran exactly once.
- ``restored``: around the mount, the framework's context variables were as before.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.paths import from_text
from gateway.proof.claims.claim import Claim
from gateway.proof.claims.founded import founded
from gateway.proof.evidence import Call, Case, Evidence, Subject
from gateway.proof.looks import FrameworkLook, Phase
from gateway.proof.report import Violation

_NAME = "framework"
_NAMES = {"flask": "flask", "django": "django"}
_APPS = {"django": "django.conf.settings", "asgi": "the application"}


def is_framework_variable(kind: str, variable: str) -> bool:
    """Tell whether a context variable is that of the framework of a *kind* of mount."""
    return kind in _NAMES and variable.partition(".")[0] == _NAMES[kind]


def _judge(evidence: Evidence) -> Iterator[Violation]:
    requests: dict[int, Call] = {}
    namespaces: dict[int, Call] = {}
    for case, call in founded(evidence):
        checks = [
            *_objects(case.subject_of(call), call),
            *_request(case.subject_of(call), call, requests),
            *_g(case.subject_of(call), call, namespaces),
            *_end(case, call),
        ]
        for check, text in checks:
            yield Violation(call.mount, call.number, _NAME, check, text)


def _objects(subject: Subject, call: Call) -> Iterator[tuple[str, str]]:
    for look in call.framework:
        when = look.phase.value
        if look.app != subject.framework:
            what = _APPS.get(subject.kind, "current_app")
            yield "app", f"{when} {what} was another object than the mount's own"
        if look.config is not None and look.config != subject.config:
            yield "config", f"{when} current_app.config was not the mount's own"
        if look.context != call.looks[0].context and look.phase is not Phase.TEARDOWN:
            found = "no" if look.context is None else "another"
            yield "context", f"{when} {found} AppContext of the gateway was on top"


def _request(
    subject: Subject, call: Call, owners: dict[int, Call]
) -> Iterator[tuple[str, str]]:
    for look in call.framework:
        if look.request is None:
            continue
        if look.ticket.partition(" ")[2] != f"{call.number} {call.meant}":
            yield "request", f"{look.phase.value} the request was not that of this call"
        owner = owners.setdefault(look.request, call)
        if owner is not call:
            yield "request", f"{look.phase.value} it had the request of {_shown(owner)}"
        if look.prefix is not None and look.prefix != from_text(subject.prefix):
            yield "prefix", f"{look.phase.value} the prefix was {look.prefix!r}"


def _g(
    subject: Subject, call: Call, owners: dict[int, Call]
) -> Iterator[tuple[str, str]]:
    first: FrameworkLook | None = None
    for look in call.framework:
        if look.g is None:
            continue
        if look.phase is Phase.BEFORE:
            first = look
            owner = owners.setdefault(look.g, call)
            if owner is not call:
                yield "g", f"{look.phase.value} it was the g that {_shown(owner)} had"
            held = [
                name for name in look.g_names if name not in subject.framework_g_names
            ]
            if held:
                yield "g", f"{look.phase.value} g held {', '.join(map(repr, held))}"
        # Other contexts of the application's own may end within the call.
        elif first is not None and look.g == first.g and look.token != call.token:
            yield "g", f"{look.phase.value} what the witness had put in g was gone"
        elif first is not None and look.g != first.g and look.phase is Phase.AFTER:
            yield "g", f"{look.phase.value} g was another object than before the view"


def _end(case: Case, call: Call) -> Iterator[tuple[str, str]]:
    begun = [look.g for look in call.framework if look.phase is Phase.BEFORE]
    if begun and begun[0] is not None:
        ended = sum(
            look.phase is Phase.TEARDOWN and look.g == begun[0]
            for look in call.framework
        )
        if ended != 1:
            yield "teardown", f"the framework's teardown functions ran {ended} times"
    for change in call.changes:
        if is_framework_variable(case.subject.kind, change.variable):
            yield "restored", f"{change.moment}, {change.what}"


def _shown(call: Call) -> str:
    return f"request {call.number} of mount {call.mount!r}"


def _seen(case: Case, evidence: Evidence) -> int:
    return sum(bool(call.framework) for call in case.complete)


def _reason(case: Case, evidence: Evidence) -> str | None:
    if case.subject.framework is None:
        return "its framework has no context of its own that is known here"
    return None


CLAIM = Claim(_NAME, _judge, reason=_reason, count=_seen)
