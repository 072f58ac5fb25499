"""``gateway prove``: evidence, on the user's own applications."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Final

import click

from gateway.cli.options import config_option

if TYPE_CHECKING:
    from gateway.proof.report import MountReport, Report, Verdict

# The columns that a drawn table takes: for the claims, and for each mount.
_FIRST: Final = 12
_EACH: Final = 15


@click.command("prove")
@config_option
@click.argument("mounts", nargs=-1, metavar="[MOUNT]...")
@click.option(
    "--requests",
    type=click.IntRange(2, 10_000),
    default=24,
    show_default=True,
    help="How many requests each mount gets at the same time as the others.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write the report as one HTML page, with a timeline of the contexts.",
)
@click.pass_context
def command(
    ctx: click.Context,
    config: Path,
    mounts: tuple[str, ...],
    requests: int,
    as_json: bool,
    page: Path | None,
) -> None:
    """Prove that each mount has a context of its own in one shared process.

    Every mount is loaded, served on a free loopback port, and sent GET requests for its
    probe, by default its root: all at the same time, nested into one another, ending in
    errors or with clients that leave, and over a reload. Witnesses inside the calls see
    whether each had its own AppContext, g and config, and whether modules, environment
    and cookies stayed with their mounts. With MOUNTs, only these are examined.

    Exit code 1: a claim is violated, or a mount does not load; 2: the configuration
    itself has problems.
    """
    from gateway.cli.loading import quiet, telling_slow, writing_to_stderr
    from gateway.cli.progress import showing_progress
    from gateway.config.load import load_config
    from gateway.proof.prove import prove
    from gateway.site import UnknownMountError

    spec = load_config(config)
    if page is not None:
        _check_folder(page)
    try:
        with quiet(), writing_to_stderr(), showing_progress("proving") as progress:
            report = prove(
                spec,
                mounts,
                requests=requests,
                loading=telling_slow,
                progress=progress,
            )
    except UnknownMountError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps({"proven": report.proven, **asdict(report)}, indent=2))
    else:
        _show(report)
    if page is not None:
        _write_page(report, config, page)
    ctx.exit(0 if report.proven else 1)


def _check_folder(page: Path) -> None:
    """Tell now, and not when all is proven, that a page cannot be written."""
    if not page.parent.is_dir():
        raise click.BadParameter(
            f"there is no folder {str(page.parent)!r}: make it first",
            param_hint="--html",
        )


def _write_page(report: Report, config: Path, page: Path) -> None:
    from gateway.proof.page.page import render

    text = render(report, str(config), datetime.now().astimezone())
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(page), str(error.strerror)) from error
    click.echo(f"The report is in {page}.", err=True)


def _show(report: Report) -> None:
    _show_claims(report.mounts)
    for line in _remarks(report.mounts):
        click.echo(line)
    for line in _violations(report):
        click.echo(line)
    for note in report.notes:
        click.echo(f"note: {note}")
    click.echo(_total(report))


def _show_claims(mounts: Sequence[MountReport]) -> None:
    """Print a row for each claim, with a column for each mount.

    On a terminal there are several tables, where one would be too wide.
    """
    from gateway.cli.render import show_grid

    most = len(mounts)
    if sys.stdout.isatty():
        most = max(1, (get_terminal_size().columns - _FIRST) // _EACH)
    for start in range(0, len(mounts), most):
        part = mounts[start : start + most]
        rows: list[list[str]] = [["kind", *(mount.kind for mount in part)]]
        for verdicts in zip(*(mount.verdicts for mount in part), strict=True):
            rows.append([verdicts[0].claim, *map(_cell, verdicts)])
        rows.append(["answers", *map(_answers, part)])
        show_grid(["CLAIM", *(mount.mount for mount in part)], rows)


def _answers(mount: MountReport) -> str:
    return ", ".join(f"{each.count} x {each.status}" for each in mount.answers)


def _cell(verdict: Verdict) -> str:
    match verdict.status:
        case "proven":
            return f"proven ({verdict.count})"
        case "violated":
            return f"VIOLATED ({verdict.count})"
        case "not applicable":
            return "n/a"


def _remarks(mounts: Sequence[MountReport]) -> Iterator[str]:
    for mount in mounts:
        for remark in mount.remarks:
            yield f"remark: {mount.mount}: {remark}"


def _total(report: Report) -> str:
    from gateway.cli.failures import counted

    parts = [
        counted(len(report.mounts), "mount"),
        f"{counted(report.requests, 'request')} on "
        + counted(report.threads, "thread"),
        f"PID {report.pid}",
        f"{report.seconds:.1f} s",
    ]
    if len(report.mounts) > 1:
        parts.insert(
            2,
            f"{counted(report.overlaps, 'overlapping pair')} of calls of "
            + counted(report.mount_pairs, "pair")
            + " of mounts",
        )
    return f"{'Proven' if report.proven else 'VIOLATED'}: {', '.join(parts)}."


def _violations(report: Report) -> Iterator[str]:
    """Yield a line for each violation, but for only a few that are alike."""
    from gateway.proof.report import LISTED

    for (mount, claim, check), found in report.alike().items():
        for violation in found[:LISTED]:
            request = (
                "" if violation.request is None else f", request {violation.request}"
            )
            yield f"VIOLATED {mount}{request}, {claim} ({check}): {violation.evidence}"
        if len(found) > LISTED:
            yield f"    and {len(found) - LISTED} more like it"
