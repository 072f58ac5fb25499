"""The timeline, divided into the scenes that the calls belong to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.proof.evidence import (
    AFTER,
    DISCONNECTED,
    FROM_GREENLETS,
    FROM_THREADS,
    HALF_READ,
    HELD,
    IN_GREENLET,
    NESTED,
    PLAIN,
    RAISING,
    SETTING,
    SHOWING,
)
from gateway.proof.report import Span


@dataclass(frozen=True, slots=True)
class Scene:
    """Calls that the prover has made to one purpose.

    :param text: what was done, in a sentence.
    """

    title: str
    text: str
    spans: tuple[Span, ...]


# Title, what it is about, and how the acts that belong to it begin.
_SCENES: Final[Sequence[tuple[str, str, tuple[str, ...]]]] = (
    (
        "Waves",
        "Several clients of each mount at the same time. Every call is held inside "
        "until those of the other mounts that are driven with it are inside as well.",
        (PLAIN,),
    ),
    (
        "Endings",
        "Errors that the witness raises at every moment, and clients that hang up in "
        "the middle of a body.",
        (RAISING, HALF_READ, DISCONNECTED),
    ),
    (
        "Nested",
        "For every ordered pair of mounts: the first calls the second, which calls "
        "the first again. Contexts stack up on one thread, and unwind.",
        (NESTED,),
    ),
    (
        "Threads",
        "The call starts two threads, without and with a copy of its context, and "
        "both make a subrequest.",
        (FROM_THREADS,),
    ),
    (
        "Greenlets",
        "Two greenlets of the call's own thread are inside two mounts, by turns.",
        (FROM_GREENLETS, IN_GREENLET),
    ),
    (
        "Cookies",
        "Every mount sets a cookie of the same name; a browser that has kept them all "
        "visits every mount again.",
        (SETTING, SHOWING),
    ),
    (
        "Reload",
        "The mounts are loaded anew while calls are held inside; then the new ones are "
        "called, and then the old calls go on.",
        (HELD, AFTER),
    ),
)


def divide(timeline: Iterable[Span]) -> Iterator[Scene]:
    """Yield the scenes that have calls, in the order in which they were played."""
    left = list(timeline)
    for title, text, acts in _SCENES:
        own = tuple(span for span in left if span.act.startswith(acts))
        left = [span for span in left if not span.act.startswith(acts)]
        if own:
            yield Scene(title, text, own)
    if left:
        yield Scene("Others", "What belongs to no other scene.", tuple(left))
