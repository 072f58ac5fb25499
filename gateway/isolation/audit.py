"""Which mount has changed what of the process that all mounts share.

A snapshot is taken before a mount is loaded and another one afterwards; while mounts
serve, whenever somebody asks. What is looked at, and what is put back after a mount was
loaded because its neighbours would break else, is in
:mod:`gateway.isolation.audit_aspects`.

What a mount has of its own (its environment variables, its logging) is none of this.
"""

from __future__ import annotations

import locale
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import RLock
from types import MappingProxyType
from typing import Any, Final, Literal

from gateway.errors import LoadError
from gateway.isolation.audit_aspects import ASPECT_OF, ASPECTS

Phase = Literal["load", "serve"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the process at one moment, by the names of its aspects."""

    state: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """Something of the process that a mount has changed.

    :param mount: its name; ``one of a, b`` where it can be any of these.
    :param phase: whether it was loaded or served meanwhile.
    :param what: the aspect, such as ``working directory``.
    :param before: what there was, in words without values that may be secrets.
    :param after: what the mount made of it.
    :param put_back: whether it is again what it was.
    """

    mount: str
    phase: Phase
    what: str
    before: str
    after: str
    put_back: bool = False

    @property
    def cure(self) -> str:
        """What the application should do instead."""
        return ASPECT_OF[self.what].cure

    @property
    def told(self) -> str:
        """What has changed, and from what to what."""
        return f"{self.what} ({self.before} -> {self.after})"

    def __str__(self) -> str:
        subject = self.mount if " " in self.mount else f"mount {self.mount}"
        done = "while it was loaded" if self.phase == "load" else "while serving"
        end = " (put back)" if self.put_back else ""
        return f"{subject} changed {self.told} {done}{end}: {self.cure}"


def take() -> Snapshot:
    """Look at the process."""
    state = {aspect.what: aspect.read() for aspect in ASPECTS}
    return Snapshot(MappingProxyType(state))


def compare(
    before: Snapshot, after: Snapshot, mount: str, phase: Phase
) -> tuple[Change, ...]:
    """Return what differs between two snapshots, as the doing of *mount*."""
    changes = []
    for aspect in ASPECTS:
        found = aspect.compare(before.state[aspect.what], after.state[aspect.what])
        if found is not None:
            changes.append(Change(mount, phase, aspect.what, *found))
    return tuple(changes)


def put_back(change: Change, before: Snapshot) -> Change:
    """Undo *change* if that is safe; return it with word of whether it was done."""
    restore = ASPECT_OF[change.what].put_back
    if restore is None:
        return change
    try:
        restore(before.state[change.what])
    except (OSError, ValueError, locale.Error):
        # The folder is gone; or signals, which can be set in the main thread only.
        return change
    return replace(change, put_back=True)


def as_error(mount: str, changes: Iterable[Change]) -> LoadError:
    """Return the error that *changes* are for a mount with ``strict: true``."""
    listed = "; ".join(f"{change.told}: {change.cure}" for change in changes)
    return LoadError(
        mount,
        "it changes what all mounts of the process share, and 'strict: true' forbids "
        f"that: {listed}",
    )


class Audit:
    """Keeps account of what the mounts of one process change.

    Mounts are loaded one at a time. What other mounts, being served meanwhile, change
    in that time is taken for the doing of the one that is loaded.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        # Each once, however often it is done again.
        self._changes: dict[Change, None] = {}
        self._last: Snapshot | None = None
        self._serving = False
        # Found between two looks, because a mount was loaded then; of nobody yet.
        self._pending: list[Change] = []

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was found so far; of loading a mount, what its last time has changed."""
        with self._lock:
            return tuple(self._changes)

    def of(self, mount: str, phase: Phase | None = None) -> tuple[Change, ...]:
        """Return what *mount* alone has changed, in one phase or both."""
        return tuple(
            change
            for change in self.changes
            if change.mount == mount and phase in (None, change.phase)
        )

    def forget(self, mount: str) -> None:
        """Forget what loading *mount* has changed: it is loaded anew."""
        with self._lock:
            for change in self.of(mount, "load"):
                del self._changes[change]

    @contextmanager
    def loading(
        self, mount: str, undone: Collection[str] = ()
    ) -> Iterator[list[Change]]:
        """Load a mount within: what it changes is noted and, where safe, put back.

        Whether loading succeeds makes no difference. The list that this yields has the
        changes when it ends.

        :param undone: the aspects that the mount itself puts right when it is closed:
            they are not noted.
        """
        changes: list[Change] = []
        before = take()
        with self._lock:
            if self._serving and self._last is not None:
                self._pending += compare(self._last, before, "", "serve")
        try:
            yield changes
        finally:
            after = take()
            for change in compare(before, after, mount, "load"):
                if change.what not in undone:
                    changes.append(put_back(change, before))
            with self._lock:
                self.forget(mount)
                self._changes |= dict.fromkeys(changes)
                self._last = take() if changes else after

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Change within what the gateway itself has to change while mounts serve."""
        if not self._serving:
            yield
            return
        before = take()
        try:
            yield
        finally:
            with self._lock:
                if self._last is not None:
                    self._pending += compare(self._last, before, "", "serve")
                self._last = take()

    def start_serving(self) -> None:
        """Take the state as it is now for what the mounts find when they serve."""
        with self._lock:
            self._last = take()
            self._serving = True
            self._pending.clear()

    def serving_changes(self, ran: Collection[str]) -> tuple[Change, ...]:
        """Return what has changed since the last look; nothing is put back.

        :param ran: the names of the mounts that were called since then.
        """
        with self._lock:
            before, self._last = self._last, take()
            if before is None:
                return ()
            mount = _subject(ran)
            since = compare(before, self._last, mount, "serve")
            noted = [replace(change, mount=mount) for change in self._pending]
            self._pending.clear()
            found = dict.fromkeys([*noted, *since])
            self._changes |= found
        return tuple(found)


process_audit: Final = Audit()
"""The account of this process, for there is one process whose state it is."""


def _subject(ran: Collection[str]) -> str:
    if len(ran) == 1:
        return next(iter(ran))
    return f"one of {', '.join(sorted(ran))}" if ran else "none of the mounts"
