"""Waves: several clients to each mount, all at the same time, which meet inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from gateway.proof.acts import Act
from gateway.proof.client import Client
from gateway.proof.rendezvous import Party, Rendezvous
from gateway.proof.schedule import Limits, Schedule
from gateway.proof.stage import Stage
from gateway.proof.visit import Visit

# The wait when the applications have returned is shorter: it is for their sake that a
# call is late there.
_PATIENCE = 0.2


class Meeting(Act):
    """Has the calls of a wave wait for one another.

    :param parties: whose calls they are.
    """

    def __init__(
        self, schedule: Schedule, limits: Limits, parties: Iterable[Party]
    ) -> None:
        self._schedule = schedule
        everybody = list(parties)
        self._entry = Rendezvous(everybody, limits.meeting)
        self._leaving = Rendezvous(everybody, limits.meeting * _PATIENCE)

    def entered(self, visit: Visit) -> None:
        self._entry.meet(self._party(visit), self._wave(visit))

    def left(self, visit: Visit) -> None:
        # In the waves between, the calls end in whatever order they like.
        if self._wave(visit) % 2 == 0:
            self._leaving.meet(self._party(visit), self._wave(visit))

    def excuse(self, party: Party) -> None:
        """Let nobody wait for *party* any more."""
        self._entry.excuse(party)
        self._leaving.excuse(party)

    def _party(self, visit: Visit) -> Party:
        return self._schedule.party(visit.recording.meant, visit.recording.number)

    def _wave(self, visit: Visit) -> int:
        return self._schedule.wave(visit.recording.number)


def play(stage: Stage, schedule: Schedule) -> None:
    """Send every request of *schedule*; it has to be the first scene.

    Its requests are those that the counting of each mount begins with.
    """
    for group in schedule.groups(stage.mounts):
        parties = schedule.parties(group)
        meeting = Meeting(schedule, stage.limits, parties)
        for name in group:
            for _ in range(schedule.requests):
                stage.witness.number(name, meeting)
        clients = {party: stage.client(party[0]) for party in parties}
        _run(stage, schedule, clients, meeting)


def _run(
    stage: Stage, schedule: Schedule, clients: Mapping[Party, Client], meeting: Meeting
) -> None:
    """Run all *clients* at once, each in a thread of its own."""

    def run(party: Party) -> None:
        name, client = party
        try:
            _send(stage, name, schedule.numbers(client), clients[party], meeting)
        finally:
            clients[party].close()
            meeting.excuse(party)

    stage.together(partial(run, party) for party in clients)


def _send(
    stage: Stage, mount: str, numbers: Sequence[int], client: Client, meeting: Meeting
) -> None:
    """Send the requests one after another, until one fails."""
    for sent, number in enumerate(numbers):
        if stage.time_is_up:
            stage.unsent += [meeting.name] * (len(numbers) - sent)
            return
        answer = stage.send(client, mount, meeting, number=number)
        if answer.problem is not None:
            return
