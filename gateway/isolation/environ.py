"""``os.environ`` as each mount has its own.

Not the object ``os.environ`` is exchanged but its class, so an ``environ`` that was
imported by name is reached too. The class differs from CPython's in where the
variables are kept: at each access, in the overlay of the mount that is being loaded or
served, or that has started the thread; in the process's dictionary where there is
none. All the rest is CPython's own code, and so are its errors.

``os.putenv`` and ``os.unsetenv``, which that code calls for each change, are led to
the overlay too; children and threads are led in the modules beside this one.

What this cannot reach: the environment that C code has (``getenv(3)``) stays the
process's.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, MutableMapping
from threading import RLock
from typing import Any, AnyStr, Final

from gateway.errors import GatewayError
from gateway.isolation.begun_functions import lead_begun
from gateway.isolation.environ_children import lead_children
from gateway.isolation.environ_overlay import (
    Overlay,
    VariableError,
    activate,
    app_context,
    bare_context,
    claimed,
    current_overlay,
    overlay_of,
    process_environ,
)
from gateway.isolation.environ_patches import Patches
from gateway.isolation.environ_threads import (
    GREENLETS,
    lead_greenlets,
    lead_threads,
    leave_greenlets,
)
from gateway.isolation.signals import lead_signals

__all__ = [
    "EnvironError",
    "Overlay",
    "VariableError",
    "activate",
    "bare_context",
    "current_overlay",
    "install",
    "overlay_of",
    "uninstall",
]


class EnvironError(GatewayError, RuntimeError):
    """``os.environ`` is not the object that Python made, so it cannot be led."""


class MountEnviron(os._Environ[AnyStr]):
    """What ``os.environ`` and ``os.environb`` are while overlays are installed."""

    @property
    def _data(self) -> MutableMapping[bytes, bytes]:
        # Nothing is entered: told here, without a further call, for the process's own
        # code is not to be slowed down.
        if claimed() is None and app_context(None) is None:
            return self.__dict__["_data"]  # type: ignore[no-any-return]
        overlay = current_overlay()
        return self.__dict__["_data"] if overlay is None else overlay

    @_data.setter
    def _data(self, data: MutableMapping[bytes, bytes]) -> None:
        overlay = current_overlay()
        if overlay is None:
            self.__dict__["_data"] = data
        else:
            overlay.clear()
            overlay.update(data)

    # A copy is of CPython's class, so it stays what its maker saw.

    def __copy__(self) -> os._Environ[AnyStr]:
        data: Any = self._data
        return os._Environ(data, *self._codecs())

    def __reduce__(self) -> Any:
        return os._Environ, (dict(self._data), *self._codecs())

    def _codecs(self) -> tuple[Any, Any, Any, Any]:
        return self.encodekey, self.decodekey, self.encodevalue, self.decodevalue


class _Installation:
    """What is done to the process once, for all mounts."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._patches: Patches | None = None

    def install(self) -> None:
        with self._lock:
            if self._patches is None:
                self._exchange_classes(os._Environ, MountEnviron)
                self._patches = patches = Patches()
                for module in (os, sys.modules.get("posix")):
                    patches.wrap(module, "putenv", _putenv)
                    patches.wrap(module, "unsetenv", _unsetenv)
                lead_children(patches)
                lead_threads(patches)
                lead_begun(patches)
                lead_signals(patches)
            # It may have been imported since; adding the same hook again is harmless.
            if GREENLETS in sys.modules:
                lead_greenlets(sys.modules[GREENLETS])

    def uninstall(self) -> None:
        with self._lock:
            if self._patches is not None:
                leave_greenlets()
                self._patches.undo()
                self._patches = None
                self._exchange_classes(MountEnviron, os._Environ)

    def _exchange_classes(self, expected: type, by: type) -> None:
        environs: list[Any] = [process_environ]
        if os.supports_bytes_environ:
            environs.append(os.environb)
        for environ in environs:
            if type(environ) is not expected:
                raise EnvironError(
                    f"os.environ is a {type(environ).__name__}, not what Python made: "
                    "something has replaced it. Load the gateway before that is done, "
                    "or do without it"
                )
        for environ in environs:
            environ.__class__ = by


def _putenv(original: Callable[..., None]) -> Callable[..., None]:
    def putenv(name: Any, value: Any, /) -> None:
        overlay = current_overlay()
        if overlay is None:
            return original(name, value)
        name, value = _as_c_takes_it(name), _as_c_takes_it(value)
        if b"=" in name:
            raise ValueError("illegal environment variable name")
        if not name:
            raise _invalid_argument()
        return overlay.put(name, value)

    return putenv


def _unsetenv(original: Callable[..., None]) -> Callable[..., None]:
    def unsetenv(name: Any, /) -> None:
        overlay = current_overlay()
        if overlay is None:
            return original(name)
        name = _as_c_takes_it(name)
        if not name or b"=" in name:
            raise _invalid_argument()
        return overlay.put(name, None)

    return unsetenv


def _as_c_takes_it(text: Any) -> bytes:
    encoded = os.fsencode(text)
    if b"\0" in encoded:
        raise ValueError("embedded null byte")
    return encoded


def _invalid_argument() -> OSError:
    return OSError(errno.EINVAL, os.strerror(errno.EINVAL))


_installation: Final = _Installation()


def install() -> None:
    """Have ``os.environ`` look for overlays; call it before each mount is loaded.

    The first call does it, and further ones see to what was imported since.

    :raises EnvironError: something else than the gateway has replaced ``os.environ``.
    """
    _installation.install()


def uninstall() -> None:
    """Leave the process as it was; overlays are not looked at any more."""
    _installation.uninstall()
