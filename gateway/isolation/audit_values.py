"""What snapshots are made of, and how two of them are told apart in words.

The words name things and never show a value that may be a secret: variables by name,
functions and classes by where they are defined, any other object by its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, Final, TypeAlias

Difference: TypeAlias = "tuple[str, str] | None"
"""What there was and what there is, in words; ``None`` if nothing has changed."""

NOTHING: Final = "-"

_LISTED: Final = 6
_LONGEST: Final = 80


class Ref:
    """An object that is compared by identity: its own ``==`` may do anything."""

    __slots__ = ("target",)

    def __init__(self, target: Any) -> None:
        self.target = target

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and self.target is other.target

    def __hash__(self) -> int:
        return id(self.target)

    def __str__(self) -> str:
        return name_of(self.target)

    def __repr__(self) -> str:
        return f"<Ref {self}>"


def name_of(thing: object) -> str:
    """Return where a function or class is defined; of other objects the class is."""
    if thing is None:
        return "none"
    if isinstance(thing, ModuleType):
        file = getattr(thing, "__file__", None)
        return f"module {thing.__name__} {file or 'without a file'}"
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    module = getattr(named, "__module__", None) or "builtins"
    name = str(named.__qualname__)
    return name if module == "builtins" else f"{module}.{name}"


def short(text: object) -> str:
    """Return *text* as one printable line of limited length."""
    line = "".join(char if char.isprintable() else "?" for char in str(text))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def listed(items: Iterable[object]) -> str:
    """Return the first few of *items*, and how many more there are."""
    texts = [short(item) for item in items]
    more = len(texts) - _LISTED
    shown = ", ".join(texts[:_LISTED]) or NOTHING
    return f"{shown} and {more} more" if more > 0 else shown


def of_value(text: Callable[[Any], object] = str) -> Callable[[Any, Any], Difference]:
    """Return what compares single values.

    :param text: puts a value in words.
    """

    def compare(before: Any, after: Any) -> Difference:
        return None if before == after else (short(text(before)), short(text(after)))

    return compare


def of_entries(
    before: Sequence[object], after: Sequence[object], text: Callable[[Any], str] = str
) -> Difference:
    """Compare sequences: which entries are gone, and which are new."""
    if before == after:
        return None
    gone = [text(entry) for entry in before if entry not in after]
    new = [text(entry) for entry in after if entry not in before]
    if not gone and not new:
        return f"{len(before)} entries", f"{len(after)} entries in another order"
    return listed(gone), listed(new)


def of_names(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Compare values by name, and show nothing but the names."""
    if before == after:
        return None
    changed = [name for name in before if name in after and before[name] != after[name]]
    gone = [name for name in before if name not in after]
    new = [name for name in after if name not in before]
    return listed(changed + gone), listed(
        [f"{name} (changed)" for name in changed] + new
    )


def of_objects(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Compare objects by name, and tell what they are."""
    if before == after:
        return None
    different = {
        name: None
        for name in [*before, *after]
        if before.get(name) != after.get(name) or (name in before) != (name in after)
    }
    return _objects(before, different), _objects(after, different)


def of_replaced(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Compare objects by name, but not those that have come or gone with a module."""
    common = [name for name in before if name in after]
    return of_objects(
        {name: before[name] for name in common}, {name: after[name] for name in common}
    )


def _objects(objects: Mapping[str, Any], names: Iterable[str]) -> str:
    return listed(f"{name}: {objects[name]}" for name in names if name in objects)
