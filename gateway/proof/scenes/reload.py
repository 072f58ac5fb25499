"""A reload while calls are inside, between the application's return and the body."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from threading import Event
from time import perf_counter

from gateway.errors import GatewayError
from gateway.explain import explain
from gateway.proof.acts import Act
from gateway.proof.evidence import AFTER, HELD, Reloading
from gateway.proof.rendezvous import Rendezvous
from gateway.proof.stage import Stage
from gateway.proof.visit import Visit

# Of one call nobody can tell whether another would find its context.
_TIMES = 2
REQUESTS = 1 + _TIMES
"""How many are sent to each mount."""


class Held(Act):
    """Stays between the application's return and the body until it is released.

    :param timeout: the longest that it stays, in seconds.
    """

    name = HELD
    streamed = True

    def __init__(self, inside: Rendezvous, released: Event, timeout: float) -> None:
        self._inside = inside
        self._released = released
        self._timeout = timeout

    def left(self, visit: Visit) -> None:
        self._inside.arrive((visit.recording.meant, 0), 0)
        self._released.wait(self._timeout)


class After(Act):
    """Is done with the first calls after the reload."""

    name = AFTER


def play(stage: Stage, took_over: Callable[[], None]) -> Reloading | None:
    """Reload while calls are held inside; then call the new mounts, then let go.

    :param took_over: called when the new mounts serve.
    """
    if stage.time_is_up:
        return None
    # Half of the threads, at most: the others serve the new mounts meanwhile.
    held = stage.mounts[: max(1, stage.threads // 2)]
    released = Event()
    inside = Rendezvous([(mount, 0) for mount in held], stage.limits.meeting)
    act = Held(inside, released, stage.limits.total)
    jobs = [stage.clients.submit(_hold, stage, mount, act) for mount in held]
    try:
        inside.wait(0)
        reloading = _reload(stage, took_over)
        if reloading.failed is None:
            for mount in stage.mounts * _TIMES:
                stage.get(mount, After())
    finally:
        released.set()
    for job in jobs:
        job.result()
    return reloading


def _hold(stage: Stage, mount: str, act: Held) -> None:
    # Loading takes as long as it takes, and no byte comes meanwhile.
    patient = replace(stage.limits, response=stage.limits.total)
    with closing(stage.client(mount, patient)) as client:
        stage.send(client, mount, act)


def _reload(stage: Stage, took_over: Callable[[], None]) -> Reloading:
    try:
        report = stage.gateway.reload(everything=True)
    except GatewayError as error:
        return Reloading(perf_counter(), failed="; ".join(explain(error)))
    at = perf_counter()
    took_over()
    return Reloading(at, frozenset(report.replaced))
