"""Nested calls: each mount calls each other one, which calls the first one again.

From the call itself, from threads that it starts, and from greenlets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from functools import partial
from itertools import cycle, permutations
from threading import Thread
from typing import Any

from gateway.proof.acts import Act
from gateway.proof.evidence import FROM_GREENLETS, FROM_THREADS, IN_GREENLET, NESTED
from gateway.proof.looks import Moment
from gateway.proof.stage import Stage
from gateway.proof.visit import Visit

OTHERS = 6
"""How many calls of each mount there are beside those of pairs of mounts."""


class Nesting(Act):
    """Calls the mounts of a chain, each from within the one before.

    :param chain: their names; the call that this is done in is not among them.
    """

    name = NESTED

    def __init__(self, stage: Stage, chain: Sequence[str]) -> None:
        self._stage = stage
        self._chain = chain

    def entered(self, visit: Visit) -> None:
        if self._chain:
            following = type(self)(self._stage, self._chain[1:])
            self._call(
                visit, partial(self._stage.subrequest, self._chain[0], following)
            )

    def _call(self, visit: Visit, call: Callable[[], object]) -> None:
        call()
        visit.look(Moment.NESTED)


class FromThreads(Nesting):
    """Makes the calls in threads: one that knows nothing, and one with a copy."""

    name = FROM_THREADS

    def _call(self, visit: Visit, call: Callable[[], object]) -> None:
        def bare() -> None:
            visit.look(Moment.BARE_THREAD)
            visit.look_at_environ(Moment.BARE_THREAD)
            call()
            visit.look(Moment.BARE_THREAD)

        def copied() -> None:
            visit.look(Moment.THREAD)
            call()
            visit.look(Moment.THREAD)

        for target in (bare, partial(copy_context().run, copied)):
            thread = Thread(target=target, name="gateway-prove-nested")
            thread.start()
            thread.join()
        visit.look(Moment.NESTED)


class Pausing(Act):
    """Goes on with something else in the middle of a call, and then comes back."""

    name = IN_GREENLET

    def __init__(self, pause: Callable[[], object]) -> None:
        self._pause = pause

    def entered(self, visit: Visit) -> None:
        with visit.stepped_out():
            self._pause()


class FromGreenlets(Act):
    """Has two greenlets of one thread inside two mounts, by turns."""

    name = FROM_GREENLETS

    def __init__(self, stage: Stage, others: Sequence[str]) -> None:
        self._stage = stage
        self._others = others

    def entered(self, visit: Visit) -> None:
        import greenlet

        own = greenlet.getcurrent()

        def run(mount: str) -> None:
            self._stage.subrequest(mount, Pausing(own.switch))

        def switch(child: Any) -> None:
            with visit.stepped_out():
                child.switch()
            visit.look(Moment.GREENLET)

        children = []
        for mount in self._others:
            child: Any = greenlet.greenlet(partial(run, mount))
            child.gr_context = copy_context()
            children.append(child)
        # Into the first one, into the second, and out in the order of their coming.
        for child in (*children, *children):
            switch(child)


def play(stage: Stage) -> None:
    """Nest calls of every ordered pair of mounts."""
    pairs = list(permutations(stage.mounts, 2)) or [(stage.mounts[0],) * 2]
    stage.together(
        partial(stage.get, first, Nesting(stage, [second, first]))
        for first, second in pairs
    )


def play_from_threads(stage: Stage) -> None:
    """Make subrequests from threads that a call of each mount has started."""
    stage.together(
        partial(stage.get, mount, FromThreads(stage, [other]))
        for mount, other in _neighbours(stage.mounts)
    )


def play_from_greenlets(stage: Stage) -> None:
    """Make subrequests from greenlets, if there are any."""
    try:
        import greenlet  # noqa: F401
    except ImportError:
        stage.not_played.append(
            "no subrequest was made from greenlets: greenlet is not installed"
        )
        return
    stage.together(
        partial(stage.get, mount, FromGreenlets(stage, [mount, other]))
        for mount, other in _neighbours(stage.mounts)
    )


def _neighbours(mounts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each mount with the one that follows it; the last with the first one."""
    following = cycle(mounts)
    next(following)
    return zip(mounts, following, strict=False)
