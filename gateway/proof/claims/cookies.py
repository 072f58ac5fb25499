"""The claim that each mount gets back its own cookies, and no other mount's.

Every mount had set a cookie of the same name, for the whole host, and one browser had
kept what it was sent.

- ``own``: the mount was shown the cookie that it had set.
- ``unshared``: it was shown none that another mount had set.
- ``clash``: no cookie of its application took the place of another mount's, or had its
  place taken, in any response of the proof.

Mounts with ``cookies: shared`` share them on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.proof.claims.claim import Claim
from gateway.proof.evidence import SETTING, SHOWING, Call, Case, Evidence
from gateway.proof.report import Violation

_NAME = "cookies"


def _judge(evidence: Evidence) -> Iterator[Violation]:
    for case in evidence.cases:
        for call in _shown(case):
            for check, text in _checks(case.subject.name, call):
                yield Violation(call.mount, call.number, _NAME, check, text)
    yield from _clashes(evidence)


def _shown(case: Case) -> list[Call]:
    """Return the calls that should show the cookie that the application had set."""
    has_set = any(
        call.act == SETTING and call.raised is None and call.status is not None
        for call in case.complete
    )
    return [call for call in case.complete if has_set and call.act == SHOWING]


def _checks(mount: str, call: Call) -> Iterator[tuple[str, str]]:
    writers = call.cookies.writers if call.cookies else ()
    if mount not in writers:
        yield "own", "the cookie that it had set did not come back"
    for other in writers:
        if other != mount:
            whose = f"mount {other!r}" if other else "nobody known"
            yield "unshared", f"it was shown the cookie of {whose}"


def _clashes(evidence: Evidence) -> Iterator[Violation]:
    owners: dict[tuple[str, str, str], str] = {}
    told: set[tuple[str, str]] = set()
    for case in evidence.cases:
        mount = case.subject.name
        if case.subject.cookies in (None, "shared"):
            continue
        for answer in case.answers.values():
            for cookie in answer.cookies:
                key = (cookie.host, cookie.path, cookie.name)
                owner = owners.setdefault(key, mount)
                if owner != mount and (mount, cookie.name) not in told:
                    told.add((mount, cookie.name))
                    text = (
                        f"its cookie {cookie.name!r} for {cookie.host}{cookie.path} "
                        f"took the place of the one that mount {owner!r} had set"
                    )
                    yield Violation(mount, answer.number, _NAME, "clash", text)


def _seen(case: Case, evidence: Evidence) -> int:
    return len(_shown(case))


def _reason(case: Case, evidence: Evidence) -> str | None:
    if case.subject.cookies is None:
        return "it has no code that could set cookies"
    if case.subject.cookies == "shared":
        return "its cookies are shared, as gateway.yaml says"
    return None


CLAIM = Claim(_NAME, _judge, reason=_reason, count=_seen)
