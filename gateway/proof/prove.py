"""The proof: load, serve, drive, and decide from what was seen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import chain
from time import perf_counter
from typing import Any, Final

from gateway.config.spec import GatewaySpec
from gateway.generation import Around
from gateway.isolation.audit import Change, process_audit
from gateway.lifecycle import Gateway
from gateway.mount import Mount
from gateway.proof import configs
from gateway.proof.drive import Address, addresses, drive
from gateway.proof.evidence import Answer, Call, Case, Evidence, Subject
from gateway.proof.identity import Identities
from gateway.proof.judge import judge
from gateway.proof.report import Report
from gateway.proof.schedule import Limits, Schedule
from gateway.proof.sight import Sight, names
from gateway.proof.witness import Witness
from gateway.servers.waitress import running
from gateway.site import UnknownMountError

REQUESTS: Final = 24


def prove(
    spec: GatewaySpec,
    mounts: Sequence[str] = (),
    *,
    requests: int = REQUESTS,
    limits: Limits | None = None,
    loading: Around = nullcontext,
) -> Report:
    """Serve a gateway on a free loopback port and decide the claims about its mounts.

    :param mounts: whose claims to decide, all by default. The others are loaded too.
    :param requests: how many each mount gets, at least 2.
    :param limits: how long anything may take.
    :param loading: what to enter while a mount of the given name is loaded.
    :raises UnknownMountError: there is no mount of such a name.
    :raises LoadErrors: applications could not be loaded.
    """
    started = perf_counter()
    known = {mount.name: mount for mount in spec.mounts}
    for name in mounts:
        if name not in known:
            raise UnknownMountError(name, known)
    chosen = [name for name in known if not mounts or name in mounts]
    schedule = Schedule.of(requests)
    evidence = _gather(spec, chosen, schedule, limits or Limits(), loading)
    return judge(evidence, schedule.requests, perf_counter() - started)


def _gather(
    spec: GatewaySpec,
    chosen: Sequence[str],
    schedule: Schedule,
    limits: Limits,
    loading: Around,
) -> Evidence:
    identities = Identities()
    given = {mount.name: mount.config for mount in spec.mounts}
    witness = Witness(Sight(identities, given))
    every = addresses(spec.mounts)
    targets = {name: every[name] for name in chosen}
    with Gateway(
        spec, inside=witness.inside, outside=witness.outside, loading=loading
    ) as gateway:
        strict = {mount.name: mount.strict for mount in spec.mounts}
        subjects = [
            _subject(gateway.mounts[name], identities, strict[name]) for name in chosen
        ]
        with _prepared(gateway.mounts, witness):
            answers = _serve(gateway, witness, targets, schedule, limits)
            found = configs.find_aliases(_configs(gateway.mounts))
        # Before the applications are closed: that ends what they have started.
        changes = _process_changes(chosen)
    calls = witness.recorder.calls()
    return Evidence(
        cases=tuple(_case(each, calls, answers[each.name]) for each in subjects),
        aliases=found,
        pid=os.getpid(),
        groups=schedule.groups(chosen),
        process_changes=changes,
    )


def _process_changes(driven: Sequence[str]) -> tuple[Change, ...]:
    serving = process_audit.serving_changes(driven)
    loading = [process_audit.of(name, "load") for name in driven]
    return (*chain.from_iterable(loading), *serving)


def _subject(mount: Mount, identities: Identities, strict: bool) -> Subject:
    application = mount.application
    return Subject(
        name=mount.name,
        prefix=mount.prefix,
        host=mount.host,
        kind=mount.kind,
        app=identities.number(application),
        config=identities.number(application.config),
        g_names=frozenset(names(application.app_ctx_globals_class())),
        strict=strict,
    )


@contextmanager
def _prepared(mounts: Mapping[str, Mount], witness: Witness) -> Iterator[None]:
    """Have the applications show what the witnesses look for; then undo it."""
    functions = [
        mount.application.teardown_appcontext_funcs for mount in mounts.values()
    ]
    for registered in functions:
        registered.append(witness.torn_down)
    configs.mark(_configs(mounts))
    try:
        yield
    finally:
        configs.unmark(_configs(mounts))
        for registered in functions:
            registered.remove(witness.torn_down)


def _configs(mounts: Mapping[str, Mount]) -> dict[str, MutableMapping[str, Any]]:
    return {name: mount.application.config for name, mount in mounts.items()}


def _serve(
    gateway: Gateway,
    witness: Witness,
    targets: Mapping[str, Address],
    schedule: Schedule,
    limits: Limits,
) -> dict[str, dict[int, Answer]]:
    """Serve the gateway while the clients run; then let every call come to its end."""
    threads = max(
        len(schedule.parties(group)) for group in schedule.groups(list(targets))
    )
    server_spec = replace(
        gateway.spec.server,
        host="127.0.0.1",
        port=0,
        # One for each client: whoever waits inside keeps no other from coming in.
        threads=threads,
        connection_limit=threads + 10,
        idle_timeout=limits.total,
        drain_timeout=limits.drain,
    )
    with running(gateway, server_spec) as server:
        process_audit.start_serving()
        return drive(witness, server.address, targets, schedule, limits)


def _case(
    subject: Subject, calls: Iterable[Call], answers: Mapping[int, Answer]
) -> Case:
    own = {call.number: call for call in calls if call.meant == subject.name}
    return Case(subject, own, answers)
