"""Gathers the evidence: the gateway is loaded, prepared, served and driven."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from time import monotonic
from typing import Any

from gateway.config.spec import CodeTarget, GatewaySpec
from gateway.generation import Around
from gateway.isolation.audit import Change, Snapshot, compare, process_audit, take
from gateway.isolation.audit_aspects import ASPECT_OF
from gateway.lifecycle import Gateway
from gateway.mount import Mount
from gateway.proof import configs
from gateway.proof.addresses import addresses
from gateway.proof.claims import process
from gateway.proof.environs import Environs
from gateway.proof.evidence import (
    Alias,
    Call,
    Case,
    Evidence,
    Module,
    Reloading,
    Subject,
)
from gateway.proof.identity import Identities
from gateway.proof.modules import Modules
from gateway.proof.scenes import endings, jars, nested, reload, waves
from gateway.proof.schedule import Limits, Schedule
from gateway.proof.sight import Sight, names
from gateway.proof.stage import Progress, Stage
from gateway.proof.visit import Senses
from gateway.proof.witness import Witness
from gateway.servers.waitress import running


class Gathering:
    """One gathering of evidence.

    :param chosen: the names of the mounts that are driven.
    """

    def __init__(
        self,
        spec: GatewaySpec,
        chosen: Sequence[str],
        schedule: Schedule,
        limits: Limits,
        progress: Progress,
    ) -> None:
        self._spec = _unlimited(spec)
        self._chosen = chosen
        self._schedule = schedule
        self._limits = limits
        self._progress = progress
        self._spec_of = {mount.name: mount for mount in spec.mounts}
        self._identities = Identities()
        given = {mount.name: mount.config for mount in spec.mounts}
        self._environs = Environs(spec.mounts)
        self._modules = Modules(self._identities, spec.mounts)
        self._senses = senses = Senses(
            Sight(self._identities, given), self._environs, self._modules
        )
        self._witness = Witness(senses, self._identities)
        self._subjects: dict[str, list[Subject]] = {name: [] for name in chosen}
        self._undo = ExitStack()
        self._watched: set[int] = set()
        # What was found out of the mounts, of those before the reload too.
        self._aliases: dict[Alias, None] = {}
        self._own_modules: dict[Module, None] = {}
        self._markers: set[str] = set()
        self._left: tuple[Change, ...] = ()
        self._changes: dict[Change, None] = {}
        self._reloading: Reloading | None = None

    def run(self, loading: Around) -> Evidence:
        """Load the gateway, serve it, and return what was seen."""
        before = take()
        witness = self._witness
        gateway = Gateway(
            self._spec, inside=witness.inside, outside=witness.outside, loading=loading
        )
        try:
            self._left = self._left_changed(before)
            with self._undo:
                self._undo.callback(self._environs.remove_markers)
                self._prepare(gateway.mounts)
                stage = self._serve(gateway)
                self._look_over(gateway.mounts)
            return self._evidence(stage)
        finally:
            gateway.close(self._limits.drain)

    def _evidence(self, stage: Stage) -> Evidence:
        calls = self._witness.recorder.calls()
        return Evidence(
            cases=tuple(self._case(name, calls, stage) for name in self._chosen),
            aliases=tuple(self._aliases),
            pid=os.getpid(),
            groups=self._schedule.groups(self._chosen),
            process_changes=tuple(self._changes),
            left_changed=self._left,
            process_markers=frozenset(self._markers),
            modules=tuple(self._own_modules),
            misplaced=tuple(self._modules.misplaced()),
            reloading=self._reloading,
            not_played=stage.left_out,
        )

    def _left_changed(self, before: Snapshot) -> tuple[Change, ...]:
        """Return what is put back after loading, and was not."""
        changes = []
        for change in compare(before, take(), "", "load"):
            if ASPECT_OF[change.what].put_back is None:
                continue
            owners = [
                name
                for name in self._spec_of
                if any(
                    each.what == change.what for each in process_audit.of(name, "load")
                )
            ]
            owner = owners[-1] if owners else "one of " + ", ".join(self._spec_of)
            changes.append(replace(change, mount=owner))
        return tuple(changes)

    def _note_process_changes(self) -> None:
        loading = [process_audit.of(name, "load") for name in self._chosen]
        serving = process_audit.serving_changes(self._chosen)
        self._changes |= dict.fromkeys((*chain.from_iterable(loading), *serving))

    def _prepare(self, mounts: Mapping[str, Mount]) -> None:
        """Have the applications show what the witnesses look for; undone at the end."""
        self._modules.learn(mounts)
        for name, mount in mounts.items():
            watched = self._witness.frameworks.get(name)
            subject = self._subject(mount)
            if (name, subject.app) in self._senses.apps:
                continue  # a reload has kept it
            self._senses.apps.add((name, subject.app))
            if name in self._subjects:
                self._subjects[name].append(subject)
            functions = mount.application.teardown_appcontext_funcs
            functions.append(self._witness.torn_down)
            self._undo.callback(functions.remove, self._witness.torn_down)
            # An application of a library that a reload hands on is watched already.
            if watched is not None and watched.number not in self._watched:
                self._watched.add(watched.number)
                self._undo.enter_context(watched.watching())
        self._undo.enter_context(_marked(_configs(mounts)))

    def _look_over(self, mounts: Mapping[str, Mount]) -> None:
        """See what the mounts have together that they should not."""
        self._aliases |= dict.fromkeys(configs.find_aliases(_configs(mounts)))
        self._own_modules |= dict.fromkeys(self._modules.of(mounts))
        self._markers |= set(self._environs.markers())

    def _subject(self, mount: Mount) -> Subject:
        application = mount.application
        spec = self._spec_of[mount.name]
        code = isinstance(spec.target, CodeTarget)
        mounted: Any = application.mount
        watched = self._witness.frameworks.get(mount.name)
        return Subject(
            name=mount.name,
            prefix=mount.prefix,
            host=mount.host,
            kind=mount.kind,
            app=self._identities.number(application),
            config=self._identities.number(application.config),
            g_names=frozenset(names(application.app_ctx_globals_class())),
            strict=spec.strict,
            framework=None if watched is None else watched.number,
            framework_g_names=frozenset() if watched is None else watched.g_names,
            environ=code,
            modules=mounted is not None and mounted.namespace is not None,
            cookies=spec.cookies if code else None,
        )

    def _serve(self, gateway: Gateway) -> Stage:
        """Serve the gateway while the scenes play; then let every call end."""
        schedule, limits = self._schedule, self._limits
        every = addresses(self._spec.mounts)
        threads = max(
            len(schedule.parties(group)) for group in schedule.groups(self._chosen)
        )
        server_spec = replace(
            gateway.spec.server,
            host="127.0.0.1",
            port=0,
            # One for each client: whoever waits inside keeps no other from coming in.
            threads=threads,
            connection_limit=2 * threads + 10,
            idle_timeout=limits.total,
            drain_timeout=limits.drain,
        )
        with (
            running(gateway, server_spec) as server,
            ThreadPoolExecutor(threads, "gateway-prove") as clients,
        ):
            process_audit.start_serving()
            stage = Stage(
                gateway,
                self._witness,
                server.address,
                {name: every[name] for name in self._chosen},
                limits,
                threads,
                clients,
                self._total(),
                self._progress,
                monotonic() + limits.total,
            )
            self._play(stage)
        return stage

    def _play(self, stage: Stage) -> None:
        waves.play(stage, self._schedule)
        self._note_process_changes()
        if any(process.CLAIM.judge(self._evidence(stage))):
            # They may hold a lock, or be elsewhere: whoever waits inside of one for
            # another one might wait forever.
            stage.not_played.append(
                "the calls did not overlap in one process, so nothing more was done"
            )
            return
        stage.leave_out_slow()
        if stage.targets:
            self._play_rest(stage)

    def _play_rest(self, stage: Stage) -> None:
        endings.play(stage)
        nested.play(stage)
        nested.play_from_threads(stage)
        nested.play_from_greenlets(stage)
        with_cookies = self._with_cookies()
        jars.play(stage, [name for name in stage.mounts if name in with_cookies])
        self._look_over(stage.gateway.mounts)
        # Before the reload closes applications: that ends what they have started.
        self._note_process_changes()

        def took_over() -> None:
            self._prepare(stage.gateway.mounts)

        self._reloading = reload.play(stage, took_over)

    def _with_cookies(self) -> list[str]:
        return [
            name
            for name, subjects in self._subjects.items()
            if subjects[0].cookies not in (None, "shared")
        ]

    def _total(self) -> int:
        """Return how many requests there will be."""
        mounts = len(self._chosen)
        pairs = mounts * (mounts - 1) or 1
        scenes = len(endings.ENDINGS) + nested.OTHERS + reload.REQUESTS
        cookies = 2 * len(self._with_cookies())
        return mounts * (self._schedule.requests + scenes) + 3 * pairs + cookies

    def _case(self, name: str, calls: Iterable[Call], stage: Stage) -> Case:
        own = {call.number: call for call in calls if call.meant == name}
        return Case(tuple(self._subjects[name]), own, stage.answers.get(name, {}))


def _unlimited(spec: GatewaySpec) -> GatewaySpec:
    """Return *spec* without ``max_concurrency``.

    The prover holds more calls inside than clients may: past the limit the gateway
    rightly refuses a nested one, and nothing would be seen of its context.
    """
    mounts = (
        replace(mount, queueing=replace(mount.queueing, max_concurrency=None))
        for mount in spec.mounts
    )
    return replace(spec, mounts=tuple(mounts))


@contextmanager
def _marked(found: Mapping[str, MutableMapping[str, Any]]) -> Iterator[None]:
    configs.mark(found)
    try:
        yield
    finally:
        configs.unmark(found)


def _configs(mounts: Mapping[str, Mount]) -> dict[str, MutableMapping[str, Any]]:
    return {name: mount.application.config for name, mount in mounts.items()}
