"""Environment variables: marks that each mount leaves, and who sees them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from secrets import token_hex

from gateway.config.spec import CodeTarget, MountSpec
from gateway.isolation.environ import current_overlay
from gateway.proof.looks import EnvironLook, Moment


class Environs:
    """Writes a marker into ``os.environ`` inside each mount, and looks for them.

    :param mounts: all mounts. Those without code have no variables of their own, so
        nothing is written there.
    """

    def __init__(self, mounts: Iterable[MountSpec]) -> None:
        # No run of the prover sees what another one may have left.
        prefix = f"GATEWAY_PROOF_{token_hex(4).upper()}_"
        self._mount_of: dict[str, str] = {}
        self._marker_of: dict[str, str] = {}
        self._given: dict[str, Mapping[str, str]] = {}
        for number, mount in enumerate(mounts, 1):
            self._given[mount.name] = mount.env
            if isinstance(mount.target, CodeTarget):
                self._marker_of[mount.name] = f"{prefix}{number}"
                self._mount_of[f"{prefix}{number}"] = mount.name

    def write_marker(self, mount: str) -> None:
        """Set the variable of *mount*, as its application would do it."""
        marker = self._marker_of.get(mount)
        if marker is not None:
            os.environ[marker] = mount

    def markers(self) -> tuple[str, ...]:
        """Return the mounts whose markers ``os.environ`` shows here."""
        return tuple(
            mount
            for variable, mount in self._mount_of.items()
            if os.environ.get(variable) is not None
        )

    def look(self, moment: Moment, mount: str) -> EnvironLook:
        """Return what ``os.environ`` shows here, in a call of *mount*."""
        differing = self._differing(mount) if moment is Moment.ENTRY else ()
        return EnvironLook(moment, self.markers(), differing)

    def remove_markers(self) -> None:
        """Remove from the environment of the process what got there."""
        for variable in self._mount_of:
            os.environ.pop(variable, None)

    def _differing(self, mount: str) -> tuple[str, ...]:
        """Return, in words, the variables with a value that belongs elsewhere.

        Any other value is the application's own doing: it may set its variables.
        """
        overlay = current_overlay()
        # What the application has removed itself is missing for good reason.
        own = {} if overlay is None else overlay.changes()
        found = []
        for name, value in self._given[mount].items():
            here = os.environ.get(name)
            if here == value:
                continue
            others = [
                other
                for other, given in self._given.items()
                if other != mount and here is not None and given.get(name) == here
            ]
            if others:
                found.append(f"{name} had the value that mount {others[0]!r} is given")
            elif name not in own:
                found.append(f"{name} had not the value that gateway.yaml gives it")
        return tuple(found)
