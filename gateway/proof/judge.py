"""From the evidence to the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from gateway.isolation.audit import Change as ProcessChange
from gateway.proof.claims import (
    app_globals,
    config,
    context,
    cookies,
    environ,
    framework,
    modules,
    process,
    reload,
    stack,
    state,
    teardown,
)
from gateway.proof.claims.claim import Claim
from gateway.proof.evidence import PLAIN, Case, Evidence
from gateway.proof.overlap import find_overlaps
from gateway.proof.report import MountReport, Report, StatusCount, Verdict, Violation
from gateway.proof.timeline import draw_up

CLAIMS: Final[Sequence[Claim]] = (
    context.CLAIM,
    app_globals.CLAIM,
    config.CLAIM,
    stack.CLAIM,
    teardown.CLAIM,
    process.CLAIM,
    framework.CLAIM,
    cookies.CLAIM,
    environ.CLAIM,
    modules.CLAIM,
    state.CLAIM,
    reload.CLAIM,
)


def judge(evidence: Evidence, requests: int, began: float, seconds: float) -> Report:
    """Decide every claim about every mount.

    :param requests: how many requests each mount was to get in waves.
    :param began: when it all began; ``time.perf_counter()``, in seconds.
    :param seconds: how long it took.
    """
    violations = tuple(_violations(evidence))
    notes = {claim.name: claim.not_applicable(evidence) for claim in CLAIMS}
    overlaps = find_overlaps(evidence)
    timeline = draw_up(evidence, began)
    return Report(
        mounts=tuple(
            _mount_report(case, evidence, violations, notes, requests)
            for case in evidence.cases
        ),
        violations=violations,
        notes=tuple(_notes(evidence, notes)),
        requests=sum(len(case.answers) for case in evidence.cases),
        threads=len({span.thread for span in timeline}),
        overlaps=overlaps.calls,
        mount_pairs=sum(first != second for first, second in overlaps.mounts),
        pid=evidence.pid,
        seconds=seconds,
        timeline=timeline,
    )


def _violations(evidence: Evidence) -> Iterator[Violation]:
    """Yield what violates the claims; of each request what was seen first."""
    seen: set[tuple[str, int, str, str]] = set()
    for claim in CLAIMS:
        for violation in claim.judge(evidence):
            if violation.request is not None:
                key = (
                    violation.mount,
                    violation.request,
                    violation.claim,
                    violation.check,
                )
                if key in seen:
                    continue
                seen.add(key)
            yield violation


def _notes(evidence: Evidence, notes: Mapping[str, str | None]) -> Iterator[str]:
    for name, text in notes.items():
        if text is not None:
            yield f"{name}: {text}"
    yield from evidence.not_played
    if len(evidence.groups) > 1:
        yield (
            f"the mounts were driven in {len(evidence.groups)} groups, one after "
            "another: those of different groups did not overlap"
        )
    yield from map(str, evidence.process_changes)


def _mount_report(
    case: Case,
    evidence: Evidence,
    violations: Sequence[Violation],
    notes: Mapping[str, str | None],
    requests: int,
) -> MountReport:
    subject = case.subject
    own = [each for each in violations if each.mount == subject.name]
    statuses = Counter(
        answer.status
        for answer in case.answers.values()
        if answer.status is not None and answer.act == PLAIN
    )
    return MountReport(
        mount=subject.name,
        prefix=subject.prefix,
        host=subject.host,
        kind=subject.kind,
        verdicts=tuple(
            _verdict(claim, case, evidence, own, notes[claim.name]) for claim in CLAIMS
        ),
        answers=tuple(StatusCount(*item) for item in sorted(statuses.items())),
        remarks=(
            *_remarks(case, requests),
            *_changed(subject.name, evidence.process_changes),
        ),
    )


def _verdict(
    claim: Claim,
    case: Case,
    evidence: Evidence,
    own: Sequence[Violation],
    note: str | None,
) -> Verdict:
    against = [violation for violation in own if violation.claim == claim.name]
    if against:
        requests = {violation.request for violation in against}
        return Verdict(claim.name, "violated", len(requests))
    reason = note or claim.reason(case, evidence)
    count = claim.count(case, evidence)
    # Where nothing was seen, nothing is proven. Why it was not is a violation of
    # another claim.
    if reason is not None or not count:
        reason = reason or "nothing was seen that speaks for it"
        return Verdict(claim.name, "not applicable", 0, reason)
    return Verdict(claim.name, "proven", count)


def _remarks(case: Case, requests: int) -> Iterator[str]:
    errors = Counter(
        f"raised {call.raised}" if call.raised else f"answers {call.status}"
        for call in case.calls.values()
        if call.act == PLAIN and (call.raised or (call.status or 0) >= 500)
    )
    for text, count in errors.items():
        yield f"the application itself {text} ({count})"
    plain = [answer for answer in case.answers.values() if answer.act == PLAIN]
    problems = Counter(answer.problem for answer in plain if answer.problem)
    for problem, count in problems.items():
        yield f"{problem} ({count})"
    missing = requests - len(plain)
    if missing:
        yield f"{missing} requests were not sent"


def _changed(mount: str, changes: Iterable[ProcessChange]) -> Iterator[str]:
    """Yield what the mount has changed of the process; the notes have the details."""
    for phase, when in (("load", "while it was loaded"), ("serve", "while serving")):
        what = [
            each.what for each in changes if (each.mount, each.phase) == (mount, phase)
        ]
        if what:
            yield f"changed {', '.join(what)} {when}"
