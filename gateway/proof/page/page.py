"""Renders a proof as one page: without a script, and complete in itself."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway._version import __version__
from gateway.proof.page.chart import Bar, Chart, draw
from gateway.proof.page.scenes import divide
from gateway.proof.report import LISTED, MountReport, Report, Span

# What HTML has no place for, however it is written.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]"
)
# The golden angle: however many mounts there are, neighbours differ.
_ANGLE: Final = 137.508
_LIGHTNESS: Final = (42, 52, 33)
# Of violations that are alike, how many are shown at all.
_MOST: Final = 200
_LIBRARIES: Final = ("waitress", "Werkzeug")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A scene with its chart."""

    title: str
    text: str
    calls: int
    chart: Chart


def render(report: Report, file: str, now: datetime) -> str:
    """Return the page.

    :param file: which configuration it is about.
    :param now: when the proof was made.
    """
    places = {mount.mount: index for index, mount in enumerate(report.mounts)}
    scenes = [
        _Drawn(scene.title, scene.text, len(scene.spans), draw(scene.spans))
        for scene in divide(report.timeline)
    ]
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            report=report,
            file=file,
            facts=list(_facts(report, file, now)),
            colours=list(_colours(len(places))),
            place=places,
            scenes=scenes,
            broken={(each.mount, each.request) for each in report.violations},
            anchors=_anchors(scenes),
            violations=report.alike(),
            listed=LISTED,
            most=_MOST,
            reasons=_reasons(report.mounts),
            tooltip=_tooltip,
        )
    )


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("gateway.proof", "page"),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _printable(value: Any) -> Any:
    """Have nothing on the page that UTF-8 or HTML has no place for."""
    if type(value) is not str:
        return value
    text = value.encode("utf-8", "backslashreplace").decode()
    return _UNPRINTABLE.sub("\ufffd", text)


def _facts(report: Report, file: str, now: datetime) -> Iterator[tuple[str, str]]:
    yield "configuration", file
    yield "made", now.strftime("%Y-%m-%d %H:%M:%S %Z").strip()
    yield "mounts", str(len(report.mounts))
    yield "process", f"PID {report.pid}"
    yield "threads", str(report.threads)
    yield "requests", str(report.requests)
    if len(report.mounts) > 1:
        pairs = f"{report.overlaps} pairs of calls, of {report.mount_pairs} pairs of "
        yield "overlapping", f"{pairs}mounts"
    yield "duration", f"{report.seconds:.1f} s"
    yield "gateway", __version__
    yield "Python", f"{platform.python_version()} ({platform.system()})"
    for name in _LIBRARIES:
        yield name, version(name)


def _colours(number: int) -> Iterator[tuple[int, int]]:
    """Yield hue and lightness for each mount."""
    for index in range(number):
        # As soon as hues come close to one another, lightness tells them apart.
        yield round(210 + index * _ANGLE) % 360, _LIGHTNESS[index % 3]


def _anchors(scenes: Iterable[_Drawn]) -> dict[tuple[str, int], str]:
    """Return the name by which a link leads to each call that is drawn."""
    bars = (bar for scene in scenes for row in scene.chart.rows for bar in row.bars)
    keys = ((bar.span.mount, bar.span.request) for bar in bars)
    return {key: f"call-{index}" for index, key in enumerate(keys)}


def _reasons(mounts: Sequence[MountReport]) -> dict[tuple[str, str], list[str]]:
    """Return the mounts to which a claim is not applicable, by claim and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for mount in mounts:
        for verdict in mount.verdicts:
            if verdict.reason is not None:
                key = verdict.claim, verdict.reason
                found.setdefault(key, []).append(mount.mount)
    return found


def _tooltip(bar: Bar) -> str:
    span: Span = bar.span
    start = span.start * 1000
    if span.end is None:
        times = f"from {start:.2f} ms, and did not end"
    else:
        end = span.end * 1000
        times = f"{start:.2f} to {end:.2f} ms ({end - start:.2f} ms)"
    context = "no context" if span.context is None else f"context {span.context}"
    lines = [
        f"{span.mount}, request {span.request}: {span.act}",
        f"{context}, thread {span.thread}",
        times,
        "no status" if span.status is None else f"status {span.status}",
    ]
    for mark in span.marks:
        lines.append(f"  +{mark.at * 1000 - start:.2f} ms {mark.moment}")
    return "\n".join(lines)
