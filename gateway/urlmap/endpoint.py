"""One entry of an application's URL map, whatever the framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers at a path.

    :param path: starts with a slash, and has its variable parts as the framework writes
        them; a final ``/*`` stands for everything below.
    :param methods: sorted; none where every method, or nobody knows which, is answered.
    :param name: what the framework calls it; ``None`` if it has no name.
    :param host: the host or subdomain, where the framework routes by it.
    """

    path: str
    methods: tuple[str, ...] = ()
    name: str | None = None
    host: str | None = None


Ask: TypeAlias = Callable[[Any], "tuple[Endpoint, ...] | None"]
"""Asks an application inside another one; ``None`` if it cannot be asked."""

Reader: TypeAlias = Callable[[Any, Ask], Iterable[Endpoint]]
"""Reads the URL map of an application of one framework."""


def methods_of(names: Iterable[object] | None) -> tuple[str, ...]:
    """Return the names of methods, sorted and in capitals."""
    return tuple(sorted({str(name).upper() for name in names or ()}))


def below(
    prefix: str, application: Any, ask: Ask, name: str | None = None
) -> Iterator[Endpoint]:
    """Yield what *application* has, which another one serves below *prefix*.

    :param name: what to call it if it cannot be asked itself.
    """
    prefix = prefix.rstrip("/")
    found = ask(application)
    if found is None:
        called = name or getattr(application, "__name__", type(application).__name__)
        yield Endpoint(f"{prefix}/*", name=called)
        return
    for each in found:
        yield replace(each, path=prefix + each.path)


def is_a(candidate: object, module: str, name: str) -> bool:
    """Tell whether *candidate* is of the class *name* of *module*, importing neither.

    A mount's private copy of the module counts: it is in the package of its modules.
    """
    return any(
        base.__name__ == name and f".{base.__module__}".endswith(f".{module}")
        for base in type(candidate).__mro__
    )
