"""The claim that each mount has a config of its own, with its own values.

- ``own``: it is the config of the mount's application, and nothing that can be changed
  through it, however deep, can be changed through another mount's.
- ``unshared``: it shows the marker that was put into it, and no other mount's.
- ``values``: it holds what ``gateway.yaml`` gives to the mount.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.proof.claims.claim import Claim
from gateway.proof.claims.founded import founded, sound_looks
from gateway.proof.evidence import Call, Case, Evidence
from gateway.proof.looks import Moment
from gateway.proof.report import Violation

_NAME = "config"


def _judge(evidence: Evidence) -> Iterator[Violation]:
    driven = {case.subject.name for case in evidence.cases}
    owners = {
        subject.config: subject.name
        for case in evidence.cases
        for subject in case.subjects
    }
    for alias in evidence.aliases:
        for one, other in (alias.first, alias.second), (alias.second, alias.first):
            if one[0] in driven:
                text = (
                    f"{one[1]} is the same {alias.kind} object as {other[1]} of mount "
                    f"{other[0]!r}"
                )
                yield Violation(one[0], None, _NAME, "own", text)
    for case, call in founded(evidence):
        for check, text in _checks(case, call, owners):
            yield Violation(call.mount, call.number, _NAME, check, text)


def _checks(
    case: Case, call: Call, owners: dict[int, str]
) -> Iterator[tuple[str, str]]:
    mount = case.subject.name
    if call.looks[0].differing:
        yield "values", f"at entry {'; '.join(call.looks[0].differing)}"
    for look in sound_looks(call):
        if look.config is None:
            continue
        moment = look.moment.value
        if look.config != case.subject_of(call).config:
            owner = owners.get(look.config)
            whose = f"mount {owner!r}" if owner else "no mount"
            yield "own", f"{moment} current_app.config was the config of {whose}"
        if look.moment is Moment.STEP:
            continue
        if mount not in look.markers:
            yield "unshared", f"{moment} the marker of the mount was not in it"
        for other in look.markers:
            if other != mount:
                yield "unshared", f"{moment} it showed the marker of mount {other!r}"


CLAIM = Claim(_NAME, _judge)
