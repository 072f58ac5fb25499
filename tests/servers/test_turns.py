"""Threads that take turns: what is short has one, what takes long has its own."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TypeAlias

import pytest

from gateway.config.spec import QueueSpec
from gateway.servers import pace, turns
from gateway.servers.turns import Turns
from gateway.shares import Share

TIME = 20.0

Serving: TypeAlias = Callable[[int], "Server"]


class Job:
    """What a thread is brought to run."""

    def __init__(self, work: Callable[[], object], share: str) -> None:
        self.work = work
        self.share = Share(share, QueueSpec())
        self.runs = 0
        self.thread = 0
        self.done = threading.Event()

    def run(self) -> None:
        self.runs += 1
        self.thread = threading.get_ident()
        self.work()
        self.done.set()


class Server:
    """Threads that take jobs from one queue, as those of granian do."""

    def __init__(self, threads: int) -> None:
        self.turns: Turns[Job] = Turns(Job.run)
        self._queue: SimpleQueue[tuple[Job, bool] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, daemon=True) for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _serve(self) -> None:
        while (found := self._queue.get()) is not None:
            job, is_here = found
            (self.turns.run_here if is_here else self.turns.run)(job)

    def bring(
        self,
        work: Callable[[], object] = lambda: None,
        share: str = "short",
        *,
        is_here: bool = False,
    ) -> Job:
        job = Job(work, share)
        self._queue.put((job, is_here))
        return job

    def end(self) -> None:
        """End the threads; those that wait are called back for it."""
        for _ in self._threads:
            self._queue.put(None)
        with self.turns._lock:
            self.turns._missing += len(self.turns._waiting)
            if self.turns._waiting:
                self.turns._waiting[0].wake()
        for thread in self._threads:
            thread.join(TIME)

    @property
    def waiting(self) -> int:
        """How many threads wait for one that leads."""
        return len(self.turns._waiting)


def finish(*jobs: Job) -> None:
    for job in jobs:
        assert job.done.wait(TIME)
        assert job.runs == 1


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIME
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


def held(server: Server, share: str = "short") -> tuple[Job, threading.Event]:
    """Have a job run until the event is set."""
    entered, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert go_on.wait(TIME)

    job = server.bring(hold, share)
    assert entered.wait(TIME)
    return job, go_on


def with_waiting(server: Server, number: int) -> list[Job]:
    """Have so many threads wait for one; return the jobs of all of them, done."""
    first, go_on = held(server)
    others = [server.bring() for _ in range(number)]
    until(lambda: server.waiting == number)
    assert not any(job.done.is_set() for job in others)
    go_on.set()
    finish(first, *others)
    return [first, *others]


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Return what makes a server of so many threads."""
    with ExitStack() as stack:

        def serve(threads: int) -> Server:
            server = Server(threads)
            stack.callback(server.end)
            return server

        yield serve


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no job for one that takes long, whatever else the machine does."""
    monkeypatch.setattr(turns, "_STEP", TIME)
    monkeypatch.setattr(pace.Pace, "note", lambda *noted: None)


@pytest.mark.usefixtures("patient")
def test_the_one_that_leads_runs_what_the_others_bring(
    serving: Serving,
) -> None:
    server = serving(4)
    first, *others = with_waiting(server, 3)
    assert {job.thread for job in others} == {first.thread}
    # And it goes on to: the others need not wake for it.
    finish(*(last := [server.bring() for _ in range(50)]))
    assert {job.thread for job in last} == {first.thread}
    assert server.waiting == 3


def test_one_that_hangs_loses_its_place(serving: Serving) -> None:
    server = serving(4)
    go_on = threading.Event()
    hanging = [server.bring(lambda: go_on.wait(TIME), f"hangs {n}") for n in range(3)]
    for _ in range(20):
        finish(server.bring())
    assert not any(job.done.is_set() for job in hanging)
    go_on.set()
    finish(*hanging, server.bring())
    assert len({job.thread for job in hanging}) == 3


def test_what_waits_behind_it_goes_first(serving: Serving) -> None:
    server = serving(3)
    hanging, go_on = held(server)
    # Both of the others wait, and nobody is left to bring anything.
    finish(server.bring(), server.bring())
    go_on.set()
    finish(hanging)


def test_jobs_known_to_wait_run_at_a_time(serving: Serving) -> None:
    server = serving(4)
    together = threading.Barrier(4)
    # It takes all four: each of the others finds the one before it held up.
    finish(*(server.bring(lambda: together.wait(TIME), "waits") for _ in range(4)))
    server.turns._pace.hold("waits", time.monotonic() + TIME)
    with pytest.MonkeyPatch.context() as context:
        context.setattr(turns, "_STEP", TIME)
        for _ in range(5):
            jobs = [server.bring(lambda: together.wait(TIME), "waits") for _ in "1234"]
            finish(*jobs)


@pytest.mark.usefixtures("patient")
def test_a_job_in_its_own_thread_leaves_one_to_the_server(
    serving: Serving,
) -> None:
    server = serving(3)
    with_waiting(server, 2)
    slow = threading.Event()
    bodies = []
    for left in (1, 0):
        bodies.append(server.bring(lambda: slow.wait(TIME), is_here=True))
        while server.waiting > left:
            time.sleep(0.002)
        finish(server.bring())
    slow.set()
    finish(*bodies)


def test_nothing_is_lost_and_nothing_is_run_twice(
    serving: Serving,
) -> None:
    server = serving(8)
    chance = random.Random(7)

    def work(seconds: float) -> Callable[[], object]:
        return lambda: time.sleep(seconds) if seconds else None

    jobs = []
    for number in range(3000):
        seconds = chance.choice([0, 0, 0, 0, 0, 0, 0.0005, 0.002, 0.01])
        share = chance.choice(["a", "b", "c"]) if seconds else "short"
        is_here = chance.random() < 0.1
        jobs.append(server.bring(work(seconds), share, is_here=is_here))
        if number % 100 == 0:
            time.sleep(0.02)
    finish(*jobs)
    assert Counter(job.runs for job in jobs) == {1: 3000}
    # All are back, or wait: one of them is there for what comes.
    until(lambda: server.turns._beside == 0)
    assert server.waiting < 8
    assert server.turns._missing == 0
    finish(server.bring())


def test_nobody_waits_while_nothing_happens(serving: Serving) -> None:
    server = serving(2)
    number = 0
    while not server.waiting:
        # One of the two leads, and the other one waits, unless it is late.
        number += 1
        go_on = threading.Event()
        first = server.bring(lambda go_on=go_on: go_on.wait(TIME), f"a {number}")
        second = server.bring()
        until(lambda second=second: server.waiting or second.done.is_set())
        go_on.set()
        finish(first, second)
    until(lambda: not server.waiting)


def test_jobs_beside_it_do_not_keep_a_hanging_one_in_its_place(
    serving: Serving,
) -> None:
    server = serving(4)
    hanging, go_on = held(server, "hangs")
    short = server.bring()
    while not short.done.is_set():
        # More often than the one that waits would look by itself.
        finish(server.bring(lambda: time.sleep(0.001), "body", is_here=True))
        assert not hanging.done.is_set()
    go_on.set()
    finish(hanging, short)


def test_one_that_is_late_for_its_place_may_go(serving: Serving) -> None:
    """The last job is run by a leader that has lost its place before it took it."""
    server = serving(2)
    subject = server.turns
    entered, go_on = threading.Event(), threading.Event()
    next_of = subject._run_next
    first = []

    def late(leader: turns._Leader) -> bool:
        if not first:
            first.append(leader)
            entered.set()
            assert go_on.wait(TIME)
        return next_of(leader)

    subject._run_next = late  # type: ignore[method-assign]
    held = server.bring(share="a")
    assert entered.wait(TIME)
    finish(server.bring(share="b"), held)
    go_on.set()
    finish(server.bring())
    until(lambda: (subject._beside, subject._missing, server.waiting) == (0, 0, 0))


def test_what_a_job_raises_costs_nobody_the_lead() -> None:
    subject: Turns[Job] = Turns(Job.run)
    for way in (subject.run, subject.run_here):
        with pytest.raises(ZeroDivisionError):
            way(Job(lambda: 1 // 0, "short"))
        subject.run(job := Job(lambda: None, "short"))
        assert job.runs == 1
    assert (subject._beside, subject._missing) == (0, 0)
