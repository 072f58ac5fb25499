"""The tree of a YAML file: nodes that know where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.errors import Place

_STANDARD: Final = "tag:yaml.org,2002:"
MERGE_TAG: Final = _STANDARD + "merge"
NULL_TAG: Final = _STANDARD + "null"
SET_TAG: Final = _STANDARD + "set"
STR_TAG: Final = _STANDARD + "str"
VALUE_TAG: Final = _STANDARD + "value"

_TAG_NAMES: Final = frozenset(
    {
        *("binary", "bool", "float", "int", "map", "merge", "null", "omap", "pairs"),
        *("seq", "set", "str", "timestamp", "value", "yaml"),
    }
)


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A single value, as it is written.

    :param text: without quotes, escapes resolved.
    :param tag: the type that YAML 1.1 gives it.
    :param plain: whether its look decides that type: no quotes, no tag.
    """

    place: Place
    text: str
    tag: str
    plain: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing, or an unquoted ``null``, is written."""
        return self.tag == NULL_TAG


@dataclass(frozen=True, slots=True)
class ListNode:
    """A YAML sequence."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping, and its value."""

    key: ScalarNode
    value: Node


@dataclass(frozen=True, slots=True)
class MappingNode:
    """A YAML mapping: each key a scalar, none of them twice, merge keys resolved.

    :param is_set: whether it is tagged as a set of its keys.
    """

    place: Place
    entries: tuple[Entry, ...]
    is_set: bool = False

    def get(self, name: str) -> Entry | None:
        """Return the entry whose key reads *name*."""
        return next((e for e in self.entries if e.key.text == name), None)


Node: TypeAlias = ScalarNode | ListNode | MappingNode


def kind_of(node: Node) -> str:
    """Return what *node* is, for messages."""
    match node:
        case ScalarNode():
            return "nothing" if node.is_empty else "a single value"
        case ListNode():
            return "a list"
        case MappingNode():
            return "a mapping"


def tag_name(tag: str) -> str:
    """Return a tag that PyYAML knows as it is written, such as ``!!omap``.

    Another one is only called a tag: it may be a password that lacks its quotes.
    """
    name = tag.removeprefix(_STANDARD)
    known = name.startswith("python/") or name in _TAG_NAMES
    return f"the tag !!{shortened(printable(name))}" if known else "this tag"


def key_path(parent: str, key: str) -> str:
    """Return the path of *key* below the path *parent*."""
    shown = printable(shortened(key)) or "''"
    return f"{parent}.{shown}" if parent else shown


def shortened(text: str) -> str:
    """Return *text* cut to a length that fits a message."""
    return text if len(text) <= 60 else text[:57] + "..."


def printable(text: str) -> str:
    """Return *text* with what a terminal cannot show, or would obey, escaped."""
    return text if text.isprintable() else repr(text)[1:-1]
