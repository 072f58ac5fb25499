"""``gateway doctor``: what applications under a prefix send out of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gateway.cli.options import config_option

if TYPE_CHECKING:
    from gateway.proof.doctor.report import Diagnosis, Finding, MountDiagnosis, Spot

# How many findings of one cure are printed.
_LISTED: Final = 8


def _a_number(_: click.Context, option: click.Parameter, value: float) -> float:
    """Refuse what is no number, which no range does.

    :raises BadParameter: *value* is NaN.
    """
    if isnan(value):
        raise click.BadParameter("nan is no number of seconds", param=option)
    return value


@click.command("doctor")
@config_option
@click.argument("mounts", nargs=-1, metavar="[MOUNT]...")
@click.option(
    "--pages",
    type=click.IntRange(1, 100_000),
    default=60,
    show_default=True,
    help="How many pages of each mount are read.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, 86_400, min_open=True),
    callback=_a_number,
    default=20.0,
    show_default=True,
    help="How long each mount is read.",
)
@click.option(
    "--url",
    "public",
    metavar="URL",
    default="https://localhost",
    show_default=True,
    help="Where people reach the gateway.",
)
@click.option(
    "--start",
    "starts",
    metavar="PATH",
    multiple=True,
    help="Start from this path too, such as /notes/admin/, which nothing links to.",
)
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    config: Path,
    mounts: tuple[str, ...],
    pages: int,
    seconds: float,
    public: str,
    starts: tuple[str, ...],
    strict: bool,
    as_json: bool,
) -> None:
    """Find out what applications send out of their prefixes.

    Every mount is loaded, and read from its root on by GET requests in process: links,
    files, forms, redirects, cookies, descriptions of APIs. What leads out of the mount
    although it is the mount's own is an error. Debug modes and weak or equal secret
    keys are told too, each with its cure. With MOUNTs, only these are examined.

    Exit code 1: there is an error, or a mount does not load; 2: the configuration
    itself has problems. Warnings and notes make no difference to it.
    """
    from gateway.cli.loading import quiet, telling_slow, writing_to_stderr
    from gateway.config.load import load_config
    from gateway.proof.doctor.crawl import Limits
    from gateway.proof.doctor.examine import UnservedStartError, examine
    from gateway.proof.doctor.targets import PublicURLError
    from gateway.site import UnknownMountError

    spec = load_config(config)
    limits = Limits(pages=pages, seconds=seconds)
    try:
        with quiet(), writing_to_stderr():
            report = examine(
                spec,
                mounts,
                limits=limits,
                public=public,
                starts=starts,
                loading=telling_slow,
            )
    except (UnknownMountError, PublicURLError, UnservedStartError) as error:
        raise click.UsageError(str(error)) from error
    passes = report.passes(strict=strict)
    if as_json:
        click.echo(json.dumps({"passes": passes, **asdict(report)}, indent=2))
    else:
        for line in _lines(report):
            click.echo(line)
    ctx.exit(0 if passes else 1)


def _lines(report: Diagnosis) -> Iterator[str]:
    from gateway.cli.failures import counted
    from gateway.proof.doctor.report import SEVERITIES

    for mount in report.mounts:
        yield from _of_mount(mount)
    counts = [counted(report.count(each), each) for each in SEVERITIES]
    yield (
        f"{counted(len(report.mounts), 'mount')}: {', '.join(counts)} "
        f"({report.seconds:.1f} s)."
    )


def _of_mount(mount: MountDiagnosis) -> Iterator[str]:
    from gateway.cli.failures import counted
    from gateway.config.nodes import printable

    where = printable((mount.host or "") + (mount.prefix or "/"))
    seen = f"{counted(mount.pages, 'page')}, {counted(mount.references, 'reference')}"
    state = "" if mount.findings or not mount.pages else ": nothing found"
    yield f"{printable(mount.mount)} ({mount.application}) at {where}, {seen}{state}"
    for alike in _alike(mount.findings):
        yield from (f"  {line}" for line in _of_findings(alike))
    for remark in mount.remarks:
        yield f"  remark: {printable(remark)}"
    yield ""


def _alike(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return the findings that are cured in the same way together."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for each in findings:
        alike.setdefault((each.severity, each.cure or each.message), []).append(each)
    return list(alike.values())


def _of_findings(alike: list[Finding]) -> Iterator[str]:
    from gateway.config.nodes import printable

    for finding in alike[:_LISTED]:
        yield f"{finding.severity} ({finding.kind}): {printable(finding.message)}"
        if finding.spot is not None:
            yield f"    at {printable(_where(finding, finding.spot))}"
    if len(alike) > _LISTED:
        yield f"and {len(alike) - _LISTED} more like it: --json lists them all"
    if alike[0].cure:
        yield f"    cure: {printable(alike[0].cure)}"


def _where(finding: Finding, spot: Spot) -> str:
    from gateway.cli.failures import counted

    more = finding.places - 1
    also = f" and {counted(more, 'more place')}" if more else ""
    return f"{spot}{also}: {spot.text}"
