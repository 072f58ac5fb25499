"""A generation: the mounts of one reading of the configuration, loaded.

The next one is loaded beside it. Mounts that have not changed are the same objects in
both; the others are new ones, with modules of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from time import monotonic, perf_counter
from types import MappingProxyType
from typing import Final, TypeAlias

from gateway.config.spec import AsgiTarget, CodeTarget, GatewaySpec, MountSpec
from gateway.errors import (
    GatewayError,
    LoadError,
    LoadErrors,
    NotAnApplicationError,
    is_for_the_server,
)
from gateway.failing import ALL_MUST_LOAD, Failure, Failures
from gateway.fingerprint import fingerprint
from gateway.isolation.venv import read_environment
from gateway.loaders.foreign import ForeignApplication
from gateway.loaders.load import close_quietly, load
from gateway.loaders.loaded import Loaded
from gateway.mount import Mount
from gateway.policies.slow import SlowWatch
from gateway.policies.stack import Stack, describe, stack
from gateway.probing import probe
from gateway.site import Mounted, MountPoint, Site
from gateway.types import WSGIApplication

_log = logging.getLogger("gateway.lifecycle")

# What a mount gets to close even when others have used up all the time, in seconds.
_LEAST_SHARE: Final = 0.1

Wrap: TypeAlias = Callable[[MountSpec, WSGIApplication], WSGIApplication]
Around: TypeAlias = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Member:
    """One mount of a generation.

    :param sources: the fingerprint of its sources; ``None`` where it has no code.
    :param generation: which of the mount's module namespaces it has; ``None`` if none.
    :param failure: what serves in its place, as it did not load.
    """

    spec: MountSpec
    loaded: Loaded
    mount: Mount
    sources: str | None
    generation: int | None = None
    failure: Failure | None = None

    @property
    def policies(self) -> tuple[str, ...]:
        """What is done around its application, the outermost first."""
        return describe(self.spec.policies)

    @property
    def reloadable(self) -> bool:
        """Whether it can be loaded anew in this process."""
        if self.failure is not None:
            return True
        code = isinstance(self.spec.target, CodeTarget)
        return not code or self.loaded.namespace is not None

    def has_changed(self, spec: MountSpec) -> bool:
        """Tell whether *spec*, or what its sources are now, is another mount."""
        if self.failure is not None:
            return True
        # Where it stands in the file makes no difference, and the server, not the
        # mount, has its queue.
        own = self.spec
        if replace(spec, place=own.place, queueing=own.queueing) != own:
            return True
        return self.sources is not None and self.sources != _sources(spec)


Members: TypeAlias = Mapping[str, Member]


def outdated(members: Members) -> Members:
    """Return *members* as if the sources of all that can be loaded anew had changed."""
    return {
        # No fingerprint is empty.
        name: replace(member, sources="") if member.reloadable else member
        for name, member in members.items()
    }


def gone(old: Members, new: Members) -> list[Mount]:
    """Return the mounts of *old* that are not in *new*."""
    kept = {id(member.mount) for member in new.values()}
    return [each.mount for each in old.values() if id(each.mount) not in kept]


class Loader:
    """Loads generations.

    :param site: what the mounts know of each other.
    :param inside: wraps each mount's application where its context is pushed.
    :param loading: called with each mount's name; what it returns is entered while that
        mount is loaded.
    :param failures: what becomes of mounts that do not load.
    """

    def __init__(
        self,
        site: Site,
        inside: Wrap | None,
        loading: Around,
        failures: Failures = ALL_MUST_LOAD,
    ) -> None:
        self.slow = SlowWatch()
        self._site = site
        self._inside = inside
        self._loading = loading
        self._failures = failures
        # What the process has imported once it has for good: a mount that is removed
        # and comes back is as old as its modules.
        self._imported: dict[Path, str | None] = {}
        # The last module namespace that each mount had. None is ever used again, also
        # if the mount was removed meanwhile: its old code may still ask for modules.
        self._generations: dict[str, int] = {}

    def load(self, spec: GatewaySpec, previous: Members) -> Members:
        """Load what *spec* describes and is not in *previous* already.

        :raises LoadErrors: mounts could not be loaded; every one was tried, and those
            that did load are closed again.
        """
        members: dict[str, Member] = {}
        errors: list[LoadError] = []
        with ExitStack() as on_failure:
            # Also when a signal ends the loading.
            on_failure.callback(
                lambda: close_within(spec.server.drain_timeout, gone(members, previous))
            )
            first = _First()
            for mount_spec in spec.mounts:
                name = mount_spec.name
                old = previous.get(name)
                try:
                    members[name] = self._checked(mount_spec, spec, old, first)
                except LoadError as error:
                    # A mount that is new to a gateway which serves has to load.
                    served = bool(previous) if old is None else old.failure is None
                    failure = self._failures.stand_in(mount_spec, error, served)
                    if failure is None:
                        errors.append(error)
                    else:
                        members[name] = self._failed(mount_spec, failure)
            if errors:
                kinds = {name: each.mount.kind for name, each in members.items()}
                raise LoadErrors(errors, kinds)
            on_failure.pop_all()
        return MappingProxyType(members)

    def retry(self, name: str, spec: GatewaySpec, members: Members) -> Members:
        """Load a mount again that has failed.

        :returns: all of *members*, with the new one.
        :raises LoadError: it fails again.
        """
        (mount_spec,) = (each for each in spec.mounts if each.name == name)
        first = _First()
        for other, member in members.items():
            if other != name:
                first.check(other, member.loaded)
        member = self._checked(mount_spec, spec, members[name], first)
        return MappingProxyType({**members, name: member})

    def _checked(
        self, spec: MountSpec, whole: GatewaySpec, old: Member | None, first: _First
    ) -> Member:
        try:
            member = self._member(spec, whole, old)
            try:
                first.check(spec.name, member.loaded)
            except GatewayError:
                if member is not old:
                    close_within(whole.server.drain_timeout, [member.mount])
                raise
        except LoadError:
            raise
        except GatewayError as error:
            raise LoadError(spec.name, str(error)) from error
        return member

    def _failed(self, spec: MountSpec, failure: Failure) -> Member:
        """Return what stands in for a mount that did not load."""
        target = spec.target
        loaded = Loaded(
            ForeignApplication(spec.name, {}),
            failure,
            kind="asgi" if isinstance(target, AsgiTarget) else "wsgi",
            source=str(getattr(target, "reference", spec.name)),
            slash=False,
        )
        mount = self._mount(spec, loaded, Stack(failure), 0.0)
        return Member(spec, loaded, mount, None, failure=failure)

    def _member(
        self, spec: MountSpec, whole: GatewaySpec, old: Member | None
    ) -> Member:
        if old is not None and (not old.reloadable or not old.has_changed(spec)):
            return old
        last = self._generations.get(spec.name)
        generation = None if last is None else last + 1
        with self._loading(spec.name), ExitStack() as on_failure:
            started = perf_counter()
            # Before they are read: what is edited meanwhile is a change.
            sources = _sources(spec)
            predecessor = None if old is None else old.loaded.namespace
            loaded = load(spec, whole.home, generation, predecessor)
            on_failure.callback(close_quietly, loaded)
            around = stack(spec, loaded.wsgi, self.slow)
            mount = self._mount(spec, loaded, around, perf_counter() - started)
            on_failure.pop_all()
            # From here on the mount closes all of it.
            on_failure.callback(close_within, whole.server.drain_timeout, [mount])
            generation = None
            if loaded.namespace is not None:
                generation = self._generations[spec.name] = loaded.namespace.generation
            if spec.probe is not None:
                probe(mount, spec.probe)
            on_failure.pop_all()
        if generation is None and isinstance(spec.target, CodeTarget):
            sources = self._first_sources(spec, spec.target, sources)
        return Member(spec, loaded, mount, sources, generation)

    def _first_sources(
        self, spec: MountSpec, target: CodeTarget, sources: str | None
    ) -> str | None:
        """Return what the sources were that the process has imported."""
        if target.imports != "shared":
            return None  # It is installed: no folder has what would be its sources.
        return self._imported.setdefault(target.path or spec.home, sources)

    def _mount(
        self, spec: MountSpec, loaded: Loaded, around: Stack, seconds: float
    ) -> Mount:
        wsgi = around.wsgi
        if self._inside is not None:
            wsgi = self._inside(spec, wsgi)
        mount = Mount(
            spec.name,
            spec.prefix,
            spec.host,
            kind=loaded.kind,
            source=loaded.source,
            application=loaded.application,
            wsgi=wsgi,
            native=loaded.native,
            slash=loaded.slash,
            load_seconds=seconds,
            framework_context=loaded.framework_context,
            close=_one_after_another(around.close, loaded.close),
        )
        loaded.application.mount = Mounted(
            point_of(mount), self._site, loaded.namespace, loaded.environ
        )
        return mount


def _one_after_another(
    first: Callable[[], None] | None, then: Callable[[], None] | None
) -> Callable[[], None] | None:
    """Return what calls both, also when one raises."""
    if first is None or then is None:
        return first or then
    others = then

    def close() -> None:
        try:
            first()
        finally:
            others()

    return close


def point_of(mount: Mount) -> MountPoint:
    """Return *mount* as its neighbours see it."""
    return MountPoint(mount.name, mount.prefix, mount.host, mount.kind)


def _sources(spec: MountSpec) -> str | None:
    if not isinstance(spec.target, CodeTarget):
        return None
    sources = fingerprint(spec.target.path or spec.home)
    if spec.target.venv is not None:
        sources += read_environment(spec.target.venv).fingerprint
    return sources


class _First:
    """The first mount that has what only one mount can have."""

    def __init__(self) -> None:
        self._served: dict[int, str] = {}
        self._exclusive: dict[str, str] = {}

    def check(self, name: str, loaded: Loaded) -> None:
        """Refuse what cannot stand beside the mounts before it.

        :raises NotAnApplicationError: it would share its application or its settings.
        """
        if loaded.served is not None:
            first = self._served.get(id(loaded.served))
            if first is not None:
                raise NotAnApplicationError(
                    name,
                    f"it is the same application object as mount {first!r}, so they "
                    "would share one context: name a factory in both, so that each "
                    "gets its own",
                )
        if loaded.exclusive is not None:
            first = self._exclusive.get(loaded.exclusive)
            if first is not None:
                raise NotAnApplicationError(
                    name,
                    f"mount {first!r} is a {loaded.exclusive} project already, and "
                    f"{loaded.exclusive} keeps its settings for the whole process: "
                    "serve this one from a process of its own, and mount that with "
                    "'proxy:'",
                )
        # Only one that stands itself can be in the way of others.
        if loaded.served is not None:
            self._served[id(loaded.served)] = name
        if loaded.exclusive is not None:
            self._exclusive[loaded.exclusive] = name


def close_all(mounts: Iterable[Mount]) -> None:
    for mount in reversed(list(mounts)):
        try:
            mount.close()
        except BaseException as error:
            if is_for_the_server(error):
                raise
            _log.exception("mount %s: closing failed", mount.name)


def close_within(timeout: float, mounts: Iterable[Mount]) -> tuple[str, ...]:
    """Close *mounts* in turn; return the names of those that are still at it.

    Each gets its share of the time that is left, so that one which hangs does not keep
    the others from closing at all.
    """
    deadline = monotonic() + timeout
    closing: dict[str, Thread] = {}
    waiting = list(mounts)
    while waiting:
        share = max(deadline - monotonic(), 0) / len(waiting)
        mount = waiting.pop()
        thread = Thread(
            target=copy_context().run,
            args=(close_all, [mount]),
            name=f"gateway-close-{mount.name}",
            daemon=True,
        )
        closing[mount.name] = thread
        thread.start()
        thread.join(max(share, _LEAST_SHARE))
    for thread in closing.values():
        thread.join(max(deadline - monotonic(), 0))
    late = tuple(name for name, thread in closing.items() if thread.is_alive())
    for name in late:
        _log.warning("mount %s: still closing after %.1fs: cut off", name, timeout)
    return late
