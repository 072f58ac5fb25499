"""The nodes of one file, read by the types of the table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

from gateway.config.interpolate import (
    InterpolationError,
    Interpolator,
    is_one_variable,
)
from gateway.config.nodes import (
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    key_path,
    kind_of,
    shortened,
)
from gateway.config.schema import Section, keys_of, unknown_key
from gateway.config.shapes import (
    FOLDERS,
    FileType,
    FreeType,
    ListType,
    PatternsType,
    RecordsType,
    RecordType,
    SectionType,
    TableType,
    VariablesType,
)
from gateway.config.typed import tag_of, typed
from gateway.config.values import InvalidValue, ScalarType, ValueType, parse_path
from gateway.errors import Place, Problem

_Item = TypeVar("_Item")

_PATTERN: Final = ScalarType("file pattern", "conf.d/*.yaml", {}, parse_path)


class _Refused(Exception):
    """A value cannot be used, and its problem is reported."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A file pattern, and where it is written.

    :param shown: the pattern for messages, as it is written.
    """

    place: Place
    path: str
    text: str
    shown: str


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the nodes of one file.

    :param interpolator: replaces ``${…}``.
    :param folder: where the file's relative paths start.
    :param problems: takes what is wrong.
    """

    interpolator: Interpolator
    folder: Path
    problems: list[Problem]

    def report(self, place: Place, path: str, message: str) -> None:
        """Note that something is wrong."""
        self.problems.append(Problem(place, path, message))

    def section(self, node: MappingNode, section: Section, path: str) -> dict[str, Any]:
        """Return the values of the keys that are right, and report the others.

        A section within comes as its node, patterns as a tuple of :class:`Pattern`.

        :param path: the path of the section.
        """
        types = {name: key.type for name, key in keys_of(section).items()}
        return self._fields(node, types, path, lambda name: unknown_key(name, section))

    def _fields(
        self,
        node: MappingNode,
        types: Mapping[str, TableType],
        path: str,
        unknown: Callable[[str], str],
    ) -> dict[str, Any]:
        """Return the values that are right, and report the others.

        :param types: the keys that there are.
        :param unknown: returns the message for another one.
        """
        values: dict[str, Any] = {}
        for entry in node.entries:
            name = entry.key.text
            here = key_path(path, name)
            if name not in types:
                self.report(entry.key.place, here, unknown(name))
                continue
            with suppress(_Refused):
                values[name] = self._value(entry.value, types[name], here)
        return values

    def _items(
        self, node: Node, of: ValueType, path: str, read: Callable[[Node, str], _Item]
    ) -> tuple[_Item, ...]:
        """Return what *read* makes of each item of a list, if it can be used.

        :param read: takes an item and its path.
        """
        if not isinstance(node, ListNode):
            raise self._refusal(
                node.place,
                path,
                f"this is {kind_of(node)}: write a list, such as {of.example}",
            )
        values: list[_Item] = []
        for index, item in enumerate(node.items):
            with suppress(_Refused):
                values.append(read(item, f"{path}[{index}]"))
        return tuple(values)

    def _value(self, node: Node, of: TableType, path: str) -> object:
        match of:
            case ScalarType():
                return self._scalar(node, of, path)
            case SectionType():
                return self._mapping(node, of, path)
            case FreeType():
                return {
                    entry.key.text: self._free(
                        entry.value, key_path(path, entry.key.text)
                    )
                    for entry in self._mapping(node, of, path).entries
                }
            case VariablesType():
                return self._variables(node, of, path)
            case PatternsType():
                return self._patterns(node, of, path)
            case ListType():
                return self._list(node, of, path)
            case RecordType():
                return self._record(node, of, path)
            case RecordsType():
                return self._records(node, of, path)

    def _mapping(self, node: Node, of: ValueType, path: str) -> MappingNode:
        if isinstance(node, MappingNode):
            return node
        if isinstance(node, ScalarNode) and node.is_empty:
            # All its keys may be commented out.
            return MappingNode(node.place, ())
        raise self._refusal(
            node.place,
            path,
            f"this is {kind_of(node)}: write a mapping, such as {of.example}",
        )

    def _scalar(self, node: Node, of: ScalarType, path: str) -> object:
        if not isinstance(node, ScalarNode):
            raise self._refusal(
                node.place,
                path,
                f"this is {kind_of(node)}: write a single value ({of.label}, such as "
                f"{of.example})",
            )
        if node.is_empty:
            raise self._refusal(
                node.place,
                path,
                f"there is no value: write one ({of.label}, such as {of.example}), or "
                "remove the key",
            )
        text = self._expanded(node, path)
        try:
            value = of.parse(text)
            if isinstance(of, FileType):
                return of.read(Path(os.path.join(self.folder, text)))
            return self._existing_folder(text) if of in FOLDERS else value
        except InvalidValue as error:
            raise self._refusal(
                node.place, path, _explained(node.text, text, error, of.secret)
            ) from None

    def _variables(self, node: Node, of: ValueType, path: str) -> dict[str, str]:
        text = ScalarType("text", "sqlite:///notes.db", {}, _without_nul)
        variables: dict[str, str] = {}
        for entry in self._mapping(node, of, path).entries:
            name = entry.key.text
            here = key_path(path, name)
            if not name or "=" in name or "\0" in name:
                self.report(
                    entry.key.place,
                    here,
                    f"no environment variable can be called {shortened(name)!r}: use a "
                    "name that is not empty and has neither '=' nor NUL in it",
                )
            with suppress(_Refused):
                variables[name] = str(self._scalar(entry.value, text, here))
        return variables

    def _list(self, node: Node, of: ListType, path: str) -> tuple[object, ...]:
        if isinstance(node, ScalarNode):
            return (self._scalar(node, of.item, path),)
        return self._items(
            node, of, path, lambda item, here: self._scalar(item, of.item, here)
        )

    def _record(self, node: Node, of: RecordType, path: str) -> object:
        if isinstance(node, ScalarNode) and not node.is_empty:
            value = self._value(node, of.short.type, path)
            return of.make({of.short.name: value}, node.place)
        types = {field.name: field.type for field in of.fields}
        before = len(self.problems)
        values = self._fields(
            self._mapping(node, of, path),
            types,
            path,
            lambda name: _unknown_field(name, types),
        )
        if len(self.problems) > before:
            raise _Refused
        for field in of.fields:
            if field.required and field.name not in values:
                raise self._refusal(
                    node.place,
                    path,
                    f"{field.name!r} is missing: write a mapping, such as {of.example}",
                )
        return of.make(values, node.place)

    def _records(self, node: Node, of: RecordsType, path: str) -> tuple[object, ...]:
        return self._items(
            node, of, path, lambda item, here: self._record(item, of.item, here)
        )

    def _patterns(self, node: Node, of: PatternsType, path: str) -> tuple[Pattern, ...]:
        if isinstance(node, ScalarNode):
            return (self._pattern(node, path),)
        return self._items(node, of, path, self._pattern)

    def _pattern(self, node: Node, path: str) -> Pattern:
        found = str(self._scalar(node, _PATTERN, path))
        written = node.text if isinstance(node, ScalarNode) else found
        return Pattern(node.place, path, found, shortened(written))

    def _existing_folder(self, text: str) -> Path:
        path = os.path.join(self.folder, text)
        if os.path.isdir(path):
            return Path(os.path.realpath(path))
        if os.path.exists(path):
            raise InvalidValue("is a file: name the folder it is in")
        raise InvalidValue(
            "is no folder that exists: create it, or correct the path, which starts "
            "at the folder of this file",
            _similar_folder(self.folder, text),
        )

    def _free(self, node: Node, path: str) -> object:
        """Return a value of any shape; no message about it shows it."""
        match node:
            case ScalarNode():
                return self._free_scalar(node, path)
            case ListNode():
                return [
                    self._free(item, f"{path}[{index}]")
                    for index, item in enumerate(node.items)
                ]
            case MappingNode():
                mapping = self._free_mapping(node, path)
                return set(mapping) if node.is_set else mapping

    def _free_mapping(self, node: MappingNode, path: str) -> dict[object, object]:
        mapping: dict[object, object] = {}
        for entry in node.entries:
            here = key_path(path, entry.key.text)
            # Keys are not interpolated.
            key = self._typed(entry.key, entry.key.text, entry.key.tag, here)
            if key in mapping:
                self.report(
                    entry.key.place,
                    here,
                    "this key has the value of an earlier one: remove one, or put "
                    "quotes around it",
                )
            mapping[key] = self._free(entry.value, here)
        return mapping

    def _free_scalar(self, node: ScalarNode, path: str) -> object:
        try:
            text = self._expanded(node, path)
        except _Refused:
            return None
        whole = node.plain and is_one_variable(node.text)
        return self._typed(node, text, tag_of(text) if whole else node.tag, path)

    def _typed(self, node: ScalarNode, text: str, tag: str, path: str) -> object:
        try:
            return typed(text, tag)
        except ValueError:
            self.report(
                node.place,
                path,
                f"this is not a valid {tag.rpartition(':')[2]}: correct it, or make it "
                "a string, with quotes and without a tag",
            )
            return None

    def _expanded(self, node: ScalarNode, path: str) -> str:
        try:
            return self.interpolator.expand(node.text, self.folder)
        except InterpolationError as error:
            for message in error.messages:
                self.report(node.place, path, message)
            raise _Refused from None

    def _refusal(self, place: Place, path: str, message: str) -> _Refused:
        self.report(place, path, message)
        return _Refused()


def _unknown_field(name: str, fields: Iterable[str]) -> str:
    near = get_close_matches(name, fields, n=1)
    cure = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(fields)}"
    return f"there is no such key here: {cure}"


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise InvalidValue("has a NUL in it, which no environment variable can have")
    return text


def _explained(
    written: str, text: str, error: InvalidValue, secret: bool = False
) -> str:
    """Return the message of *error*, which shows the value only as it is written.

    What stands for ``${…}`` may be a secret.
    """
    if secret:
        return f"the value {error.message}"
    shown = f"{shortened(written)!r}"
    if text != written:
        return f"{shown}, once replaced, {error.message}"
    if error.suggestion is None:
        return f"{shown} {error.message}"
    return f"{shown} {error.message}; did you mean {shortened(error.suggestion)!r}?"


def _similar_folder(start: Path, text: str) -> str | None:
    parent, name = os.path.split(text.rstrip("/"))
    try:
        with os.scandir(os.path.join(start, parent)) as entries:
            folders = [entry.name for entry in entries if entry.is_dir()]
    except OSError:
        return None
    near = get_close_matches(name, folders, n=1)
    return os.path.join(parent, near[0]) if near else None
