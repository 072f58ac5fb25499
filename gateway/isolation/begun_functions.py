"""The functions by which code begins what is to end with its mount.

Whose it is, the context tells: the mount's that is loaded or served, or has started the
thread. But a shared library may keep for all its users what it makes when the first of
them calls it, and one of a mount's environment for the next generations of the mount.
So these are the process's, which lives as long as the library:

- what it begins while it is imported, whichever mount was the first to do that;
- its thread pools: they end by themselves when nothing refers to them any more;
- exit functions that are its own, and no method or closure made for this mount.
"""

from __future__ import annotations

import atexit
import sys
import sysconfig
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import sep
from pathlib import Path
from types import FrameType
from typing import Any, Final

from gateway.isolation.begun import Begun, ExitFunction
from gateway.isolation.environ_overlay import current_overlay
from gateway.isolation.environ_patches import Patches
from gateway.isolation.private_member import owner_of
from gateway.isolation.private_names import has_libraries

_STANDARD_LIBRARY: Final = sysconfig.get_path("stdlib") + sep


def lead_begun(patches: Patches) -> None:
    """Have exit functions and thread pools belong to the mount that makes them."""
    patches.wrap(atexit, "register", _registering)
    patches.wrap(atexit, "unregister", _unregistering)
    patches.wrap(threading, "_register_atexit", _hooking)
    patches.wrap(ThreadPoolExecutor, "__init__", _pooling)


def beginner() -> Begun | None:
    """Return the account of the mount whose doing this is; ``None`` for the process."""
    overlay = current_overlay()
    if overlay is None:
        return None
    begun = overlay.begun
    # The caller of what asks, which stands in for a function of Python.
    return None if _is_imported(sys._getframe(2), begun.private) else begun


def _is_imported(frame: FrameType | None, private: bool) -> bool:
    """Tell whether a library that the mount does not own is just being imported."""
    while frame is not None:
        if _is_own(frame):
            return False
        if frame.f_code.co_name == "<module>":
            if frame.f_globals.get("__name__") == "__main__":
                return False
            if private or is_installed(frame.f_code.co_filename):
                return True
        frame = frame.f_back
    return False


def _is_own(frame: FrameType) -> bool:
    """Tell whether a mount's code runs in *frame*, or the gateway calls it there."""
    name = str(frame.f_globals.get("__name__"))
    return _is_in_namespace(frame) or name.partition(".")[0] == "gateway"


def _is_in_namespace(frame: FrameType) -> bool:
    owner = owner_of(frame)
    # The libraries of a mount's environment outlive a generation of its code.
    return owner is not None and not has_libraries(owner.package)


def _is_mounts(frame: FrameType, begun: Begun) -> bool:
    """Tell whether a mount's own code runs in *frame*, not a library it calls."""
    return _is_in_namespace(frame) or not (
        begun.private or is_installed(frame.f_code.co_filename)
    )


def is_global(function: Any) -> bool:
    """Tell whether *function* is found in its module by its name."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    return getattr(module, getattr(function, "__qualname__", ""), None) is function


def is_installed(file: str) -> bool:
    """Tell whether *file* came with a package or with Python."""
    parts = Path(file).parts
    installed = "site-packages" in parts or "dist-packages" in parts
    return installed or file.startswith(_STANDARD_LIBRARY)


def _registering(original: Callable[..., Any]) -> Callable[..., Any]:
    def register(func: Any, /, *args: Any, **kwargs: Any) -> Any:
        # The first finalizer of a process registers all that there will ever be.
        if callable(func) and getattr(func, "__self__", None) is not weakref.finalize:
            begun = beginner()
            if (
                begun is not None
                and (_is_mounts(sys._getframe(1), begun) or not is_global(func))
                and begun.add_function(ExitFunction(func, args, kwargs))
            ):
                return func
        return original(func, *args, **kwargs)

    return register


def _unregistering(original: Callable[..., Any]) -> Callable[..., Any]:
    def unregister(func: Any, /) -> None:
        overlay = current_overlay()
        if overlay is not None:
            overlay.begun.remove_function(func)
        original(func)

    return unregister


def _hooking(original: Callable[..., Any]) -> Callable[..., Any]:
    def register(func: Any, /, *args: Any, **kwargs: Any) -> Any:
        begun = beginner()
        if begun is None or not begun.add_hook(ExitFunction(func, args, kwargs)):
            return original(func, *args, **kwargs)
        return None

    return register


def _pooling(original: Callable[..., Any]) -> Callable[..., Any]:
    def init(self: ThreadPoolExecutor, /, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        begun = beginner()
        if begun is not None and _is_mounts(sys._getframe(1), begun):
            begun.add_pool(self)

    return init
