"""A gateway that is loaded once and served by processes that are forked from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock, current_thread
from time import monotonic, sleep
from typing import Final

from gateway.config.spec import GatewaySpec
from gateway.draining import Drain
from gateway.errors import GatewayError
from gateway.failing import ALL_MUST_LOAD, Failures
from gateway.generation import Around, Wrap
from gateway.lifecycle import Front, Gateway
from gateway.reloaded import Reloaded

# How often mounts that were replaced are asked whether they are closed, in seconds.
_TICK: Final = 0.02


class PreforkGateway(Gateway):
    """A gateway whose mounts are loaded before processes are forked.

    The process that loads has no thread of the gateway's while it forks, so no lock is
    taken along that nobody would ever release: it does not retry mounts that have
    failed, and ASGI applications rest. In each process that serves, they go on.

    :param cure: says what replaces mounts that have changed, given the process that
        has loaded them; the other parameters are :class:`Gateway`'s.
    """

    _begun = False

    def __init__(
        self,
        spec: GatewaySpec,
        *,
        outside: Wrap | None = None,
        loading: Around = nullcontext,
        failures: Failures = ALL_MUST_LOAD,
        front: Front | None = None,
        cure: Callable[[int], str],
    ) -> None:
        self._cure = cure
        self._loaded_by = os.getpid()
        super().__init__(
            spec, outside=outside, loading=loading, failures=failures, front=front
        )

    @contextmanager
    def still(self) -> Iterator[None]:
        """Have nothing going on in this process, for ``with``, so that it can fork."""
        deadline = monotonic() + self.spec.server.drain_timeout
        while self.draining and monotonic() < deadline:
            sleep(_TICK)
        for member in self.members.values():
            if member.loaded.before_fork is not None:
                member.loaded.before_fork()
        changing = self._changing
        with changing:
            yield

    def begin(self) -> None:
        """Go on in the process that serves; called once there, before it does.

        :raises LoadError: what a mount names with ``on_fork:`` has failed, or an ASGI
            application's start-up.
        """
        # A thread that the server has made is given its object by whoever asks first,
        # and is to be no mount's.
        current_thread()
        if os.getpid() != self._loaded_by:
            # Whoever held them is in the other process.
            self._reloading, self._changing, self._swapping = Lock(), Lock(), Lock()
            self._drain = Drain()
            for member in self.members.values():
                if member.loaded.after_fork is not None:
                    member.loaded.after_fork()
        self._begun = True
        with self._changing:
            self._see_to_failed()

    def reload(self, wait: bool = True, *, everything: bool = False) -> Reloaded:
        """Replace the mounts that have changed, for the processes to be forked.

        :raises GatewayError: this is one of the processes that serve, or as for any
            gateway.
        """
        if os.getpid() != self._loaded_by:
            raise GatewayError(
                "the mounts were loaded by another process, before it was forked, so "
                f"this one cannot replace them: {self._cure(self._loaded_by)}"
            )
        return super().reload(wait, everything=everything)

    def _see_to_failed(self) -> None:
        # A thread would not be there after the fork.
        if self._begun:
            super()._see_to_failed()
