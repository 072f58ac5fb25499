"""Threads that take turns: one of them at a time runs all that is short."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock
from time import monotonic, perf_counter, thread_time
from typing import Final, Generic

from gateway.servers.batch import M
from gateway.servers.pace import Pace

# How long the leader may take over one job while another thread waits, in seconds.
_STEP: Final = 0.005

# What a lock takes for no limit.
_FOREVER: Final = -1


class Turns(Generic[M]):
    """Runs the jobs that a server's threads bring it.

    To hand the interpreter from one thread to another takes as long as a small page. So
    one of the threads leads, and runs what the others have brought, too, while those
    wait outside of the interpreter (the pattern Leader/Followers: Schmidt and others,
    2000). As many jobs as there are threads run at a time all the same: one that is
    known to wait, or to compute for long, is run by the thread that has brought it, and
    the leader loses its place over one that turns out to.

    :param run: runs a job. What it raises goes to the thread that has run it, whoever
        has brought it. How long the other jobs of its share took tells how long it will
        take.
    """

    def __init__(self, run: Callable[[M], None]) -> None:
        self._run = run
        # What waits to be run, and an entry while nobody leads. No lock is needed for
        # them: who brings a job looks for the entry next, and who puts it back looks
        # for jobs.
        self._jobs: deque[M] = deque()
        self._vacancy: deque[None] = deque([None])
        self._lock = Lock()  # For all that follows.
        self._pace = Pace()
        self._leader: _Leader | None = None
        # How many jobs a leader has run to their end.
        self._done = 0
        # How many run beside the leader's; and how many threads, no more than that, are
        # to go back to the server, which has fewer meanwhile for what comes next.
        self._beside = 0
        self._missing = 0
        # The first one keeps an eye on the leader.
        self._waiting: deque[_Waiter] = deque()

    def run(self, job: M) -> None:
        """Run a job, or leave it to the thread that leads.

        This may return before the job is done, or long after it.
        """
        with self._lock:
            is_brisk = self._pace.is_brisk(job.share.name, monotonic())
        if not is_brisk:
            self.run_here(job)
            return
        self._jobs.append(job)
        has_led = self._lead()
        # Nor does it leave jobs to a leader that nobody keeps an eye on.
        while not has_led or self._jobs:
            self._wait()
            self._lead()
            has_led = True

    def run_here(self, job: M) -> None:
        """Run a job in this thread, beside those of the others."""
        with self._lock:
            self._make_room()
        try:
            self._run(job)
        finally:
            with self._lock:
                self._close_ranks()

    def _lead(self) -> bool:
        """Lead while there are jobs, if nobody else does; return whether it did."""
        has_led = False
        while self._jobs:
            try:
                self._vacancy.pop()
            except IndexError:
                break
            has_led = True
            self._run_all()
        return has_led

    def _run_all(self) -> None:
        """Run the jobs as their leader, until there are none or it loses its place."""
        leader = _Leader()
        with self._lock:
            self._leader = leader
        leads = True
        try:
            while leads and self._jobs:
                leads = self._run_next(leader)
        finally:
            with self._lock:
                # It may have lost its place since, before it knew of a job.
                if self._leader is leader:
                    self._step_down()
                else:
                    self._close_ranks()

    def _run_next(self, leader: _Leader) -> bool:
        """Run a job; return whether *leader* still leads."""
        try:
            job = self._jobs.popleft()
        except IndexError:  # Another one leads, and was quicker.
            return False
        share = job.share.name
        with self._lock:
            if self._leader is leader:
                leader.share = share
                if not self._pace.is_brisk(share, monotonic()):
                    self._step_down()
                    self._make_room()
            is_alone = not self._beside
        began, computed = perf_counter(), thread_time()
        self._run(job)
        computed = thread_time() - computed
        seconds = perf_counter() - began
        with self._lock:
            if self._leader is not leader:
                return False
            self._done += 1
            if is_alone and not self._beside:
                # Those that run at a time wait for each other, too.
                self._pace.note(share, seconds, computed, monotonic())
        return True

    def _step_down(self) -> None:
        self._leader = None
        self._vacancy.append(None)

    def _make_room(self) -> None:
        """Have another thread see to the server while this one runs a job."""
        self._beside += 1
        self._missing += 1
        # Not one that is to watch the leader: its time would begin anew.
        if self._waiting and (self._vacancy or not self._jobs):
            self._waiting[0].wake()

    def _close_ranks(self) -> None:
        """Note that this thread is back."""
        self._beside -= 1
        if self._missing:
            self._missing -= 1

    def _wait(self) -> None:
        """Wait until this thread is needed: to lead, or by the server."""
        waiter = _Waiter()
        with self._lock:
            if self._is_needed():
                return
            self._waiting.append(waiter)
            if self._waiting[0] is waiter:
                self._watch(waiter)
        needed = False
        while not needed:
            woken = waiter.door.acquire(timeout=waiter.timeout)
            with self._lock:
                # Only the first one is woken, so it is that.
                needed = self._is_needed() or (not woken and self._look(waiter))
                if needed:
                    self._waiting.popleft()
                    if self._waiting:
                        self._watch(self._waiting[0])

    def _is_needed(self) -> bool:
        # Jobs come first, if they have no leader. If they have, it may need a watcher.
        is_needed = bool(self._vacancy if self._jobs else self._missing)
        if is_needed and self._missing:
            self._missing -= 1
        return is_needed

    def _watch(self, waiter: _Waiter) -> None:
        """Have the first one that waits keep an eye on the leader."""
        waiter.leader, waiter.done = self._leader, self._done
        waiter.timeout = _STEP
        waiter.wake()

    def _look(self, waiter: _Waiter) -> bool:
        """Tell whether to go: nothing happens, or the leader gets nothing done.

        In the second case the waiter has the leader's place. In the first it has nobody
        to wait for, and a server that ends idle threads may be about to end its last.
        """
        leader, done = waiter.leader, waiter.done
        waiter.leader, waiter.done = self._leader, self._done
        if self._leader is not leader or self._done != done:
            return False
        if leader is not None:
            self._pace.hold(leader.share, monotonic())
            self._step_down()
            self._beside += 1
        return True


class _Leader:
    """A thread that leads, for once.

    :ivar share: the share of the job that it runs.
    """

    __slots__ = ("share",)

    def __init__(self) -> None:
        self.share = ""


class _Waiter:
    """A thread that waits.

    :ivar door: opened to have it look around.
    :ivar timeout: how soon it does so by itself, in seconds, if it watches the leader.
    :ivar leader: who led when it last looked.
    :ivar done: how many jobs were done then.
    """

    __slots__ = ("done", "door", "leader", "timeout")

    def __init__(self) -> None:
        self.door = Lock()
        self.door.acquire()
        self.timeout: float = _FOREVER
        self.leader: _Leader | None = None
        self.done = 0

    def wake(self) -> None:
        """Have it look around; the caller has the lock of all."""
        if self.door.locked():
            self.door.release()
