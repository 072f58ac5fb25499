"""The threads of a fair server: waitress's task dispatcher, with a queue a share."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Condition, Lock, Thread, get_ident
from time import monotonic, perf_counter, thread_time
from typing import Final, Literal, Protocol

from gateway.servers.batch import Batch
from gateway.servers.fair import FairQueues, Verdict
from gateway.shares import Load, Share

_log = logging.getLogger("gateway.server")

# How long a thread beyond the usual number stays without work, in seconds: a mount
# that needs it comes back for it with each of its requests.
_LINGER: Final = 5.0


class Job(Protocol):
    """A request that waits for a thread, or has one."""

    share: Share

    def run(self) -> None:
        """Answer it."""

    def refuse(self) -> None:
        """Answer that its share has no room for it."""

    def cancel(self) -> None:
        """Give it up: the server ends."""

    def describe(self) -> str:
        """Return what it is, for the log."""


class Source(Protocol):
    """What has requests, one after the other: waitress's channel."""

    def next_job(self) -> Job:
        """Return the one that is to be answered now."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A request that is not done.

    :param seconds: how long it has been running, or waiting.
    """

    job: Job
    share: str
    state: Literal["running", "waiting"]
    seconds: float


class _Worker:
    """A thread without work, and the door at which it waits for some."""

    __slots__ = ("_door", "_job")

    def __init__(self) -> None:
        self._door = Lock()
        self._door.acquire()
        self._job: Job | None = None

    def hand(self, job: Job | None) -> None:
        """Give it a job; ``None`` ends it."""
        self._job = job
        self._door.release()

    def wait(self, timeout: float | None) -> bool:
        """Wait for :meth:`hand`, and tell whether it came."""
        return self._door.acquire(timeout=-1 if timeout is None else timeout)

    def take(self) -> Job | None:
        """Return what was handed over."""
        job, self._job = self._job, None
        return job


class Pool:
    """Runs jobs in threads, in an order that is fair to their shares.

    The last thread that went idle is the first to work again. Those beyond *threads*
    are started when they are needed, and end when they have been idle for a while.

    :param threads: how many jobs run at a time, those aside that a share's right to
        one running job needs more threads for.
    :param most: how many run at a time with them.
    :param wake: called from any thread when :meth:`refused` has something to return.
    """

    def __init__(self, threads: int, most: int, wake: Callable[[], None]) -> None:
        self._usual = threads
        self._wake = wake
        self._lock = Lock()
        self._ended = Condition(self._lock)
        self._queues: FairQueues[Job] = FairQueues(threads, most)
        self._refused: deque[Job] = deque()
        # The last one in is the first one out: what it works with is still at hand.
        self._idle: list[_Worker] = []
        self._threads = 0
        self._started = 0
        self._stopping = False
        # What the loop has let run since its turn began, and whether a batch has left
        # jobs that may run for after it.
        self._starting: list[Job] = []
        self._batch: Batch[Job] = Batch(self._lock)
        self._left_over = False
        self.loop_thread: int | None = None
        """The thread that calls :meth:`start`, by its identifier."""
        for _ in range(threads):
            worker = _Worker()
            self._idle.append(worker)
            self._spawn(worker, None)

    @property
    def running(self) -> int:
        """How many jobs run: a client may have left its own."""
        return self._queues.running

    @property
    def unfinished(self) -> int:
        """How many jobs run or wait."""
        with self._lock:
            return self._queues.running + self._queues.queued + len(self._refused)

    def loads(self) -> Mapping[str, Load]:
        """Return the load of each share, by name."""
        with self._lock:
            return self._queues.loads()

    def add_task(self, source: Source) -> None:
        """Run a client's next request, now or when it is its turn; or refuse it."""
        job = source.next_job()
        with self._lock:
            verdict = self._queues.enter(job, job.share, monotonic())
            in_loop = get_ident() == self.loop_thread
            if verdict is Verdict.RUNS:
                if in_loop:
                    self._starting.append(job)
                else:
                    self._start(job)
            elif verdict is Verdict.WAITS:
                # What a batch has left goes first; or a reload may have given its share
                # more room than it had.
                if in_loop:
                    self._left_over = True
                else:
                    self._fill()
        if verdict is Verdict.REFUSED:
            self._refused.append(job)
            self._wake()

    def start(self) -> None:
        """Have the requests of a turn answered; in the loop, at the end of each.

        Threads that are woken one by one in between would be through with each request
        before the next is read, and would have to be woken for that one, too. Short
        requests are a batch.
        """
        if not (self._starting or self._left_over or self._queues.has_waiting):
            return
        with self._lock:
            now = monotonic()
            if self._left_over:
                self._left_over = False
                while (left := self._queues.take(now)) is not None:
                    self._starting.append(left)
            for job in self._starting:
                if not self._batch.take_in(job, now):
                    self._start(job)
            self._starting.clear()
            first = self._batch.begin(now)
            if first is not None:
                self._start(first)
            elif not self._batch.call(self._queues.waiting_shares(), now):
                return
        self._batch.wait(self._start)

    def discard(self, job: Job) -> bool:
        """Take a job back; tell whether it had not run yet."""
        with self._lock:
            return self._queues.discard(job, job.share)

    def refused(self) -> list[Job]:
        """Return the jobs that found no room, or that have waited for too long."""
        refused = []
        while self._refused:
            refused.append(self._refused.popleft())
        if not self._queues.has_waiting:
            return refused
        with self._lock:
            refused += [job for job, _ in self._queues.expire(monotonic())]
        return refused

    def seconds_to_next_expiry(self) -> float | None:
        """Return when to ask for :meth:`refused` again; ``None`` if none waits."""
        if self._left_over:
            return 0.0
        if not self._queues.has_waiting:
            return None
        with self._lock:
            expiry = self._queues.next_expiry()
        return None if expiry is None else max(expiry - monotonic(), 0.0)

    def list_unfinished(self) -> list[Unfinished]:
        """Return the jobs that run or wait, the oldest first."""
        now = monotonic()
        with self._lock:
            found = [
                Unfinished(job, share.name, "running", now - since)
                for job, share, since in self._queues.at_work()
            ]
            found += [
                Unfinished(job, share.name, "waiting", now - since)
                for job, share, since in self._queues.waiting()
            ]
        return sorted(found, key=lambda each: -each.seconds)

    def shutdown(self, timeout: float) -> None:
        """End the threads, and give up what is still waiting.

        :param timeout: how long to wait for those that work, in seconds.
        """
        with self._lock:
            self._stopping = True
            waiting = [(job, share) for job, share, _ in self._queues.waiting()]
            for job, share in waiting:
                self._queues.discard(job, share)
            while self._idle:
                self._idle.pop().hand(None)
            self._ended.wait_for(lambda: not self._threads, timeout)
        for job, _ in waiting:
            job.cancel()

    def _fill(self) -> None:
        """Run what may run."""
        while (job := self._queues.take(monotonic())) is not None:
            self._start(job)

    def _start(self, job: Job) -> None:
        if self._idle:
            self._idle.pop().hand(job)
            return
        try:
            self._spawn(_Worker(), job)
        except RuntimeError:  # The system has no more threads.
            self._threads -= 1
            self._queues.done(job)
            self._refused.append(job)
            self._wake()

    def _spawn(self, worker: _Worker, job: Job | None) -> None:
        self._threads += 1
        self._started += 1
        Thread(
            target=self._work,
            args=(worker, job),
            name=f"gateway-worker-{self._started}",
            daemon=True,
        ).start()

    def _work(self, worker: _Worker, job: Job | None) -> None:
        while True:
            if job is None:
                job = self._wait(worker)
                if job is None:
                    return
            started, busy = perf_counter(), thread_time()
            try:
                job.run()
            except BaseException:
                _log.exception("a request was not served")
            busy = thread_time() - busy
            # No frame of an idle thread has a job: it would keep all that the request
            # came by, a mount that has been replaced and its modules included.
            job = self._next(worker, job, perf_counter() - started, busy)

    def _next(
        self, worker: _Worker, done: Job, seconds: float, busy: float
    ) -> Job | None:
        """Return what the worker is to do now; ``None`` has it wait.

        :param seconds: how long the last job took.
        :param busy: for how much of that its thread computed.
        """
        with self._lock:
            now = monotonic()
            self._queues.done(done)
            was_member = self._batch.done(done, seconds, busy, now)
            job = None if self._stopping else self._take(was_member, now)
            self._batch.release()
            if self._stopping:
                worker.hand(None)
            elif job is None:
                self._idle.append(worker)
            return job

    def _take(self, was_member: bool, now: float) -> Job | None:
        """Return a job that is to run now.

        :param was_member: whether the worker's last one was of the batch.
        """
        job = self._batch.next() if was_member else None
        if job is not None:
            return job
        if not self._batch.leaves_room(was_member, now):
            self._left_over = self._left_over or self._queues.has_waiting
            return None
        job = self._queues.take(now)
        if job is not None:
            self._batch.join(job, now)
        return job

    def _wait(self, worker: _Worker) -> Job | None:
        """Wait for work, but not for long if there are more threads than usual."""
        surplus = self._threads > self._usual
        while not worker.wait(_LINGER if surplus else None):
            with self._lock:
                if self._threads > self._usual and worker in self._idle:
                    self._idle.remove(worker)
                    self._end()
                    return None
                # Others have gone, or it was given a job at the last moment.
                surplus = False
        job = worker.take()
        if job is None:
            with self._lock:
                self._end()
        return job

    def _end(self) -> None:
        self._threads -= 1
        self._ended.notify()
