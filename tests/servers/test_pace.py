"""Which shares' requests may be answered one after the other."""

from __future__ import annotations

import pytest

from gateway.servers.pace import Pace

LONG_AGO = 0.0


def noted(times: int, seconds: float, busy: float) -> Pace:
    pace = Pace()
    for _ in range(times):
        pace.note("a", seconds, busy, LONG_AGO)
    return pace


def test_a_share_is_tried_first() -> None:
    assert Pace().is_brisk("a", LONG_AGO)


@pytest.mark.parametrize(
    ("seconds", "busy"), [(0.0002, 0.0002), (0.0009, 0.0007), (0.00009, 0.00001)]
)
def test_short_requests_that_compute_are_brisk(seconds: float, busy: float) -> None:
    assert noted(500, seconds, busy).is_brisk("a", LONG_AGO)


@pytest.mark.parametrize(
    ("seconds", "busy"), [(0.0006, 0.0002), (1.0, 0.0001), (0.0015, 0.0015)]
)
def test_requests_that_wait_or_are_long_are_not(seconds: float, busy: float) -> None:
    pace = noted(100, seconds, busy)
    assert not pace.is_brisk("a", LONG_AGO)
    assert pace.is_brisk("b", LONG_AGO)
    assert pace.is_brisk("a", LONG_AGO + 2.0)


def test_one_request_that_the_system_has_held_up_says_nothing() -> None:
    pace = noted(200, 0.0002, 0.0002)
    pace.note("a", 5.0, 0.0002, LONG_AGO)
    assert pace.is_brisk("a", LONG_AGO)


def test_a_share_that_fails_again_and_again_is_tried_less_and_less() -> None:
    pace = Pace()
    now, held = 0.0, []
    for _ in range(8):
        pace.hold("a", now)
        since = now
        while not pace.is_brisk("a", now):
            now += 0.01
        held.append(round(now - since, 2))
    assert held[0] < 0.2
    assert held == sorted(held)
    assert held[-1] == pytest.approx(2.0, abs=0.02)
    for _ in range(101):
        pace.note("a", 0.0002, 0.0002, now)
    pace.hold("a", now)
    assert pace.is_brisk("a", now + 0.1)
