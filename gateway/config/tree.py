"""PyYAML's nodes to ours, with what PyYAML lets pass stopped here.

That is: keys that stand twice or are no scalars, tags that would build objects, aliases
that multiply (the "billion laughs") or contain themselves.
"""

from __future__ import annotations

from typing import Final

import yaml

from gateway.config.nodes import (
    MERGE_TAG,
    NULL_TAG,
    SET_TAG,
    STR_TAG,
    VALUE_TAG,
    Entry,
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    key_path,
    kind_of,
    tag_name,
)
from gateway.errors import Place, Problem

# A gateway.yaml of a thousand mounts stays far below both.
MAX_DEPTH: Final = 50
MAX_NODES: Final = 100_000

_SCALAR_TAGS: Final = frozenset(
    {MERGE_TAG, NULL_TAG, STR_TAG, VALUE_TAG}
    | {
        f"tag:yaml.org,2002:{name}"
        for name in ("binary", "bool", "float", "int", "timestamp")
    }
)
_LIST_TAGS: Final = frozenset({"tag:yaml.org,2002:seq"})
_MAPPING_TAGS: Final = frozenset({"tag:yaml.org,2002:map", SET_TAG})
_SAFE_TAGS: Final = (
    "the safe tags are !!str, !!int, !!float, !!bool, !!null, !!timestamp and "
    "!!binary on a single value, !!seq on a list, !!map and !!set on a mapping"
)


class Unreadable(Exception):
    """What stops the reading of a file."""

    def __init__(self, place: Place, message: str, path: str = "") -> None:
        self.problem = Problem(place, path, message)
        super().__init__(message)


def place_of(mark: yaml.Mark | None, file: str) -> Place:
    """Return the place of PyYAML's *mark*; the start of the file without one."""
    if mark is None:
        return Place(file, 1, 1)
    return Place(file, mark.line + 1, mark.column + 1)


class TreeBuilder:
    """Builds the tree of one document.

    :param file: the file's name, for places.
    :param problems: takes what is wrong but does not stop the reading.
    """

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self._nodes = 0
        self._parents: set[int] = set()

    def build(self, node: yaml.Node, path: str = "", depth: int = 0) -> Node:
        """Return *node* as ours, each alias replaced by a copy of what it names.

        :param path: the path of its key.
        :raises Unreadable: it is too large or too deep once aliases are replaced.
        """
        place = place_of(node.start_mark, self._file)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise Unreadable(
                place,
                f"there are more than {MAX_NODES} values, each alias (*) counted as "
                "what it names: write fewer aliases of aliases, or spread the mounts "
                "over several files",
                path,
            )
        if id(node) in self._parents:
            raise Unreadable(
                place, "this contains itself by an alias (*): write it out", path
            )
        if depth > MAX_DEPTH:
            raise Unreadable(place, too_deep(), path)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place, path)
        self._parents.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return self._list(node, place, path, depth)
            return self._mapping(node, place, path, depth)
        finally:
            self._parents.remove(id(node))

    def _problem(self, place: Place, path: str, message: str) -> None:
        self._problems.append(Problem(place, path, message))

    def _check_tag(
        self, node: yaml.Node, safe: frozenset[str], place: Place, path: str
    ) -> bool:
        if node.tag in safe:
            return True
        self._problem(
            place, path, f"{tag_name(node.tag)} is not allowed here: {_SAFE_TAGS}"
        )
        return False

    def _scalar(self, node: yaml.ScalarNode, place: Place, path: str) -> ScalarNode:
        known = self._check_tag(node, _SCALAR_TAGS, place, path)
        tag = node.tag if known else STR_TAG
        return ScalarNode(place, node.value, tag, plain=not node.style)

    def _list(self, node: yaml.Node, place: Place, path: str, depth: int) -> ListNode:
        self._check_tag(node, _LIST_TAGS, place, path)
        return ListNode(
            place,
            tuple(
                self.build(item, f"{path}[{index}]", depth + 1)
                for index, item in enumerate(node.value)
            ),
        )

    def _mapping(
        self, node: yaml.Node, place: Place, path: str, depth: int
    ) -> MappingNode:
        self._check_tag(node, _MAPPING_TAGS, place, path)
        entries: dict[str, Entry] = {}
        merged: list[Entry] = []
        for yaml_key, yaml_value in node.value:
            key = self._key(yaml_key, path, depth)
            if key is None:
                continue
            if key.tag == MERGE_TAG:
                merged += self._merged(self.build(yaml_value, path, depth + 1), path)
                continue
            here = key_path(path, key.text)
            entry = Entry(key, self.build(yaml_value, here, depth + 1))
            first = entries.setdefault(key.text, entry)
            if first is not entry:
                self._problem(
                    key.place,
                    here,
                    "this key stands twice in its mapping, first at "
                    f"{first.key.place}: remove one",
                )
        for entry in merged:
            # https://yaml.org/type/merge.html: own keys win, then the earlier mapping.
            entries.setdefault(entry.key.text, entry)
        return MappingNode(place, tuple(entries.values()), node.tag == SET_TAG)

    def _key(self, node: yaml.Node, path: str, depth: int) -> ScalarNode | None:
        key = self.build(node, path, depth + 1)
        if isinstance(key, ScalarNode):
            return key
        self._problem(
            key.place,
            path,
            f"a key is a single value, not {kind_of(key)}: write one, or quote a text "
            "that starts with '{', '[' or '?'",
        )
        return None

    def _merged(self, value: Node, path: str) -> list[Entry]:
        mappings = value.items if isinstance(value, ListNode) else (value,)
        entries: list[Entry] = []
        for mapping in mappings:
            if isinstance(mapping, MappingNode):
                entries += mapping.entries
            else:
                self._problem(
                    mapping.place,
                    key_path(path, "<<"),
                    f"what is merged in must be a mapping, not {kind_of(mapping)}: "
                    "write '<<: *name', and '&name' at a mapping above",
                )
        return entries


def too_deep() -> str:
    """Return the message for what is nested too deep."""
    return (
        f"this is nested deeper than {MAX_DEPTH} levels: close the brackets, or "
        "straighten the bullets"
    )
