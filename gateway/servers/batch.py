"""The short requests of a turn of the loop, answered by one thread after each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Final, Generic, Protocol, TypeVar

from gateway.servers.pace import Pace
from gateway.shares import Share

# For how long the loop leaves the interpreter to a batch, in seconds: without an answer
# of it, and in all.
_STEP: Final = 0.001
_LONGEST: Final = 0.006


class Member(Protocol):
    """A request that may be part of a batch."""

    share: Share


M = TypeVar("M", bound=Member)


class Batch(Generic[M]):
    """Jobs that keep one thread busy, while the loop waits for it.

    Several threads would take the interpreter from each other at each system call,
    which costs more than a short request does. A batch that comes to a halt, because
    one of it waits for something, is dissolved: then each gets its own thread.

    :param lock: what its caller has around each call but :meth:`wait`.
    """

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self._pace = Pace()
        # All that are not done, and those of them that have no thread yet.
        self._members: set[M] = set()
        self._ready: deque[M] = deque()
        self._ends = 0.0
        # Whether the loop waits, and at which door.
        self._is_awaited = False
        self._door = Lock()
        self._door.acquire()
        self._done = 0

    def take_in(self, job: M, now: float) -> bool:
        """Make a job part of the next batch, if it may be short."""
        if not self._pace.is_brisk(job.share.name, now):
            return False
        self._members.add(job)
        self._ready.append(job)
        return True

    def begin(self, now: float) -> M | None:
        """Return the job to begin with; the loop is to :meth:`wait` then."""
        if not self._ready:
            return None
        self._ends = now + _LONGEST
        self._is_awaited = True
        return self._ready.popleft()

    def next(self) -> M | None:
        """Return the next job of the batch."""
        return self._ready.popleft() if self._ready else None

    def is_over(self, now: float) -> bool:
        """Tell whether what else may run has to wait until the loop has had a turn."""
        return self._is_awaited and now > self._ends

    def join(self, job: M, now: float) -> None:
        """Make a job that is about to run part of the batch, if it may be short."""
        if self._is_awaited and self._pace.is_brisk(job.share.name, now):
            self._members.add(job)

    def done(self, job: M, seconds: float, busy: float, now: float) -> None:
        """Note that a job is done, of this batch or not.

        :param seconds: how long it took.
        :param busy: for how much of that its thread computed.
        """
        self._done += 1
        if job in self._members:
            self._members.discard(job)
            self._pace.note(job.share.name, seconds, busy, now)

    def release(self) -> None:
        """Let the loop go on, if nothing is left."""
        if self._is_awaited and not self._members:
            self._is_awaited = False
            self._door.release()

    def wait(self, run: Callable[[M], None]) -> None:
        """Wait until all is done, or comes to a halt; in the loop.

        :param run: gives a job of a dissolved batch a thread; called with the lock.
        """
        done = self._done
        while not self._door.acquire(timeout=_STEP):
            with self._lock:
                if self._is_awaited and done == self._done:
                    self._dissolve(run)
                    return
                done = self._done

    def _dissolve(self, run: Callable[[M], None]) -> None:
        self._is_awaited = False
        now = monotonic()
        for job in self._members.difference(self._ready):
            self._pace.hold(job.share.name, now)
        self._members.clear()
        while self._ready:
            run(self._ready.popleft())
