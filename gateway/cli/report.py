"""What a reload has done, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.lifecycle import Reloaded


def report_lines(report: Reloaded) -> Iterator[str]:
    """Yield the lines of *report*; what there is none of has no line."""
    from gateway.cli.render import milliseconds

    for title, names in (
        ("replaced", report.replaced),
        ("added", report.added),
        ("removed", report.removed),
        ("kept", report.kept),
        ("did not load", report.failed),
    ):
        if names:
            yield f"{title}: {', '.join(names)}"
    yield from restart_lines(report)
    yield f"reloaded in {milliseconds(report.seconds)}"


def restart_lines(report: Reloaded) -> Iterator[str]:
    """Yield what has changed and takes a restart."""
    if report.restart:
        yield (
            f"needs a restart: {', '.join(report.restart)} (changed, but with "
            "'imports: shared' the modules are the process's: until then it is served "
            "as before, at its old address)"
        )
    if report.server_changed:
        yield "needs a restart: the 'server:' section (changed since the start)"


def has_changed(report: Reloaded) -> bool:
    """Tell whether there is anything to tell of."""
    return bool(
        report.replaced
        or report.added
        or report.removed
        or report.failed
        or report.restart
        or report.server_changed
    )
