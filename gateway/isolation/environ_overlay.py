"""One mount's view of the environment variables, and which view is current.

An overlay keeps two things, as CPython does for a process: what Python code sees in
``os.environ``, and what children are started with. ``os.environ[name] = value`` writes
both, ``os.putenv`` the second only. Each is a layer of changes over the environment of
the process, which shows through, live, wherever the mount has changed nothing.

A change is one operation on a dictionary, so reading needs no lock. Deleting first
looks whether there is something to delete, and does that under a lock.
"""

from __future__ import annotations

import os
from collections.abc import (
    ItemsView,
    Iterator,
    KeysView,
    Mapping,
    MutableMapping,
    ValuesView,
)
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context, ContextVar
from threading import RLock
from typing import Any, Final, NamedTuple

from gateway.context import AppContext, current_app_context
from gateway.errors import GatewayError
from gateway.isolation.begun import Begun

# The object, not the name: a test may put a dictionary in its place for a while.
process_environ: Final = os.environ

_UNCHANGED: Final = object()
_deleting: Final = RLock()

# A child must not begin with a lock that a thread of its parent holds.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_deleting.acquire,
        after_in_parent=_deleting.release,
        after_in_child=_deleting.release,
    )


class VariableError(GatewayError, ValueError):
    """An environment variable cannot have this name or this value."""


class Overlay(MutableMapping[bytes, bytes]):
    """The environment variables of one mount, encoded as the process keeps its own.

    :param values: what the mount has to begin with, over what the process has.
    :param name: the mount's name, for people.
    :param begun: what else the mount's code leaves in the process.
    :raises VariableError: no variable can have this name or value.
    """

    __slots__ = ("_inherited", "_seen", "begun", "name", "records")

    def __init__(
        self,
        values: Mapping[str, str] | None = None,
        name: str = "",
        begun: Begun | None = None,
    ) -> None:
        self.name = name
        self.begun = Begun(name) if begun is None else begun
        #: Where the mount's code is for logging: a ``Where`` of ``logs_overlay``, once
        #: it has a configuration of its own. Here, for its threads have this overlay.
        self.records: Any = None
        # For each variable that was changed, its value; None where it was deleted.
        self._seen: dict[bytes, bytes | None] = {}
        for variable, value in (values or {}).items():
            encoded_name, encoded_value = _encode(variable, value)
            self._seen[encoded_name] = encoded_value
        self._inherited = self._seen.copy()

    def active(self) -> AbstractContextManager[None]:
        """Make this the current overlay; a mount entered meanwhile has its own."""
        return activate(self)

    def changes(self) -> dict[str, str | None]:
        """Return what differs by intent from the process; ``None`` means deleted."""
        return {
            os.fsdecode(name): None if value is None else os.fsdecode(value)
            for name, value in self._seen.copy().items()
        }

    def for_children(self) -> dict[bytes, bytes] | None:
        """Return what a child is started with; ``None`` for what the process has."""
        return _applied(self._inherited) if self._inherited else None

    def put(self, name: bytes, value: bytes | None) -> None:
        """Change what children are started with; ``None`` deletes."""
        self._inherited[name] = value

    # What os.environ is made of

    def __getitem__(self, key: bytes) -> bytes:
        value: Any = self._seen.get(key, _UNCHANGED)
        if value is _UNCHANGED:
            return process_data()[key]
        if value is None:
            raise KeyError(key)
        return value  # type: ignore[no-any-return]

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._seen[key] = value

    def __delitem__(self, key: bytes) -> None:
        with _deleting:
            if key not in self:
                raise KeyError(key)
            self._seen[key] = None

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.copy())

    def __len__(self) -> int:
        return len(self.copy())

    def copy(self) -> dict[bytes, bytes]:
        """Return the variables as they are now."""
        return _applied(self._seen)

    def keys(self) -> KeysView[bytes]:
        return self.copy().keys()

    def values(self) -> ValuesView[bytes]:
        return self.copy().values()

    def items(self) -> ItemsView[bytes, bytes]:
        return self.copy().items()

    def __repr__(self) -> str:
        # Without the values, which are nobody else's business.
        return f"<Overlay of {self.name!r}>"


def process_data() -> dict[bytes, bytes]:
    """Return the variables of the process: what ``os.environ`` keeps, live."""
    data: dict[bytes, bytes] = process_environ.__dict__["_data"]
    return data


def _applied(changes: dict[bytes, bytes | None]) -> dict[bytes, bytes]:
    result = process_data().copy()
    for name, value in changes.copy().items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def _encode(name: str, value: str) -> tuple[bytes, bytes]:
    if not name or "=" in name or "\0" in name:
        raise VariableError(
            f"no environment variable can have the name {name!r}: use one that is not "
            "empty and has neither '=' nor NUL in it"
        )
    if "\0" in value:
        raise VariableError(
            f"the environment variable {name!r} cannot have a value with NUL in it: "
            "remove it, or encode the value"
        )
    environ: Any = process_environ
    try:
        return environ.encodekey(name), environ.encodevalue(value)
    except UnicodeEncodeError as error:
        raise VariableError(
            f"the environment variable {name!r} cannot be encoded: {error}. Use "
            "characters of the file system's encoding"
        ) from error


# Which overlay is current


class _Claim(NamedTuple):
    """An overlay made current, or the lack of one, while *context* is on top."""

    overlay: Overlay | None
    context: AppContext | None


_claim: Final[ContextVar[_Claim | None]] = ContextVar("gateway.environ", default=None)


# Bound once, for os.environ asks them at each access.
claimed: Final = _claim.get
app_context: Final = current_app_context.get


@contextmanager
def activate(overlay: Overlay | None) -> Iterator[None]:
    """Make *overlay* the current one; ``None`` for the environment of the process.

    A mount that is entered meanwhile has its own.
    """
    token = _claim.set(_Claim(overlay, app_context(None)))
    try:
        yield
    finally:
        _claim.reset(token)


def bare_context() -> Context:
    """Return an empty execution context in which the current overlay is current.

    It is what a thread of its own begins with: whose it is, and no request.
    """
    context = Context()
    overlay = current_overlay()
    if overlay is not None:
        context.run(_claim.set, _Claim(overlay, None))
    return context


def overlay_of(application: object) -> Overlay | None:
    """Return the overlay of the mount that has *application*, if there is one."""
    found = getattr(getattr(application, "mount", None), "environ", None)
    return found if isinstance(found, Overlay) else None


def current_overlay() -> Overlay | None:
    """Return the overlay of what was entered last; ``None`` for the process.

    It is looked up when it is needed, so that entering a mount costs nothing.
    """
    claim = claimed()
    context = app_context(None)
    while context is not None:
        if claim is not None and claim.context is context:
            return claim.overlay
        overlay = overlay_of(context.app)
        if overlay is not None:
            return overlay
        # An application that no gateway has mounted, inside of one that is.
        context = context.below
    return None if claim is None else claim.overlay
