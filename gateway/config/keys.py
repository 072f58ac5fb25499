"""What a row of the table of keys says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from gateway.config.shapes import ListType, TableType
from gateway.config.values import ScalarType

Section: TypeAlias = Literal["top", "included", "server", "admin", "defaults", "mount"]

KINDS: Final = ("app", "asgi", "static", "redirect", "proxy")

CODE: Final = frozenset({"app", "asgi"})
"""The kinds that run code of the mount's own."""


@dataclass(frozen=True, slots=True)
class Key:
    """A row of the table.

    :param name: as it is written.
    :param sections: where it may stand.
    :param type: what may stand behind it.
    :param help: one or two sentences in Markdown, for the reference and for editors.
    :param default: as it would be written; ``None`` where there is none.
    :param otherwise: what its absence means, where no default says it.
    :param kinds: the kinds of mount that it goes with.
    """

    name: str
    sections: tuple[Section, ...]
    type: TableType
    help: str
    default: str | None = None
    otherwise: str = ""
    kinds: frozenset[str] = frozenset(KINDS)

    def default_value(self) -> object:
        """Return what the default means; ``None`` where there is none."""
        if isinstance(self.type, ListType):
            return tuple(self.type.item.parse(text) for text in self.type.default)
        if self.default is None or not isinstance(self.type, ScalarType):
            return None
        return self.type.parse(self.default)
