"""Libraries of the process of which a mount has a copy of its own.

Some libraries register what an application defines in one place for the whole process:
two mounts with a metric or a table of the same name clash there. With a copy of its
own, each mount has a registry of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.machinery import PathFinder
from types import TracebackType
from typing import Final

from gateway.errors import GatewayError, chain
from gateway.isolation.private_names import PARENT, has_libraries, split

# What a library says when something is registered with it for the second time.
_CLASHES: Final = (
    "Duplicated timeseries in CollectorRegistry",
    "is already defined for this MetaData instance",
)


class LibraryNameError(GatewayError, ValueError):
    """A library that is to be private, or shared, cannot be."""


def check_private(names: Iterable[str], folders: Iterable[str]) -> None:
    """Refuse names of which a mount cannot have a copy of its own.

    :param names: top-level names, as import statements have them.
    :param folders: where else than in the process they may be installed.
    :raises LibraryNameError: there is no such library, or it must stay shared.
    """
    path = [*folders, *sys.path]
    for name in names:
        if name in ("gateway", PARENT, "__main__"):
            raise LibraryNameError(
                f"private: {name!r} is shared by all mounts, for their contexts are "
                "in it: remove it"
            )
        if name in sys.stdlib_module_names:
            raise LibraryNameError(
                f"private: {name!r} is part of Python's standard library, which the "
                "mounts share: remove it"
            )
        if not name.isidentifier() or PathFinder.find_spec(name, path) is None:
            raise LibraryNameError(f"private: {_missing(name, 'a library')}")


def check_shared(names: Iterable[str]) -> None:
    """Refuse names that the process has no library of.

    :param names: top-level names, as import statements have them.
    :raises LibraryNameError: there is nothing that could be shared.
    """
    for name in names:
        if name in sys.modules:
            continue
        if not name.isidentifier() or PathFinder.find_spec(name) is None:
            missing = _missing(name, "a library beside the gateway")
            raise LibraryNameError(f"shared: {missing}")


def _missing(name: str, what: str) -> str:
    top_level = name.partition(".")[0]
    near = top_level if top_level != name else name.replace("-", "_").lower()
    if near != name and PathFinder.find_spec(near) is not None:
        return f"{name!r} is no name for import statements: write {near!r}"
    return f"there is no {name!r} installed: name {what}, as import statements do"


def private_copy_for(error: BaseException | None) -> str | None:
    """Return the library that would be private for *error* not to happen again.

    It is one in which another mount, or another generation of the same one, has
    registered something of the same name.
    """
    for each in chain(error):
        with suppress(Exception):  # an application's own error may have a broken str()
            if any(clash in str(each) for clash in _CLASHES):
                return _library_in(each.__traceback__)
    return None


def _library_in(traceback: TracebackType | None) -> str | None:
    """Return the library nearest to the application, where the error was raised."""
    library = None
    names = []
    while traceback is not None:
        names.append(str(traceback.tb_frame.f_globals.get("__name__")))
        traceback = traceback.tb_next
    for name in reversed(names):
        if name.startswith(f"{PARENT}."):
            package, name = split(name)
            if not has_libraries(package):
                break
        top_level = name.partition(".")[0]
        if top_level not in sys.stdlib_module_names:
            library = top_level
    return library
