"""What every scene needs: the served gateway, its clients, and the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol, TypeAlias

from gateway.lifecycle import Gateway
from gateway.proof.acts import Act
from gateway.proof.addresses import Address
from gateway.proof.client import Client, Reading
from gateway.proof.evidence import Answer
from gateway.proof.schedule import Limits
from gateway.proof.witness import PID, Witness

Job: TypeAlias = Callable[[], object]


class Progress(Protocol):
    """Is told how far the proof has come."""

    def __call__(self, scene: str, done: int, total: int) -> None:
        """Show that *done* of *total* requests were sent, the last ones in *scene*."""


def no_progress(scene: str, done: int, total: int) -> None:
    """Show nothing."""


@dataclass(slots=True)
class Stage:
    """The gateway while it is served.

    :param server: where it listens.
    :param targets: the mounts that are driven.
    :param threads: how many requests the server takes at a time.
    :param clients: the threads that clients run in, as many as the server has.
    :param total: how many requests there will be, for the progress.
    :param deadline: when no more requests are sent; ``time.monotonic()``.
    :ivar not_played: why something was left out, in words.
    :ivar unsent: the acts of the requests that time has left out.
    """

    gateway: Gateway
    witness: Witness
    server: tuple[str, int]
    targets: Mapping[str, Address]
    limits: Limits
    threads: int
    clients: Executor
    total: int
    progress: Progress
    deadline: float
    answers: dict[str, dict[int, Answer]] = field(default_factory=dict)
    not_played: list[str] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)
    _done: int = 0

    @property
    def mounts(self) -> list[str]:
        """The names of the mounts that are driven."""
        return list(self.targets)

    @property
    def time_is_up(self) -> bool:
        """Whether no more requests are to be sent."""
        return monotonic() >= self.deadline

    @property
    def left_out(self) -> tuple[str, ...]:
        """What was not done, and why, in words."""
        if not self.unsent:
            return tuple(self.not_played)
        total = len(self.unsent)
        acts = ", ".join(f"{act} {n}" for act, n in Counter(self.unsent).items())
        sent = f"{total} request{'' if total == 1 else 's'} had not been sent"
        return *self.not_played, f"time was up when {sent}: {acts}"

    def leave_out_slow(self) -> None:
        """Drive no further the mounts that made their clients wait too long."""
        slow = {
            name
            for name, answers in self.answers.items()
            if any(answer.slow for answer in answers.values())
        }
        for name in slow:
            self.not_played.append(
                f"mount {name} got no further requests, as its responses take too "
                "long: name a path with 'probe:' that answers at once"
            )
        self.targets = {
            name: each for name, each in self.targets.items() if name not in slow
        }

    def client(self, mount: str, limits: Limits | None = None) -> Client:
        """Return a new client of *mount*.

        :param limits: its own; by default those of all.
        """
        return Client(self.server, self.targets[mount], limits or self.limits)

    def get(
        self,
        mount: str,
        act: Act,
        *,
        reading: Reading = "all",
        headers: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """Send one request to *mount*; ``None`` if time is up."""
        if self.time_is_up:
            self.unsent.append(act.name)
            return None
        with closing(self.client(mount)) as client:
            return self.send(client, mount, act, reading=reading, headers=headers)

    def send(
        self,
        client: Client,
        mount: str,
        act: Act,
        *,
        number: int | None = None,
        reading: Reading = "all",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request with a *client* of *mount*."""
        if number is None:
            number = self.witness.number(mount, act)
        answer = client.get(
            number,
            {**self.witness.ticket(mount, number), **(headers or {})},
            act=act.name,
            reading=reading,
        )
        return self._keep(mount, answer)

    def subrequest(self, mount: str, act: Act) -> Answer:
        """Call *mount* in process, from within the call of another one."""
        number = self.witness.number(mount, act)
        address = self.targets[mount]
        status = pid = None
        try:
            with self.gateway.subrequest(
                address.path,
                headers={
                    "Host": f"{address.host}:{self.server[1]}",
                    **self.witness.ticket(mount, number),
                },
            ) as response:
                status, pid = response.status_code, response.headers.get(PID, type=int)
                problem = self._exhaust(response.iter_encoded())
        except Exception as error:
            problem = repr(error)
        return self._keep(mount, Answer(number, status, pid, problem, act=act.name))

    def together(self, jobs: Iterable[Job]) -> None:
        """Do all *jobs*, as many at a time as the server has threads."""
        for done in [self.clients.submit(job) for job in jobs]:
            done.result()

    def _exhaust(self, body: Iterator[bytes]) -> str | None:
        until, size = monotonic() + self.limits.body, 0
        for chunk in body:
            size += len(chunk)
            if monotonic() > until or size > self.limits.size:
                return "the response was still going on when it was left"
        return None

    def _keep(self, mount: str, answer: Answer) -> Answer:
        self.answers.setdefault(mount, {})[answer.number] = answer
        self._done += 1
        self.progress(answer.act, self._done, self.total)
        return answer
