"""Asks the ``probe:`` paths of mounts that serve: in time, and not too often."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Context
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

from gateway.errors import LoadError
from gateway.generation import Member
from gateway.mount import Mount
from gateway.probing import ask, check

# How long an answer counts, in seconds: several may ask at a time, and a mount is not
# to be kept busy by it.
_KEPT: Final = 1.0


class _Asked:
    """A question to one mount, and its answer when there is one."""

    def __init__(self, mount: Mount, path: str) -> None:
        self.mount = mount
        self._path = path
        self._began = monotonic()
        self._ended = 0.0
        # Until the answer is known to be good.
        self._problem: str | None = f"probe: {path} could not be asked"
        self._done = Event()
        # Outside of the request that asks; and a thread, for it may never come back.
        self._thread = Thread(
            target=Context().run,
            args=(self._run,),
            name=f"gateway-probe-{mount.name}",
            daemon=True,
        )
        self._thread.start()

    @property
    def counts(self) -> bool:
        """Whether no other question is to be asked yet: one at a time."""
        return not self._done.is_set() or monotonic() - self._ended < _KEPT

    def wait(self, deadline: float) -> str | None:
        """Return what is wrong; ``None`` if the answer is good.

        :param deadline: how long to wait for it, by the monotonic clock.
        """
        if self._done.wait(max(deadline - monotonic(), 0)):
            return self._problem
        waited = monotonic() - self._began
        return f"probe: {self._path} has not answered for {waited:.1f}s"

    def _run(self) -> None:
        # However long it takes: there is never a second one for a mount that hangs.
        try:
            check(self.mount, self._path, ask(self.mount, self._path))
            self._problem = None
        except LoadError as error:
            self._problem = error.message
        finally:
            self._ended = monotonic()
            self._done.set()


class Probes:
    """Asks mounts, and remembers their answers for a moment.

    :param timeout: how long all of them may take, in seconds.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._lock = Lock()
        self._asked: dict[str, _Asked] = {}

    def ask(self, members: Mapping[str, Member]) -> Mapping[str, str]:
        """Return what is wrong with mounts whose probe does not answer well, by name.

        Those without a ``probe:``, and those that have not loaded, are not asked.
        """
        with self._lock:
            self._asked = {
                name: self._ask(member.mount, member.spec.probe)
                for name, member in members.items()
                if member.spec.probe is not None and member.failure is None
            }
            asked = self._asked
        deadline = monotonic() + self._timeout
        found = {name: each.wait(deadline) for name, each in asked.items()}
        return {name: problem for name, problem in found.items() if problem}

    def _ask(self, mount: Mount, path: str) -> _Asked:
        known = self._asked.get(mount.name)
        if known is not None and known.mount is mount and known.counts:
            return known
        return _Asked(mount, path)
