"""Numbers for objects, so that evidence can say "the same one" without holding it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from threading import Lock
from weakref import ref


class Identities:
    """Gives each object a number of its own.

    ``id()`` alone will not do: it is free to be used again once an object is gone. A
    weak reference tells whether that has happened, and, unlike a strong one, does not
    change how long the application's objects live. What cannot be weakly referenced
    is kept alive instead.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._next = count(1)
        self._known: dict[int, tuple[Callable[[], object], int]] = {}

    def number(self, thing: object) -> int:
        """Return the number of *thing*."""
        with self._lock:
            known = self._known.get(id(thing))
            if known is not None and known[0]() is thing:
                return known[1]
            number = next(self._next)
            self._known[id(thing)] = (_reference(thing), number)
            return number


def _reference(thing: object) -> Callable[[], object]:
    try:
        return ref(thing)
    except TypeError:
        return lambda: thing
