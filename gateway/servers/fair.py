"""The queues of a fair server: who runs next, who waits, who is sent away.

Nothing here knows of threads, sockets or locks: whoever uses it has one lock around
all of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from enum import Enum
from typing import Generic, TypeVar

from gateway.shares import Load, Share

T = TypeVar("T")


class Verdict(Enum):
    """What becomes of a request that has just come in."""

    RUNS = "runs"
    WAITS = "waits"
    REFUSED = "refused"


class _Group(Generic[T]):
    """What one share has running and waiting, the oldest first."""

    __slots__ = ("rejected", "running", "share", "waiting")

    def __init__(self, share: Share) -> None:
        self.share = share
        self.running = 0
        self.rejected = 0
        # Since when each waits. Its order is kept when one leaves from the middle.
        self.waiting: OrderedDict[T, float] = OrderedDict()


class FairQueues(Generic[T]):
    """A bounded queue for each share, served in turn.

    A job runs if its share has fewer than ``max_concurrency`` running and a thread is
    free. The first job of a share runs even if none is: a thread beyond *threads* is
    for it. So a share that holds all of the threads keeps no other from being served.

    :param threads: how many jobs run at a time, those first ones aside.
    :param most: how many run at a time with them; a vital share's is above it.
    """

    def __init__(self, threads: int, most: int) -> None:
        self._threads = threads
        self._most = max(threads, most)
        # A mount that says nothing leaves a quarter of the threads to the others.
        self._usual = ceil_three_quarters(threads)
        self._groups: dict[str, _Group[T]] = {}
        # Those that have jobs waiting; the one whose turn it is comes first.
        self._turns: OrderedDict[str, _Group[T]] = OrderedDict()
        # With their groups, and since when they run.
        self._running: dict[T, tuple[_Group[T], float]] = {}

    @property
    def running(self) -> int:
        """How many jobs run."""
        return len(self._running)

    @property
    def queued(self) -> int:
        """How many jobs wait."""
        return sum(len(group.waiting) for group in self._turns.values())

    @property
    def has_waiting(self) -> bool:
        """Whether any job waits; to be read without the lock, too."""
        return bool(self._turns)

    def enter(self, job: T, share: Share, now: float) -> Verdict:
        """Take a new job in, if its share has room for it.

        :param share: its limits are the share's from now on.
        """
        group = self._groups.get(share.name)
        if group is None:
            group = self._groups[share.name] = _Group(share)
        group.share = share
        if not group.waiting and self._may_run(group):
            self._run(job, group, now)
            return Verdict.RUNS
        if len(group.waiting) >= share.limits.queue:
            group.rejected += 1
            return Verdict.REFUSED
        group.waiting[job] = now
        self._turns.setdefault(share.name, group)
        return Verdict.WAITS

    def take(self, now: float) -> T | None:
        """Return the job that is to run now: the oldest of the share in turn."""
        for name, group in self._turns.items():
            if self._may_run(group):
                job, _ = group.waiting.popitem(last=False)
                if group.waiting:
                    self._turns.move_to_end(name)
                else:
                    del self._turns[name]
                self._run(job, group, now)
                return job
        return None

    def done(self, job: T) -> None:
        """Note that a job has run."""
        self._running.pop(job)[0].running -= 1

    def discard(self, job: T, share: Share) -> bool:
        """Take a job back; tell whether it was still waiting."""
        group = self._groups.get(share.name)
        if group is None or group.waiting.pop(job, None) is None:
            return False
        if not group.waiting:
            del self._turns[share.name]
        return True

    def expire(self, now: float) -> list[tuple[T, Share]]:
        """Take out, and return, the jobs that have waited for too long."""
        expired: list[tuple[T, Share]] = []
        for name, group in list(self._turns.items()):
            limit = now - group.share.limits.queue_timeout
            while group.waiting and next(iter(group.waiting.values())) <= limit:
                job, _ = group.waiting.popitem(last=False)
                group.rejected += 1
                expired.append((job, group.share))
            if not group.waiting:
                del self._turns[name]
        return expired

    def next_expiry(self) -> float | None:
        """Return when a job will have waited for too long; ``None`` if none waits."""
        return min(
            (
                next(iter(group.waiting.values())) + group.share.limits.queue_timeout
                for group in self._turns.values()
            ),
            default=None,
        )

    def waiting(self) -> Iterator[tuple[T, Share, float]]:
        """Yield the jobs that wait, with their shares, and since when they do."""
        for group in self._turns.values():
            for job, since in group.waiting.items():
                yield job, group.share, since

    def waiting_shares(self) -> list[Share]:
        """Return the shares that have jobs waiting."""
        return [group.share for group in self._turns.values()]

    def at_work(self) -> Iterator[tuple[T, Share, float]]:
        """Yield the jobs that run, with their shares, and since when they do."""
        for job, (group, since) in self._running.items():
            yield job, group.share, since

    def loads(self) -> dict[str, Load]:
        """Return the load of each share that has ever had a job."""
        return {
            name: Load(group.running, len(group.waiting), group.rejected)
            for name, group in self._groups.items()
        }

    def _may_run(self, group: _Group[T]) -> bool:
        limit = group.share.limits.max_concurrency or self._usual
        running = len(self._running)
        if running < self._threads:
            return group.running < limit
        return not group.running and (running < self._most or group.share.vital)

    def _run(self, job: T, group: _Group[T], now: float) -> None:
        group.running += 1
        self._running[job] = group, now


def ceil_three_quarters(threads: int) -> int:
    """Return three quarters of *threads*, at least one, rounded up."""
    return (3 * threads + 3) // 4
