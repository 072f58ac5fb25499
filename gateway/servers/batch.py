"""The short requests of a turn of the loop, answered by one thread after each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from threading import Lock
from time import monotonic
from typing import Final, Generic, Protocol, TypeVar

from gateway.servers.pace import Pace
from gateway.shares import Share

# For how long the loop leaves the interpreter to a batch, in seconds: at a time, and in
# all.
_STEP: Final = 0.001
_LONGEST: Final = 0.006

# How long a batch may last when several shares have requests, in seconds, and for how
# long one request of another share has that said. The loop reads new ones in between:
# those of a share with few clients would else come too seldom.
_SHARED: Final = 0.001
_SINCE: Final = 0.1

# In how many steps in a row there is no answer where a batch has come to a halt. One
# says little: the system may have let another process run.
_STILL: Final = 2


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
        # Whose requests wait for a thread that has something else to do yet.
        self._called: set[str] = set()
        # Whose request was the last one, and until when there are several shares.
        self._share = ""
        self._shared_until = 0.0
        self._ends = 0.0
        # Whether the loop waits, and at which door.
        self._is_awaited = False
        self._door = Lock()
        self._door.acquire()
        self._done = 0
        self._members_done = 0

    def take_in(self, job: M, now: float) -> bool:
        """Make a job part of the next batch, if it may be short."""
        if not self._pace.is_brisk(job.share.name, now):
            return False
        self._add(job, now)
        self._ready.append(job)
        return True

    def _add(self, job: M, now: float) -> None:
        self._members.add(job)
        name = job.share.name
        if name != self._share:
            if self._share:
                self._shared_until = now + _SINCE
            self._share = name

    def begin(self, now: float) -> M | None:
        """Return the job to begin with; the loop is to :meth:`wait` then."""
        if not self._ready:
            return None
        self._await(now)
        return self._ready.popleft()

    def _await(self, now: float) -> None:
        self._ends = now + (_SHARED if now < self._shared_until else _LONGEST)
        self._is_awaited = True

    def call(self, shares: Iterable[Share], now: float) -> bool:
        """Call for a batch of what is queued; the loop is to :meth:`wait` then.

        The next thread that is done with its job answers it.

        :param shares: whose requests wait.
        :returns: whether any of them may be short.
        """
        names = {each.name for each in shares}
        self._called = {each for each in names if self._pace.is_brisk(each, now)}
        if not self._called:
            return False
        self._await(now)
        return True

    def next(self) -> M | None:
        """Return the next job of the batch."""
        return self._ready.popleft() if self._ready else None

    def leaves_room(self, was_member: bool, now: float) -> bool:
        """Tell whether a thread may go on with what else may run.

        :param was_member: whether the job that it has just done was of the batch. Only
            the batch's own thread goes on, and not for longer than the loop may wait.
        """
        if not self._is_awaited:
            return True
        is_own = was_member or bool(self._called)
        self._called.clear()
        return is_own and now <= self._ends

    def join(self, job: M, now: float) -> None:
        """Make a job that is about to run part of the batch, if it may be short."""
        if self._is_awaited and self._pace.is_brisk(job.share.name, now):
            self._add(job, now)

    def done(self, job: M, seconds: float, busy: float, now: float) -> bool:
        """Note that a job is done, and tell whether it was one of the batch.

        :param seconds: how long it took.
        :param busy: for how much of that its thread computed.
        """
        self._done += 1
        if job not in self._members:
            return False
        if len(self._members) - len(self._ready) == 1:
            # Two that run at a time wait for each other, too.
            self._pace.note(job.share.name, seconds, busy, now)
        self._members.discard(job)
        self._members_done += 1
        return True

    def release(self) -> None:
        """Let the loop go on, if nothing is left."""
        if self._is_awaited and not self._members and not self._called:
            self._is_awaited = False
            self._door.release()

    def wait(self, run: Callable[[M], None]) -> None:
        """Wait until all is done, or comes to a halt; in the loop.

        :param run: gives a job of a dissolved batch a thread; called with the lock.
        """
        done, members_done, still = self._done, self._members_done, 0
        while not self._door.acquire(timeout=_STEP):
            with self._lock:
                now = monotonic()
                still = still + 1 if done == self._done else 0
                done = self._done
                is_halted = still >= _STILL
                # What others get done may keep it going, but not for long.
                is_late = now > self._ends + _LONGEST
                if self._is_awaited and (is_halted or is_late):
                    if is_halted or members_done == self._members_done:
                        self._hold(now)
                    self._dissolve(run)
                    return

    def _hold(self, now: float) -> None:
        """Keep those that have a thread, and are not done, out of the next batches."""
        running = self._members.difference(self._ready)
        for name in self._called.union(job.share.name for job in running):
            self._pace.hold(name, now)

    def _dissolve(self, run: Callable[[M], None]) -> None:
        self._is_awaited = False
        self._called.clear()
        self._members.clear()
        while self._ready:
            run(self._ready.popleft())
