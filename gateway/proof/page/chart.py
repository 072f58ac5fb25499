"""Where on a chart each call stands: a row for each thread, one lane above another.

Positions across are in percent of the chart, so that it can be stretched without its
writing; positions down are in pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from gateway.proof.looks import Moment
from gateway.proof.report import Span

_LANE: Final = 13
_GAP: Final = 4
# What is drawn above all rows: how many contexts are alive.
_DEPTH: Final = 36
# As much is legible, and as much does a browser draw at once.
MOST: Final = 800
# Names are written on bars that are this wide: at once, and when stretched.
_WIDE: Final = (("w1", 5.0), ("w4", 1.25), ("w16", 0.3))
_TICKS: Final = 5
_BODY: Final = frozenset({Moment.STEP.value, Moment.CLOSE.value, Moment.CLOSED.value})
_FAILED: Final = Moment.RAISED.value
_LEFT: Final = frozenset({Moment.RETURNED.value, _FAILED})


@dataclass(frozen=True, slots=True)
class Bar:
    """One call.

    :param left: where it begins, and *width* how far it reaches, in percent.
    :param top: in pixels.
    :param body: where its body begins, in percent of its width; ``None`` if it has none
        that is streamed.
    :param failed: where it raised an error, in percent of its width.
    :param size: which of the page's classes tells when there is room for its name.
    """

    span: Span
    left: float
    width: float
    top: int
    body: float | None
    failed: float | None
    size: str


@dataclass(frozen=True, slots=True)
class Row:
    """One thread.

    :param top: in pixels, as *height*.
    :param lanes: how many of its calls were inside one another at most.
    """

    thread: int
    top: int
    height: int
    lanes: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """The calls of one scene.

    :param start: when it begins, and *length* how long it is, in seconds.
    :param height: in pixels.
    :param alive: the outline of how many contexts were alive, as an SVG path in a
        square of 1000 by 1000.
    :param most_alive: how many were alive at most.
    :param ticks: where a line across stands, in percent, and its time in milliseconds.
    :param omitted: how many calls are not drawn.
    """

    start: float
    length: float
    height: int
    rows: tuple[Row, ...]
    alive: str
    most_alive: int
    ticks: tuple[tuple[float, str], ...]
    omitted: int


def draw(spans: Sequence[Span]) -> Chart:
    """Return where everything of *spans*, at least one, stands."""
    drawn = sorted(spans, key=lambda span: span.start)[:MOST]
    start = drawn[0].start
    ends = [_last(span) for span in drawn]
    length = max(max(ends) - start, 1e-6)
    alive, most = _alive(drawn, start, length)
    rows = tuple(_rows(drawn, start, length))
    return Chart(
        start=start,
        length=length,
        height=rows[-1].top + rows[-1].height,
        rows=rows,
        alive=alive,
        most_alive=most,
        ticks=_ticks(length),
        omitted=len(spans) - len(drawn),
    )


def _last(span: Span) -> float:
    """Return when it was seen last, whether or not it has ended."""
    return span.marks[-1].at if span.end is None else span.end


def _rows(spans: Iterable[Span], start: float, length: float) -> Iterable[Row]:
    by_thread: Mapping[int, list[Span]] = defaultdict(list)
    for span in spans:
        by_thread[span.thread].append(span)
    top = _DEPTH + _GAP
    for thread, own in sorted(by_thread.items()):
        lanes: list[float] = []
        bars = []
        for span in own:
            lane = _lane(span, lanes)
            bars.append(_bar(span, start, length, top + lane * _LANE))
        height = len(lanes) * _LANE + _GAP
        yield Row(thread, top, height, len(lanes), tuple(bars))
        top += height


def _lane(span: Span, lanes: list[float]) -> int:
    """Return the first lane with nothing in it, or a further one; it is taken then.

    :param lanes: when each lane gets free.
    """
    # What never ended is in the way of all that comes after it.
    end = float("inf") if span.end is None else span.end
    for lane, free in enumerate(lanes):
        if free <= span.start:
            lanes[lane] = end
            return lane
    lanes.append(end)
    return len(lanes) - 1


def _bar(span: Span, start: float, length: float, top: int) -> Bar:
    # What did not end goes on as far as the chart does.
    end = start + length if span.end is None else span.end
    own = max(end - span.start, 1e-9)

    def within(at: float) -> float:
        return round(100 * (at - span.start) / own, 2)

    left = [mark.at for mark in span.marks if mark.moment in _LEFT]
    streamed = any(mark.moment in _BODY for mark in span.marks)
    failed = [mark.at for mark in span.marks if mark.moment == _FAILED]
    width = round(100 * own / length, 4)
    return Bar(
        span=span,
        left=round(100 * (span.start - start) / length, 4),
        width=width,
        top=top,
        body=within(left[0]) if streamed and left else None,
        failed=within(failed[0]) if failed else None,
        size=next((name for name, least in _WIDE if width >= least), ""),
    )


def _alive(spans: Iterable[Span], start: float, length: float) -> tuple[str, int]:
    """Return the outline of how many contexts were alive, and how many at most."""
    changes: dict[float, int] = defaultdict(int)
    for span in spans:
        if span.context is not None:
            changes[span.start] += 1
            if span.end is not None:
                changes[span.end] -= 1
    times = sorted(changes)
    counts = list(accumulate(changes[at] for at in times))
    most = max(counts, default=0)
    steps = [
        f"H{1000 * (at - start) / length:.1f}V{1000 - 1000 * count / (most or 1):.0f}"
        for at, count in zip(times, counts, strict=True)
    ]
    return "M0 1000" + "".join(steps) + "H1000V1000Z", most


def _ticks(length: float) -> tuple[tuple[float, str], ...]:
    """Return lines at round times, some five of them."""
    milliseconds = length * 1000
    step = 10.0**-3
    while milliseconds / step > _TICKS * 10:
        step *= 10
    step *= next(
        factor for factor in (1, 2, 5, 10) if milliseconds / step / factor <= _TICKS + 1
    )
    number = int(milliseconds / step)
    return tuple(
        (round(100 * index * step / milliseconds, 4), f"{index * step:g}")
        for index in range(number + 1)
    )
