"""Which shares' requests are short and only compute: the others need a thread each."""

from __future__ import annotations

from typing import Final

# How long a share that has failed is not tried again, in seconds: at first, and at
# most. It doubles each time, unless so many requests in a row were as they should.
_SHORTEST: Final = 0.05
_LONGEST: Final = 2.0
_GOOD: Final = 100

# What one request adds to what is known of its share; and the most, in seconds, that
# one adds as waiting: the system may have had something else to do just then.
_WEIGHT: Final = 1 / 64
_MOST: Final = 0.001

# A share's requests wait if they do so for longer than this, in seconds, and for more
# than so much of the time that they compute.
_LEAST: Final = 0.0001
_PART: Final = 0.5

# They are not short if they compute for longer than this, in seconds. Some of it may be
# done without the interpreter, and then by several threads at a time.
_SHORT: Final = 0.001


class Pace:
    """What is known of the requests of each share; the caller has a lock around it.

    Short requests that only compute are through soonest one after the other, in one
    thread. Those that wait, for a database or for another server, need one each.
    """

    __slots__ = ("_shares",)

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}

    def is_brisk(self, share: str, now: float) -> bool:
        """Tell whether a share's requests are short and only compute, for all known."""
        known = self._shares.get(share)
        return known is None or now >= known.held_until

    def note(self, share: str, seconds: float, busy: float, now: float) -> None:
        """Note how long a request took that had the interpreter for itself.

        :param busy: for how much of that its thread computed, in seconds.
        """
        known = self._of(share)
        known.noted += 1
        waited = min(max(seconds - busy, 0.0), _MOST)
        known.waited += (waited - known.waited) * _WEIGHT
        known.busy += (busy - known.busy) * _WEIGHT
        waits = known.waited > _LEAST and known.waited > known.busy * _PART
        if waits or known.busy > _SHORT:
            self.hold(share, now)

    def hold(self, share: str, now: float) -> None:
        """Note that a share's requests are not brisk, for some time."""
        known = self._of(share)
        known.hold = _SHORTEST if known.noted > _GOOD else min(known.hold * 2, _LONGEST)
        known.held_until = now + known.hold
        known.noted, known.waited, known.busy = 0, 0.0, 0.0

    def _of(self, share: str) -> _Share:
        known = self._shares.get(share)
        if known is None:
            known = self._shares[share] = _Share()
        return known


class _Share:
    """What is known of one share.

    :ivar noted: how many of its requests were noted since it was held last.
    :ivar waited: how long they wait, a running mean in seconds.
    :ivar busy: how long they compute, likewise.
    :ivar hold: how long it was held last, in seconds.
    :ivar held_until: the end of that.
    """

    __slots__ = ("busy", "held_until", "hold", "noted", "waited")

    def __init__(self) -> None:
        self.noted = 0
        self.waited = 0.0
        self.busy = 0.0
        self.hold = _SHORTEST
        self.held_until = 0.0
