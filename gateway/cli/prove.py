"""``gateway prove``: evidence, on the user's own applications."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gateway.cli.options import config_option

if TYPE_CHECKING:
    from gateway.proof.report import MountReport, Report, Verdict, Violation

_LISTED: Final = 3


@dataclass(frozen=True, slots=True)
class ProofRow:
    """One mount, and what became of each claim about it."""

    mount: str
    kind: str
    context: str
    g: str
    config: str
    process: str
    answers: str
    remarks: str


@click.command("prove")
@config_option
@click.argument("mounts", nargs=-1, metavar="[MOUNT]...")
@click.option(
    "--requests",
    type=click.IntRange(2, 10_000),
    default=24,
    show_default=True,
    help="How many requests each mount gets.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    config: Path,
    mounts: tuple[str, ...],
    requests: int,
    as_json: bool,
) -> None:
    """Prove that each mount has a context of its own in one shared process.

    Every mount is loaded, served on a free loopback port, and sent GET requests for its
    root, all at the same time. Witnesses inside the calls tell whether each request had
    its own AppContext, its own empty g and its mount's own config, and whether the
    calls overlapped in one process. With MOUNTs, only these are examined.

    Exit code 1: a claim is violated, or a mount does not load; 2: the configuration
    itself has problems.
    """
    from gateway.cli.loading import printing_to_stderr, quiet, telling_slow
    from gateway.config.load import load_config
    from gateway.proof.prove import prove
    from gateway.site import UnknownMountError

    spec = load_config(config)
    try:
        with quiet(), printing_to_stderr():
            report = prove(spec, mounts, requests=requests, loading=telling_slow)
    except UnknownMountError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps({"proven": report.proven, **asdict(report)}, indent=2))
    else:
        _show(report)
    ctx.exit(0 if report.proven else 1)


def _show(report: Report) -> None:
    from gateway.cli.render import show_table

    show_table(map(_row, report.mounts))
    for line in _violations(report.violations):
        click.echo(line)
    for note in report.notes:
        click.echo(f"note: {note}")
    click.echo(_total(report))


def _total(report: Report) -> str:
    from gateway.cli.failures import counted

    parts = [
        counted(len(report.mounts), "mount"),
        f"{counted(report.requests, 'request')} on "
        + counted(report.threads, "server thread"),
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


def _row(mount: MountReport) -> ProofRow:
    return ProofRow(
        mount=mount.mount,
        kind=mount.kind,
        answers=", ".join(f"{each.count} x {each.status}" for each in mount.answers),
        remarks="; ".join(mount.remarks),
        **{verdict.claim: _cell(verdict) for verdict in mount.verdicts},
    )


def _cell(verdict: Verdict) -> str:
    match verdict.status:
        case "proven":
            return f"proven ({verdict.count})"
        case "violated":
            return f"VIOLATED ({verdict.count})"
        case "not applicable":
            return "n/a"


def _violations(violations: tuple[Violation, ...]) -> Iterator[str]:
    """Yield a line for each violation, but for only a few that are alike."""
    alike: dict[tuple[str, str, str], list[Violation]] = {}
    for each in violations:
        alike.setdefault((each.mount, each.claim, each.check), []).append(each)
    for (mount, claim, check), found in alike.items():
        for violation in found[:_LISTED]:
            request = (
                "" if violation.request is None else f", request {violation.request}"
            )
            yield f"VIOLATED {mount}{request}, {claim} ({check}): {violation.evidence}"
        if len(found) > _LISTED:
            yield f"    and {len(found) - _LISTED} more like it"
