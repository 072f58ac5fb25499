"""Which call was when, on which thread, in which context."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.proof.evidence import Call, Evidence
from gateway.proof.report import Mark, Span


def draw_up(evidence: Evidence, began: float) -> tuple[Span, ...]:
    """Return a span for each call that was seen in the server's process.

    :param began: when the proof did; ``time.perf_counter()``, in seconds.
    """
    calls = sorted(_calls(evidence), key=lambda call: call.looks[0].at)
    threads: dict[int, int] = {}
    return tuple(
        Span(
            mount=call.meant,
            request=call.number,
            act=call.act,
            thread=threads.setdefault(call.looks[0].thread, len(threads) + 1),
            context=call.looks[0].context,
            status=call.status,
            start=round(call.looks[0].at - began, 6),
            end=round(call.looks[-1].at - began, 6) if call.ended else None,
            marks=tuple(
                Mark(look.moment.value, round(look.at - began, 6))
                for look in call.looks
            ),
        )
        for call in calls
    )


def _calls(evidence: Evidence) -> Iterator[Call]:
    for case in evidence.cases:
        for call in case.calls.values():
            if call.looks and call.looks[0].pid == evidence.pid:
                yield call
