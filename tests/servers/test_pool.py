"""How the threads share what the loop has read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gateway.config.spec import QueueSpec
from gateway.servers import batch as batch_module
from gateway.servers import pace
from gateway.servers.pool import Pool
from gateway.shares import Share


class Work:
    """A request, and the connection that it has come by."""

    def __init__(self, work: Callable[[], object], share: Share) -> None:
        self._work = work
        self.share = share
        self.done = threading.Event()
        self.thread = 0
        self.outcome = "waiting"

    def next_job(self) -> Work:
        return self

    def run(self) -> None:
        self.thread = threading.get_ident()
        self._work()
        self.outcome = "run"
        self.done.set()

    def refuse(self) -> None:
        self.outcome = "refused"

    def cancel(self) -> None:
        self.outcome = "cancelled"

    def describe(self) -> str:
        return "work"


SHARE = Share("a", QueueSpec(max_concurrency=8, queue=100, queue_timeout=60))


@contextmanager
def running(threads: int = 8) -> Iterator[Pool]:
    """Have a pool whose loop is this thread."""
    pool = Pool(threads, 64, lambda: None)
    pool.loop_thread = threading.get_ident()
    try:
        yield pool
    finally:
        pool.shutdown(10)


def add(pool: Pool, *work: Callable[[], object], share: Share = SHARE) -> list[Work]:
    jobs = [Work(each, share) for each in work]
    for job in jobs:
        pool.add_task(job)
    return jobs


def nothing() -> None:
    pass


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop wait for a batch whatever it takes."""
    monkeypatch.setattr(batch_module, "_STEP", 30.0)
    monkeypatch.setattr(batch_module, "_LONGEST", 30.0)


@pytest.fixture
def hasty(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no batch have time for what is queued."""
    monkeypatch.setattr(batch_module, "_LONGEST", -1.0)


@pytest.fixture
def unforgiving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not try shares again that have failed."""
    monkeypatch.setattr(pace, "_SHORTEST", 1800.0)
    monkeypatch.setattr(pace, "_LONGEST", 3600.0)


@pytest.mark.usefixtures("patient")
def test_a_batch_is_answered_in_one_thread_before_the_loop_goes_on() -> None:
    order: list[int] = []
    with running() as pool:
        jobs = add(pool, *[lambda n=n: order.append(n) for n in range(20)])
        pool.start()
        assert [job.outcome for job in jobs] == ["run"] * 20
        assert order == list(range(20))
        assert len({job.thread for job in jobs}) == 1
        assert pool.unfinished == 0
        assert pool.seconds_to_next_expiry() is None


def test_a_batch_in_which_one_waits_for_another_is_dissolved() -> None:
    go_on = threading.Event()
    with running() as pool:
        jobs = add(pool, lambda: go_on.wait(30), nothing, go_on.set)
        pool.start()
        assert all(job.done.wait(30) for job in jobs)
        assert jobs[0].thread != jobs[2].thread


@pytest.mark.usefixtures("unforgiving")
def test_requests_that_wait_get_a_thread_each_from_then_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on, meeting = threading.Event(), threading.Barrier(3)
    with running() as pool:
        waiting = add(pool, lambda: go_on.wait(30))
        pool.start()
        # A batch of these would not be dissolved before the barrier gives up.
        monkeypatch.setattr(batch_module, "_STEP", 3600.0)
        jobs = add(pool, *[lambda: meeting.wait(30)] * 3)
        pool.start()
        assert all(job.done.wait(60) for job in jobs)
        go_on.set()
        assert waiting[0].done.wait(30)


@pytest.mark.usefixtures("hasty")
def test_what_a_batch_has_no_time_for_is_left_to_the_next_turn() -> None:
    with running() as pool:
        jobs = add(pool, *[nothing] * 20)
        pool.start()
        assert [job.outcome for job in jobs] == ["run"] * 8 + ["waiting"] * 12
        # The loop is not to wait for its connections meanwhile.
        assert pool.seconds_to_next_expiry() == 0.0
        pool.start()
        assert [job.outcome for job in jobs] == ["run"] * 16 + ["waiting"] * 4
        pool.start()
        assert [job.outcome for job in jobs] == ["run"] * 20
        assert pool.seconds_to_next_expiry() is None


def test_a_job_that_fails_is_no_end_of_the_batch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise SystemExit

    with running() as pool:
        jobs = add(pool, fail, nothing)
        pool.start()
        assert jobs[1].done.wait(30)
    assert "a request was not served" in caplog.text


@pytest.mark.usefixtures("hasty")
def test_what_was_left_over_is_given_up_with_the_pool() -> None:
    with running() as pool:
        jobs = add(pool, *[nothing] * 10)
        pool.start()
    assert [job.outcome for job in jobs] == ["run"] * 8 + ["cancelled"] * 2


@pytest.mark.usefixtures("patient")
def test_a_batch_is_shorter_while_several_shares_have_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_module, "_SHARED", -1.0)
    monkeypatch.setattr(batch_module, "_SINCE", 3600.0)
    other = Share("b", QueueSpec(max_concurrency=8, queue=100, queue_timeout=60))
    with running() as pool:
        jobs = add(pool, *[nothing] * 20)
        pool.start()
        assert [job.outcome for job in jobs] == ["run"] * 20
        jobs = [*add(pool, nothing, share=other), *add(pool, *[nothing] * 19)]
        pool.start()
        assert [job.outcome for job in jobs] == ["run"] * 8 + ["waiting"] * 12


def test_a_batch_has_jobs_of_several_shares() -> None:
    other = Share("b", QueueSpec(max_concurrency=1, queue=1, queue_timeout=60))
    with running() as pool:
        first = add(pool, nothing, nothing)
        second = add(pool, nothing, nothing, nothing, share=other)
        pool.start()
        assert all(job.done.wait(30) for job in [*first, *second[:2]])
        assert pool.refused() == [second[2]]


ONE = Share("a", QueueSpec(max_concurrency=1, queue=100, queue_timeout=60))


def occupied(pool: Pool, until: threading.Event) -> Work:
    """Have a request of ``ONE`` running which is of no batch."""
    begun = threading.Event()

    def work() -> None:
        begun.set()
        until.wait(30)

    job = Work(work, ONE)
    # As a pipelined one, which its worker adds.
    thread = threading.Thread(target=pool.add_task, args=(job,))
    thread.start()
    thread.join()
    assert begun.wait(30)
    return job


@pytest.mark.usefixtures("patient")
def test_the_next_thread_that_is_free_answers_what_is_queued() -> None:
    go_on = threading.Event()
    with running() as pool:
        first = occupied(pool, go_on)
        jobs = add(pool, *[nothing] * 5, share=ONE)
        timer = threading.Timer(0.05, go_on.set)
        timer.start()
        pool.start()
        assert [job.outcome for job in jobs] == ["run"] * 5
        assert {job.thread for job in jobs} == {first.thread}
        timer.join()


@pytest.mark.usefixtures("unforgiving")
def test_the_loop_does_not_wait_long_for_a_thread_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()
    with running() as pool:
        occupied(pool, go_on)
        jobs = add(pool, nothing, nothing, share=ONE)
        pool.start()
        monkeypatch.setattr(batch_module, "_STEP", 3600.0)
        pool.start()  # It does not even try.
        assert [job.outcome for job in jobs] == ["waiting"] * 2
        assert pool.seconds_to_next_expiry() != 0.0
        go_on.set()
        assert all(job.done.wait(30) for job in jobs)


def test_the_threads_of_another_share_leave_the_interpreter_to_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_module, "_STEP", 30.0)
    monkeypatch.setattr(batch_module, "_SHARED", 30.0)
    other = Share("b", QueueSpec(max_concurrency=8, queue=100, queue_timeout=60))
    go_on = threading.Event()
    with running() as pool:
        first = occupied(pool, go_on)
        queued = add(pool, nothing, nothing, share=ONE)

        def let_it_go() -> None:
            go_on.set()
            while pool.loads()["a"].running:
                time.sleep(0.001)

        jobs = add(pool, let_it_go, nothing, share=other)
        pool.start()
        assert [job.outcome for job in [*jobs, *queued]] == ["run"] * 4
        assert {job.thread for job in queued} == {jobs[0].thread} != {first.thread}


def test_what_others_get_done_does_not_keep_a_batch_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_module, "_STEP", 0.05)
    monkeypatch.setattr(batch_module, "_LONGEST", 0.1)
    go_on, enough = threading.Event(), threading.Event()
    other = Share("b", QueueSpec(max_concurrency=8, queue=100, queue_timeout=60))
    with running() as pool:

        def again() -> None:
            # As with requests that a client has sent without waiting for answers.
            if not enough.is_set():
                pool.add_task(Work(again, other))

        chain = threading.Thread(target=again)
        jobs = add(pool, lambda: go_on.wait(30))
        chain.start()
        pool.start()
        outcome = jobs[0].outcome
        enough.set()
        go_on.set()
        chain.join()
        assert outcome == "waiting"
        assert jobs[0].done.wait(30)


def test_a_batch_that_takes_too_long_is_dissolved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_module, "_STEP", 0.1)
    monkeypatch.setattr(batch_module, "_LONGEST", 0.0)
    share = Share("a", QueueSpec(max_concurrency=40, queue=100, queue_timeout=60))
    with running(threads=40) as pool:
        jobs = add(pool, *[lambda: time.sleep(0.02)] * 40, share=share)
        pool.start()
        assert all(job.done.wait(30) for job in jobs)
    assert len({job.thread for job in jobs}) > 1
