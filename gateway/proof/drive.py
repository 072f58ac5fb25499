"""The clients: real sockets, several to each mount, all at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from time import monotonic
from typing import Final

from gateway._version import __version__
from gateway.config.spec import MountSpec
from gateway.dispatch.table import Route, Table
from gateway.paths import from_text, quote_path
from gateway.proof.evidence import Answer, Moment
from gateway.proof.record import Recording
from gateway.proof.rendezvous import Party, Rendezvous
from gateway.proof.schedule import Limits, Schedule
from gateway.proof.witness import PID, Witness

_BLOCK: Final = 64 * 1024
# The wait when the applications have returned is shorter: it is for their sake that a
# call is late there.
_PATIENCE: Final = 0.2
_GOING_ON: Final = "the response was still going on after"
_CUT_OFF: Final = "the response was cut off in the middle"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a mount's root answers.

    :param host: what stands in the Host header, without a port.
    :param path: percent-encoded.
    """

    host: str
    path: str


def addresses(mounts: Sequence[MountSpec]) -> Mapping[str, Address]:
    """Return an address for each mount, by name, which leads to that mount."""
    table = Table(
        Route(mount.host, from_text(mount.prefix), mount.name) for mount in mounts
    )
    return {mount.name: _address(mount, table) for mount in mounts}


def _address(mount: MountSpec, table: Table[str]) -> Address:
    path = from_text(mount.prefix) + "/"
    hosts = _hosts(mount.host)
    for host in hosts:
        route = table.resolve(host, path)
        if route is not None and route.target == mount.name:
            break
    else:
        # Nothing leads there; what answers instead will be seen.
        host = hosts[0]
    return Address(host, quote_path(path))


def _hosts(pattern: str | None) -> tuple[str, ...]:
    if pattern is None:
        # RFC 2606 keeps .invalid for names that surely do not exist.
        return "localhost", "127.0.0.1", "gateway-prove.invalid"
    if pattern.startswith("*."):
        return tuple(label + pattern[1:] for label in ("gateway-prove", "www", "a.b"))
    return (pattern,)


@dataclass(frozen=True, slots=True)
class _Client:
    """One client of one mount, with a connection of its own that is kept alive."""

    server: tuple[str, int]
    address: Address
    numbers: range
    ticket: Callable[[int], Mapping[str, str]]
    limits: Limits
    deadline: float

    def run(self) -> list[Answer]:
        """Send the requests one after another, until one fails."""
        connection = HTTPConnection(*self.server, timeout=self.limits.response)
        answers: list[Answer] = []
        try:
            for number in self.numbers:
                if monotonic() >= self.deadline:
                    break
                answers.append(self._answer(connection, number))
                if answers[-1].problem is not None:
                    break
        finally:
            connection.close()
        return answers

    def _answer(self, connection: HTTPConnection, number: int) -> Answer:
        try:
            response = self._send(connection, number)
        except TimeoutError:
            waited = f"no response within {self.limits.response:g} s"
            return Answer(number, problem=waited)
        except (OSError, HTTPException) as error:
            return Answer(number, problem=f"no response: {error!r}")
        pid = response.getheader(PID)
        problem = self._read(response)
        return Answer(number, response.status, int(pid) if pid else None, problem)

    def _send(self, connection: HTTPConnection, number: int) -> HTTPResponse:
        headers = {
            "Host": f"{self.address.host}:{self.server[1]}",
            "Accept": "*/*",
            "User-Agent": f"gateway-prove/{__version__}",
            **self.ticket(number),
        }
        used = connection.sock is not None
        try:
            connection.request("GET", self.address.path, headers=headers)
            return connection.getresponse()
        except ConnectionError:
            if not used:
                raise
        # RFC 9112, 9.3.1: the server may close a connection after any response; a
        # request that met its end is sent again on a new one.
        connection.close()
        connection.request("GET", self.address.path, headers=headers)
        return connection.getresponse()

    def _read(self, response: HTTPResponse) -> str | None:
        """Read the body, so far as the limits allow; return why it was not read."""
        until, size = monotonic() + self.limits.body, 0
        try:
            while block := response.read1(_BLOCK):
                size += len(block)
                if monotonic() > until:
                    return f"{_GOING_ON} {self.limits.body:g} s"
                if size > self.limits.size:
                    return f"{_GOING_ON} {self.limits.size} bytes"
            # Only this tells the connection that the next request may be sent.
            response.read()
        except TimeoutError:
            return f"the response stopped for {self.limits.response:g} s"
        except (OSError, HTTPException):
            return _CUT_OFF
        return _CUT_OFF if response.length else None


def drive(
    witness: Witness,
    server: tuple[str, int],
    targets: Mapping[str, Address],
    schedule: Schedule,
    limits: Limits,
) -> dict[str, dict[int, Answer]]:
    """Send every request of the schedule, and return the answers by mount and number.

    :param server: the address that the gateway is served at.
    :param targets: the mounts to send requests to.
    """
    answers: dict[str, dict[int, Answer]] = {name: {} for name in targets}
    deadline = monotonic() + limits.total
    for group in schedule.groups(list(targets)):
        clients = {
            (name, client): _Client(
                server,
                targets[name],
                schedule.numbers(client),
                partial(witness.ticket, name),
                limits,
                deadline,
            )
            for name, client in schedule.parties(group)
        }
        for (name, _), found in _run(
            clients, _meetings(witness, schedule, limits, clients)
        ):
            answers[name].update((answer.number, answer) for answer in found)
    return answers


def _run(
    clients: Mapping[Party, _Client], meetings: Sequence[Rendezvous]
) -> list[tuple[Party, list[Answer]]]:
    """Run all *clients* at once, each in a thread of its own."""

    def run(party: Party) -> tuple[Party, list[Answer]]:
        try:
            return party, clients[party].run()
        finally:
            for meeting in meetings:
                meeting.excuse(party)

    with ThreadPoolExecutor(len(clients), "gateway-prove") as pool:
        return list(pool.map(run, clients))


def _meetings(
    witness: Witness, schedule: Schedule, limits: Limits, parties: Iterable[Party]
) -> tuple[Rendezvous, Rendezvous]:
    """Have the calls of *parties* wait for one another; return where they do."""
    entry = Rendezvous(parties, limits.meeting)
    leaving = Rendezvous(parties, limits.meeting * _PATIENCE)

    def hold(recording: Recording, moment: Moment) -> None:
        wave = schedule.wave(recording.number)
        party = schedule.party(recording.meant, recording.number)
        if moment is Moment.ENTRY:
            entry.meet(party, wave)
        elif wave % 2 == 0:
            # In the waves between, the calls end in whatever order they like.
            leaving.meet(party, wave)

    witness.hold = hold
    return entry, leaving
