"""The proof: load, serve, drive, and decide from what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from time import perf_counter
from typing import Final

from gateway.config.spec import GatewaySpec
from gateway.generation import Around
from gateway.proof.gather import Gathering
from gateway.proof.judge import judge
from gateway.proof.report import Report
from gateway.proof.schedule import Limits, Schedule
from gateway.proof.stage import Progress, no_progress
from gateway.site import check_known

REQUESTS: Final = 24


def prove(
    spec: GatewaySpec,
    mounts: Sequence[str] = (),
    *,
    requests: int = REQUESTS,
    limits: Limits | None = None,
    loading: Around = nullcontext,
    progress: Progress = no_progress,
) -> Report:
    """Serve a gateway on a free loopback port and decide the claims about its mounts.

    :param mounts: whose claims to decide, all by default. The others are loaded too.
    :param requests: how many each mount gets in waves, at least 2.
    :param limits: how long anything may take, and what is left out.
    :param loading: what to enter while a mount of the given name is loaded.
    :param progress: is told how far it has come.
    :raises UnknownMountError: there is no mount of such a name.
    :raises LoadErrors: applications could not be loaded.
    """
    started = perf_counter()
    known = [mount.name for mount in spec.mounts]
    check_known(mounts, known)
    chosen = [name for name in known if not mounts or name in mounts]
    schedule = Schedule.of(requests)
    gathering = Gathering(spec, chosen, schedule, limits or Limits(), progress)
    evidence = gathering.run(loading)
    return judge(evidence, schedule.requests, started, perf_counter() - started)
