"""Code that functions of the process execute for a mount.

Code that is executed without builtins of its own has those of the function that does
it. So a settings file that Flask reads (``from_pyfile``), a script that :mod:`runpy`
runs or a statement that :mod:`timeit` measures would import as the process does. These
modules get a global ``exec`` which gives a mount's code the mount's builtins.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from types import CodeType, FrameType, ModuleType
from typing import Any, Final, Protocol

from gateway.isolation.builtins import NamespaceBuiltins

EXECUTORS: Final = ("flask.config", "gateway.settings", "runpy", "timeit")


class TopLevel(str):
    """The full name of what is a top-level module to the mount.

    Of others :mod:`runpy` warns if they are loaded; it takes the name apart to know.
    """

    __slots__ = ()

    def rpartition(self, sep: str, /) -> tuple[str, str, str]:
        """Say that there is no package in front."""
        return "", "", str(self)


class Owner(Protocol):
    """What is needed of a namespace."""

    builtins: NamespaceBuiltins


class Resolver(Protocol):
    """Decides whose code is executed."""

    def executing(self, file: str, asker: FrameType | None) -> Owner | None:
        """Return the namespace that has code from *file* executed, if one has."""


def executor(resolver: Resolver, module: ModuleType) -> Callable[..., None]:
    """Return the ``exec`` of *module*."""
    own = vars(module)

    def exec(source: Any, globals: dict[str, Any], *more: Any) -> None:
        is_given = "__builtins__" in globals and globals is not own
        file = source.co_filename if isinstance(source, CodeType) else ""
        owner = None if is_given else resolver.executing(file, sys._getframe(1))
        if owner is not None:
            if type(globals.get("__name__")) is TopLevel:
                globals["__name__"] = str(globals["__name__"])
            if globals is own:
                # What it defines there is asked for in another mapping.
                globals = dict(own)
            globals["__builtins__"] = (
                owner.builtins.for_code(source)
                if isinstance(source, CodeType)
                else owner.builtins.live
            )
        builtins.exec(source, globals, *more)

    return exec
