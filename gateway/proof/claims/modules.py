"""The claim that each mount with private imports has its modules to itself.

- ``own``: no module object is in two mounts.
- ``files``: none of its modules comes from another mount's folder.
- ``named``: a name in a string, asked for in its calls, led to its own module.
- ``unleaked``: the rest of the process cannot import them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from gateway.proof.claims.claim import Claim
from gateway.proof.claims.founded import founded
from gateway.proof.evidence import Case, Evidence, Module
from gateway.proof.report import Violation

_NAME = "modules"


def _judge(evidence: Evidence) -> Iterator[Violation]:
    driven = {case.subject.name for case in evidence.cases}
    # A reload has the same to tell of the new modules: once is enough.
    found = dict.fromkeys((*_shared(evidence.modules), *_foreign(evidence.modules)))
    for mount, check, text in found:
        if mount in driven:
            yield Violation(mount, None, _NAME, check, text)
    for each in evidence.misplaced:
        if each.mount in driven:
            yield Violation(each.mount, None, _NAME, "unleaked", each.what)
    yield from _named(evidence)


def _shared(modules: Iterable[Module]) -> Iterator[tuple[str, str, str]]:
    """Yield mount, check and text for each object that two mounts have."""
    by_object = attrgetter("number")
    for _, group in groupby(sorted(modules, key=by_object), by_object):
        first, *others = group
        for other in others:
            if other.mount != first.mount:
                for one, two in (first, other), (other, first):
                    text = f"its {one.name!r} is the same module object as "
                    yield (
                        one.mount,
                        "own",
                        text + f"{two.name!r} of mount {two.mount!r}",
                    )


def _foreign(modules: Iterable[Module]) -> Iterator[tuple[str, str, str]]:
    """Yield mount, check and text for each module from another mount's folder."""
    for each in modules:
        if each.owner is not None:
            text = f"its {each.name!r} comes from {each.file}, in the folder of mount "
            yield each.mount, "files", text + repr(each.owner)


def _named(evidence: Evidence) -> Iterator[Violation]:
    own = {(each.mount, each.name, each.number) for each in evidence.modules}
    for _, call in founded(evidence):
        for look in call.modules:
            if look.module is None:
                text = (
                    f"a shared library could not import {look.name!r}: {look.failure}"
                )
            elif (call.mount, look.name, look.module) not in own:
                text = f"{look.name!r} led to a module that is not the mount's own"
                text += f", from {look.file}" if look.file else ""
            else:
                continue
            yield Violation(call.mount, call.number, _NAME, "named", text)


def _seen(case: Case, evidence: Evidence) -> int:
    mount = case.subject.name
    return len({each.name for each in evidence.modules if each.mount == mount})


def _reason(case: Case, evidence: Evidence) -> str | None:
    if case.subject.modules:
        return None
    return "it has no modules of its own: its imports are shared, or it has no code"


CLAIM = Claim(_NAME, _judge, reason=_reason, count=_seen)
