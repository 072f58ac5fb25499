"""Endings: errors at every moment, and clients that leave in the middle."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gateway.proof.acts import Act, Leaving, Raising
from gateway.proof.client import Reading
from gateway.proof.evidence import DISCONNECTED, HALF_READ
from gateway.proof.looks import Moment
from gateway.proof.stage import Stage

# Each with how far the client reads.
ENDINGS: tuple[tuple[Callable[[], Act], Reading], ...] = (
    *(
        (partial(Raising, moment), "all")
        for moment in (Moment.ENTRY, Moment.RETURNED, Moment.STEP, Moment.CLOSE)
    ),
    (partial(Leaving, HALF_READ), "part"),
    (partial(Leaving, DISCONNECTED), "head"),
)


def play(stage: Stage) -> None:
    """Have a request to each mount end in each way."""
    stage.together(
        partial(stage.get, mount, make(), reading=reading)
        for make, reading in ENDINGS
        for mount in stage.mounts
    )
