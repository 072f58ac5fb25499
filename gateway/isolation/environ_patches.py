"""Functions of the process that are exchanged for a while."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


class Patches:
    """Attributes that were replaced, and what undoes it."""

    def __init__(self) -> None:
        self._made: dict[Any, Any] = {}
        self._replaced: list[tuple[Any, str, Any]] = []

    def wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replace ``owner.name`` by what *make* returns for it, if it exists.

        What two modules have in common they still have in common afterwards: a
        function is pickled by the name of the module that it was defined in.
        """
        original = getattr(owner, name, None)
        if original is None:
            return
        if original not in self._made:
            self._made[original] = wraps(original)(make(original))
        setattr(owner, name, self._made[original])
        self._replaced.append((owner, name, original))

    def undo(self) -> None:
        """Put everything back, but for what somebody else has replaced since."""
        while self._replaced:
            owner, name, original = self._replaced.pop()
            if getattr(owner, name, None) is self._made[original]:
                setattr(owner, name, original)
