"""A YAML file, read as UTF-8 text and composed by PyYAML."""

from __future__ import annotations

import codecs
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.composer import ComposerError
from yaml.reader import Reader

from gateway.config.nodes import MappingNode, kind_of, printable
from gateway.config.tree import MAX_DEPTH, TreeBuilder, Unreadable, place_of, too_deep
from gateway.errors import Place, Problem

MAX_BYTES: Final = 1024 * 1024


def read_mapping(path: Path, problems: list[Problem]) -> MappingNode | None:
    """Return the one document of a YAML file, which must be a mapping.

    :param path: absolute.
    :param problems: takes what is wrong with the file.
    :returns: ``None`` if the file cannot be used at all.
    """
    file = display_name(path)
    try:
        root = _compose(_decode(_read(path, file), file), file)
        document = TreeBuilder(file, problems).build(root)
        if isinstance(document, MappingNode):
            return document
        raise Unreadable(
            document.place,
            f"the file must hold a mapping of keys such as 'mounts:', not "
            f"{kind_of(document)}",
        )
    except Unreadable as error:
        problems.append(error.problem)
        return None


def display_name(path: Path) -> str:
    """Return *path* for messages: relative where it is below the working directory."""
    # The working directory may be gone, or elsewhere.
    with suppress(OSError, ValueError):
        path = path.relative_to(os.getcwd())
    return printable(str(path))


def _read(path: Path, file: str) -> bytes:
    start = Place(file, 1, 1)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise Unreadable(
            start,
            "there is no such file: 'gateway init' writes a first one; -c or "
            "GATEWAY_CONFIG names another",
        ) from None
    except IsADirectoryError:
        raise Unreadable(
            start, "this is a folder: name the YAML file inside it"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Unreadable(
            start,
            f"the file cannot be read ({reason}): make it readable, or name another",
        ) from None
    if len(data) > MAX_BYTES:
        raise Unreadable(
            start,
            f"the file is larger than {MAX_BYTES // 1024} KiB: name the right one, or "
            "spread the mounts over several files with 'include:'",
        )
    return data


def _decode(data: bytes, file: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable(Place(file, 1, 1), "the file is in UTF-16: save it as UTF-8")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(
            _place_after(data[: error.start].decode(), file),
            f"the byte 0x{data[error.start]:02X} is not UTF-8: save the file as UTF-8",
        ) from None
    match = Reader.NON_PRINTABLE.search(text)
    if match:
        raise Unreadable(
            _place_after(text[: match.start()], file),
            f"the control character U+{ord(match.group()):04X} cannot stand in YAML: "
            'remove it, or write an escape in double quotes, such as "\\x07"',
        )
    return text


def _place_after(before: str, file: str) -> Place:
    # The line breaks of YAML 1.1, 4.2: PyYAML counts its lines by them.
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", before)
    return Place(file, len(lines), len(lines[-1]) + 1)


class _Loader(yaml.SafeLoader):
    """Composes nodes, down to a depth that the interpreter's stack can hold."""

    _depth = 0

    def upcoming(self) -> Any:
        """Return the event that is composed next."""
        return self.peek_event()  # type: ignore[no-untyped-call]

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            mark = self.upcoming().start_mark
            raise ComposerError(None, None, too_deep(), mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_scalar_node(self, anchor: dict[object, yaml.Node]) -> yaml.ScalarNode:
        tagged = self.upcoming().tag not in (None, "!")
        node = super().compose_scalar_node(anchor)
        if tagged:
            # A tag settles the type as quotes do, and nodes do not tell it apart.
            node.style = node.style or "'"
        return node


def _compose(text: str, file: str) -> yaml.Node:
    loader = _Loader(text)
    try:
        root = loader.get_node() if loader.check_node() else None
        if root is None:
            raise Unreadable(
                Place(file, 1, 1),
                "the file is empty: it needs 'mounts:'; 'gateway init' writes a first "
                "one",
            )
        if loader.check_node():
            raise Unreadable(
                place_of(loader.upcoming().start_mark, file),
                "a second document starts here, and a file holds one: remove the "
                "'---', or move what follows to a file of its own and include it",
            )
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, file) from None
    except (OverflowError, ValueError):
        # How PyYAML fails at an escape such as "\UFFFFFFFF".
        raise Unreadable(
            place_of(loader.get_mark(), file),
            "an escape here names no character: Unicode ends at \\U0010FFFF",
        ) from None
    finally:
        loader.dispose()
    return root


# What PyYAML says, and what to say instead. Its own words for tags, anchors and aliases
# would echo what may be a password without its quotes.
_CURES: Final = (
    (
        "found character '\\t'",
        "a tab stands here: indent and separate with spaces only",
    ),
    (
        "cannot start any token",
        "an unquoted text cannot start with this character: put it in quotes",
    ),
    (
        "mapping values are not allowed",
        "a ':' is out of place: put a text that holds ': ' in quotes, or correct the "
        "indentation",
    ),
    (
        "could not find expected ':'",
        "a key before here has no ':' after it: write 'key: value'",
    ),
    ("expected <block end>", "the indentation does not fit the lines above: align it"),
    ("undefined alias", "no anchor has this name: quote a text that starts with '*'"),
    (
        "second occurrence",
        "this anchor's name is taken: use another, or quote a text that starts "
        "with '&'",
    ),
    ("tag handle", "this tag is not known: quote a text that starts with '!'"),
    (
        "but got '{'",
        "a '{' is out of place: inside brackets, put quotes around a text that holds "
        'one, such as "${NAME}"',
    ),
    ("unexpected end of stream", "a quote is not closed: close it"),
    ("<stream end>", "a bracket is not closed: close it"),
)


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> Unreadable:
    found = error.problem or ""
    message = next((cure for needle, cure in _CURES if needle in found), None)
    if message is None:
        context = f" ({error.context})" if error.context else ""
        message = found if found == too_deep() else f"not valid YAML: {found}{context}"
    opened = error.context_mark
    found_at = error.problem_mark or opened
    if opened and found_at and "not closed" in message and opened.line < found_at.line:
        message += f"; it starts at line {opened.line + 1}"
    return Unreadable(place_of(found_at, file), message)
