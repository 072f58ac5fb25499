"""Where calls wait for one another, so that overlapping needs no luck."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Condition
from typing import TypeAlias

Party: TypeAlias = tuple[str, int]
"""A mount's name, and which of its clients."""


class Rendezvous:
    """Holds each party of a wave until the others have come, or for a while.

    Who keeps the others waiting for longer than *timeout* is not waited for again.

    :param parties: who takes part.
    :param timeout: the longest wait, in seconds.
    """

    def __init__(self, parties: Iterable[Party], timeout: float) -> None:
        self._timeout = timeout
        self._awaited = set(parties)
        self._arrived: dict[int, set[Party]] = {}
        self._changed = Condition()

    def meet(self, party: Party, wave: int) -> None:
        """Wait until all parties have come to *wave*."""
        self.arrive(party, wave)
        self.wait(wave)

    def arrive(self, party: Party, wave: int) -> None:
        """Come to *wave*, and wait for nobody."""
        with self._changed:
            self._arrived.setdefault(wave, set()).add(party)
            self._changed.notify_all()

    def wait(self, wave: int) -> None:
        """Wait until all parties have come to *wave*, without being one of them."""
        with self._changed:
            arrived = self._arrived.setdefault(wave, set())
            met = self._changed.wait_for(
                lambda: self._awaited <= arrived, self._timeout
            )
            if not met:
                self._awaited &= arrived
                self._changed.notify_all()

    def excuse(self, party: Party) -> None:
        """Let nobody wait for *party* any more."""
        with self._changed:
            self._awaited.discard(party)
            self._changed.notify_all()
