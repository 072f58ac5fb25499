"""Which calls can tell about more than their context.

What is seen through a context that is not the call's own tells nothing about the mount:
that is for the claims on contexts, and for no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gateway.proof.evidence import Call, Case, Evidence
from gateway.proof.looks import Look


def founded(evidence: Evidence) -> Iterator[tuple[Case, Call]]:
    """Yield the complete calls that had a fresh context of their mount's at entry."""
    entries = Counter(
        call.looks[0].context for case in evidence.cases for call in case.complete
    )
    for case in evidence.cases:
        for call in case.complete:
            entry = call.looks[0]
            fresh = entry.context is not None and entries[entry.context] == 1
            if fresh and entry.app == case.subject_of(call).app:
                yield case, call


def sound_looks(call: Call) -> Iterator[Look]:
    """Yield the looks of *call* that were taken in the context of its entry."""
    entry = call.looks[0]
    for look in call.looks:
        if (look.context, look.app) == (entry.context, entry.app):
            yield look
