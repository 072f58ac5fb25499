"""The queues of the fair server, without threads or sockets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.spec import QueueSpec
from gateway.servers.fair import FairQueues, Verdict, ceil_three_quarters
from gateway.shares import Load, Share

RUNS, WAITS, REFUSED = Verdict.RUNS, Verdict.WAITS, Verdict.REFUSED


def share(name: str, *, vital: bool = False, **limits: Any) -> Share:
    return Share(name, QueueSpec(**limits), vital)


A, B, C = share("a"), share("b"), share("c")


def enter(queues: FairQueues[str], mount: Share, *jobs: str) -> list[Verdict]:
    return [queues.enter(job, mount, 0.0) for job in jobs]


def run_out(queues: FairQueues[str]) -> list[str]:
    """End each running job and start the next ones; return these in their order."""
    order = []
    while queues.running:
        oldest, _, _ = next(iter(queues.at_work()))
        queues.done(oldest)
        while (job := queues.take(0.0)) is not None:
            order.append(job)
    return order


def test_a_share_runs_as_many_as_it_may_and_the_others_wait() -> None:
    queues: FairQueues[str] = FairQueues(8, 8)
    two = share("a", max_concurrency=2)
    assert enter(queues, two, "1", "2", "3", "4") == [RUNS, RUNS, WAITS, WAITS]
    assert queues.take(0.0) is None
    queues.done("1")
    assert queues.take(0.0) == "3"
    assert queues.loads() == {"a": Load(running=2, queued=1, rejected=0)}


def test_a_share_leaves_a_quarter_of_the_threads_where_nothing_is_said() -> None:
    assert [ceil_three_quarters(n) for n in (1, 2, 3, 4, 8, 10)] == [1, 2, 3, 3, 6, 8]
    queues: FairQueues[str] = FairQueues(8, 8)
    assert enter(queues, A, *"123456") == [RUNS] * 6
    assert enter(queues, A, "7") == [WAITS]
    assert enter(queues, B, "8", "9") == [RUNS, RUNS]


def test_past_its_queue_a_share_refuses() -> None:
    queues: FairQueues[str] = FairQueues(8, 8)
    one = share("a", max_concurrency=1, queue=1)
    assert enter(queues, one, "1", "2", "3", "4") == [RUNS, WAITS, REFUSED, REFUSED]
    assert enter(queues, B, "5") == [RUNS]
    assert queues.loads()["a"] == Load(running=1, queued=1, rejected=2)


def test_without_a_queue_nothing_waits_but_what_may_run_does() -> None:
    queues: FairQueues[str] = FairQueues(8, 8)
    none = share("a", max_concurrency=1, queue=0)
    assert enter(queues, none, "1", "2") == [RUNS, REFUSED]
    queues.done("1")
    assert enter(queues, none, "3") == [RUNS]


def test_the_shares_take_turns() -> None:
    queues: FairQueues[str] = FairQueues(1, 1)
    enter(queues, A, "a0", "a1", "a2", "a3")
    enter(queues, B, "b1", "b2")
    enter(queues, C, "c1")
    assert run_out(queues) == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert not queues.queued


def test_the_first_of_a_share_runs_when_all_threads_are_held() -> None:
    queues: FairQueues[str] = FairQueues(2, 3)
    assert enter(queues, share("a", max_concurrency=2), "a1", "a2") == [RUNS, RUNS]
    assert enter(queues, B, "b1", "b2") == [RUNS, WAITS]
    # That was the last thread that there may be.
    assert enter(queues, C, "c1") == [WAITS]
    queues.done("b1")
    assert queues.take(0.0) == "b2"
    queues.done("b2")
    assert queues.take(0.0) == "c1"


def test_a_vital_share_always_runs_one() -> None:
    queues: FairQueues[str] = FairQueues(1, 1)
    admin = share("admin", vital=True)
    assert enter(queues, A, "a1") == [RUNS]
    assert enter(queues, admin, "1", "2") == [RUNS, WAITS]


def test_what_has_waited_too_long_is_taken_out() -> None:
    queues: FairQueues[str] = FairQueues(1, 1)
    short, long = share("a", queue_timeout=1.0), share("b", queue_timeout=5.0)
    queues.enter("a0", short, 0.0)
    assert queues.next_expiry() is None
    queues.enter("a1", short, 0.0)
    queues.enter("b1", long, 0.0)
    queues.enter("a2", short, 0.5)
    assert queues.next_expiry() == 1.0
    assert queues.expire(0.9) == []
    assert queues.expire(1.0) == [("a1", short)]
    assert queues.next_expiry() == 1.5
    assert queues.expire(9.0) == [("a2", short), ("b1", long)]
    assert queues.next_expiry() is None
    assert queues.loads()["a"] == Load(running=1, queued=0, rejected=2)
    queues.done("a0")
    assert queues.take(9.0) is None


def test_a_job_can_be_taken_back_while_it_waits() -> None:
    queues: FairQueues[str] = FairQueues(1, 1)
    enter(queues, A, "a0", "a1", "a2")
    assert queues.discard("a1", A)
    assert not queues.discard("a1", A)
    assert not queues.discard("a0", A)
    assert not queues.discard("x", B)
    assert [job for job, _, _ in queues.waiting()] == ["a2"]
    assert queues.discard("a2", A)
    queues.done("a0")
    assert queues.take(0.0) is None
    assert queues.loads() == {"a": Load(0, 0, 0)}


def test_new_limits_hold_from_the_next_job_on() -> None:
    queues: FairQueues[str] = FairQueues(8, 8)
    enter(queues, share("a", max_concurrency=1), "1", "2")
    wider = share("a", max_concurrency=3, queue=5)
    assert enter(queues, wider, "3") == [WAITS]
    assert [queues.take(0.0) for _ in range(3)] == ["2", "3", None]


SHARES = st.sampled_from(
    [
        share("a", max_concurrency=1, queue=2),
        share("b", max_concurrency=3, queue=0),
        share("c", queue=4),
        share("v", vital=True),
    ]
)
STEPS = st.lists(st.tuples(st.sampled_from(["enter", "done", "discard"]), SHARES))


@pytest.mark.parametrize(("threads", "most"), [(1, 1), (2, 3), (4, 4)])
@given(steps=STEPS)
def test_no_job_is_lost_and_no_limit_is_passed(
    threads: int, most: int, steps: list[tuple[str, Share]]
) -> None:
    queues: FairQueues[int] = FairQueues(threads, most)
    running: dict[int, str] = {}
    waiting: dict[int, Share] = {}
    for number, (step, mount) in enumerate(steps):
        if step == "enter":
            verdict = queues.enter(number, mount, number)
            if verdict is RUNS:
                running[number] = mount.name
            elif verdict is WAITS:
                waiting[number] = mount
        elif step == "done" and running:
            job = next(iter(running))
            del running[job]
            queues.done(job)
        elif step == "discard" and waiting:
            job, of = waiting.popitem()
            assert queues.discard(job, of)
        while (started := queues.take(number)) is not None:
            running[started] = waiting.pop(started).name
        assert queues.running == len(running)
        assert queues.queued == len(waiting)
        names = list(running.values())
        assert len([name for name in names if name != "v"]) <= max(threads, most)
        assert names.count("a") <= 1
        assert names.count("b") <= 3
        for of in waiting.values():
            # Nothing waits that has none running while a thread can be had.
            assert of.name in names or len(names) >= max(threads, most)
    while running:
        queues.done(running.popitem()[0])
        while (started := queues.take(0.0)) is not None:
            running[started] = waiting.pop(started).name
    assert not waiting
