"""Child processes: they are started with the variables of the mount that starts them.

Left to themselves, functions that are given no environment use the one that the C
library keeps, which is the process's. They are wrapped at the lowest place that Python
code goes through, so that what is built on them is reached too: ``subprocess``,
``asyncio`` and ``multiprocessing`` on ``fork_exec``; ``os.exec*``, ``os.spawn*``,
``pty.spawn`` and gevent's ``subprocess`` on ``os.execv``.

An environment that the caller gives is used as it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.isolation.environ_overlay import current_overlay
from gateway.isolation.environ_patches import Patches

# The position of the environment among the arguments of fork_exec, on every version.
_ENVIRONMENT = 5


def lead_children(patches: Patches) -> None:
    """Hand the current overlay to every child that is started from now on.

    On POSIX systems only: on others children are started in other ways.
    """
    if os.name != "posix":
        return
    patches.wrap(sys.modules.get("_posixsubprocess"), "fork_exec", _fork_exec)
    patches.wrap(subprocess, "_fork_exec", _fork_exec)
    for module in (os, sys.modules.get("posix")):
        patches.wrap(module, "execv", _execv)
        patches.wrap(module, "system", _system)
        # Before, to give no environment was an error.
        if sys.version_info >= (3, 13):
            patches.wrap(module, "posix_spawn", _posix_spawn)
            patches.wrap(module, "posix_spawnp", _posix_spawn)


def _variables() -> dict[bytes, bytes] | None:
    overlay = current_overlay()
    return None if overlay is None else overlay.for_children()


def _fork_exec(original: Callable[..., int]) -> Callable[..., int]:
    def fork_exec(*args: Any) -> int:
        if len(args) > _ENVIRONMENT and args[_ENVIRONMENT] is None:
            variables = _variables()
            if variables is not None:
                listed = [b"%b=%b" % variable for variable in variables.items()]
                args = (*args[:_ENVIRONMENT], listed, *args[_ENVIRONMENT + 1 :])
        return original(*args)

    return fork_exec


def _execv(original: Callable[..., Any]) -> Callable[..., Any]:
    def execv(path: Any, argv: Any, /) -> Any:
        variables = _variables()
        if variables is None:
            return original(path, argv)
        return os.execve(path, argv, variables)

    return execv


def _posix_spawn(original: Callable[..., int]) -> Callable[..., int]:
    def posix_spawn(
        path: Any, argv: Sequence[Any], env: Mapping[Any, Any] | None, /, **how: Any
    ) -> int:
        if env is None:
            env = _variables()
        return original(path, argv, env, **how)

    return posix_spawn


def _system(original: Callable[..., int]) -> Callable[..., int]:
    def system(command: Any) -> int:
        if _variables() is None:
            return original(command)
        sys.audit("os.system", command)
        # The child gets what system(3) lets it have: the open descriptors, the signals
        # as they are. SIGINT and SIGQUIT are not ignored meanwhile, which would be for
        # all threads of the process.
        child = subprocess.Popen(
            os.fsencode(command), shell=True, close_fds=False, restore_signals=False
        )
        returned = child.wait()
        # The status as waitpid(2) has it.
        return returned << 8 if returned >= 0 else -returned

    return system
