"""The clients: real sockets, several to each mount, all at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from time import monotonic
from typing import Final

from gateway._version import __version__
from gateway.config.spec import MountSpec
from gateway.paths import from_text, quote_path
from gateway.proof.evidence import Answer, Moment
from gateway.proof.record import Recording
from gateway.proof.rendezvous import Rendezvous
from gateway.proof.schedule import Limits, Schedule
from gateway.proof.witness import PID, Witness

_BLOCK: Final = 64 * 1024
# The wait when the applications have returned is shorter: it is for their sake that a
# call is late there.
_PATIENCE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Address:
    """Where a mount's root answers.

    :param host: what stands in the Host header, without a port.
    :param path: percent-encoded.
    """

    host: str
    path: str


def addresses(mounts: Sequence[MountSpec]) -> Mapping[str, Address]:
    """Return an address for each mount, by name, that no other mount answers at."""
    exact = {mount.host for mount in mounts if mount.host}
    return {
        mount.name: Address(
            _host(mount.host, exact), quote_path(from_text(mount.prefix)) + "/"
        )
        for mount in mounts
    }


def _host(pattern: str | None, exact: set[str]) -> str:
    if pattern is not None and not pattern.startswith("*."):
        return pattern
    if pattern is None:
        usual = next((host for host in ("localhost", "127.0.0.1") if host not in exact), None)
        if usual is not None:
            return usual
    # .invalid: RFC 2606 keeps it for names that surely do not exist.
    domain = ".invalid" if pattern is None else pattern[1:]
    label = "gateway-prove"
    while label + domain in exact:
        label += "-x"
    return label + domain


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
                if monotonic() > self.deadline:
                    break
                answers.append(self._answer(connection, number))
                if answers[-1].problem is not None:
                    break
        finally:
            connection.close()
        return answers

    def _answer(self, connection: HTTPConnection, number: int) -> Answer:
        host = f"{self.address.host}:{self.server[1]}"
        headers = {
            "Host": host,
            "Accept": "*/*",
            "User-Agent": f"gateway-prove/{__version__}",
            **self.ticket(number),
        }
        try:
            connection.request("GET", self.address.path, headers=headers)
            response = connection.getresponse()
        except TimeoutError:
            waited = f"no response within {self.limits.response:g} s"
            return Answer(number, problem=waited)
        except (OSError, HTTPException) as error:
            return Answer(number, problem=f"no response: {error!r}")
        pid = response.getheader(PID)
        problem = self._read(response)
        return Answer(number, response.status, int(pid) if pid else None, problem)

    def _read(self, response: HTTPResponse) -> str | None:
        """Read the body, so far as the limits allow; return why it was not read."""
        until, size = monotonic() + self.limits.body, 0
        try:
            while block := response.read1(_BLOCK):
                size += len(block)
                if monotonic() > until or size > self.limits.size:
                    return f"the response was still going on after {size} bytes"
        except TimeoutError:
            return f"the response stopped for {self.limits.response:g} s"
        except (OSError, HTTPException):
            return "the response was cut off in the middle"
        return None


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
        parties = schedule.parties(group)
        meetings = _meetings(witness, group, schedule, limits)

        def run(party: tuple[str, int], meetings: Sequence[Rendezvous] = meetings) -> list[Answer]:
            name, client = party
            try:
                return _Client(
                    server,
                    targets[name],
                    schedule.numbers(client),
                    lambda number: witness.ticket(name, number),
                    limits,
                    deadline,
                ).run()
            finally:
                for meeting in meetings:
                    meeting.excuse(party)

        with ThreadPoolExecutor(len(parties), "gateway-prove") as pool:
            for (name, _), found in zip(parties, pool.map(run, parties), strict=True):
                answers[name].update((answer.number, answer) for answer in found)
    return answers


def _meetings(
    witness: Witness, group: Sequence[str], schedule: Schedule, limits: Limits
) -> tuple[Rendezvous, Rendezvous]:
    """Have the calls to *group* wait for one another; return where they do."""
    parties = schedule.parties(group)
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
