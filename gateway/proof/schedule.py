"""Which request is sent when, by whom, and together with which others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gateway.proof.rendezvous import Party

CLIENTS: Final = 3
MOST_THREADS: Final = 48


@dataclass(frozen=True, slots=True)
class Limits:
    """How long anything may take, in seconds, so that nothing is waited for forever.

    :param meeting: how long a call waits inside for those of other mounts.
    :param response: how long a client waits for the next bytes.
    :param body: how long, and *size* how far in bytes, a client reads a body.
    :param total: after how long no more requests are sent.
    :param drain: how long calls may go on when all clients have gone.
    """

    meeting: float = 5.0
    response: float = 10.0
    body: float = 3.0
    size: int = 8 * 1024 * 1024
    total: float = 60.0
    drain: float = 3.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """The requests of each mount, dealt out to its clients in waves.

    :param requests: how many requests each mount gets, at least 2.
    :param clients: how many clients send them, at least 2: one request of the mount
        overlaps another.
    """

    requests: int
    clients: int

    @classmethod
    def of(cls, requests: int) -> Schedule:
        """Return the schedule for so many *requests*."""
        return cls(requests, min(CLIENTS, requests))

    def numbers(self, client: int) -> range:
        """The numbers of the requests that *client* sends, one in each wave."""
        return range(client + 1, self.requests + 1, self.clients)

    def party(self, mount: str, number: int) -> Party:
        """Who sends request *number* of *mount*."""
        return mount, (number - 1) % self.clients

    def wave(self, number: int) -> int:
        """When request *number* is sent: in the how-manieth wave, from 0."""
        return (number - 1) // self.clients

    def parties(self, mounts: Sequence[str]) -> list[Party]:
        """All who send requests to *mounts*."""
        return [(name, client) for name in mounts for client in range(self.clients)]

    def groups(self, mounts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Divide *mounts* evenly into groups that are driven one after another.

        Each call needs a thread of the server while it waits for the others.
        """
        most = MOST_THREADS // self.clients
        number = -(-len(mounts) // most)
        ends = [len(mounts) * index // number for index in range(number + 1)]
        return tuple(tuple(mounts[start:end]) for start, end in pairwise(ends))
