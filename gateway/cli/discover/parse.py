"""Source text to a syntax tree, within limits, and a flat view of its statements."""

from __future__ import annotations

import ast
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 512 * 1024


class UnreadableSourceError(Exception):
    """A source file cannot be used; the text says why."""


def read_tree(path: Path) -> ast.Module:
    """Parse one file, whatever its encoding (:pep:`263`), without running it.

    :raises UnreadableSourceError: it cannot be read, is too large or is not Python.
    """
    return parse(_read(path))


def parse(source: bytes) -> ast.Module:
    """Parse source text.

    :raises UnreadableSourceError: it is not Python, or nests too deeply for Python.
    """
    with _explaining():
        return ast.parse(source)


def parse_expression(text: str) -> ast.expr:
    """Parse an annotation that is written as a string.

    :raises UnreadableSourceError: it is not a Python expression.
    """
    with _explaining():
        return ast.parse(text, mode="eval").body


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # Invalid escapes and the like are the application's affair.
            warnings.simplefilter("ignore")
            yield
    except SyntaxError as error:
        line = f"line {error.lineno}: " if error.lineno else ""
        raise UnreadableSourceError(f"{line}{error.msg}") from error
    except (ValueError, LookupError, OverflowError) as error:
        raise UnreadableSourceError(str(error)) from error
    except (RecursionError, MemoryError) as error:
        raise UnreadableSourceError("it nests too deeply to be parsed") from error


def _read(path: Path) -> bytes:
    try:
        # Not blocking: a named pipe called app.py must not stop the scan.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableSourceError("it is not a regular file")
            source = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableSourceError(error.strerror or str(error)) from error
    if len(source) > MAX_BYTES:
        raise UnreadableSourceError(f"it is larger than {MAX_BYTES // 1024} KiB")
    return source


def flatten(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, bool]]:
    """Yield the statements that run when *body* does, blocks opened, in order.

    With each comes whether it may be left out (a branch, a loop, a handler). What
    runs only in a script (``if __name__ == "__main__":``) is left out; bodies of
    functions and classes are not opened. A stack and no recursion: thousands of
    ``elif`` nest as deeply.
    """
    stack = [(statement, False) for statement in reversed(body)]
    while stack:
        statement, conditional = stack.pop()
        yield statement, conditional
        children = list(_children(statement, conditional))
        stack.extend(reversed(children))


def _children(
    statement: ast.stmt, conditional: bool
) -> Iterator[tuple[ast.stmt, bool]]:
    for block, optional in _blocks(statement):
        for child in block:
            yield child, conditional or optional


def _blocks(statement: ast.stmt) -> Iterator[tuple[list[ast.stmt], bool]]:
    match statement:
        case ast.If(test=test, body=body, orelse=orelse):
            script = _main_check(test)
            if script is not True:
                yield body, script is None
            if script is not False:
                yield orelse, script is None
        case ast.With(body=body) | ast.AsyncWith(body=body):
            yield body, False
        case ast.Try() | ast.TryStar():
            yield statement.body, False
            for handler in statement.handlers:
                yield handler.body, True
            yield statement.orelse, False
            yield statement.finalbody, False
        case ast.For() | ast.AsyncFor() | ast.While():
            yield statement.body, True
            yield statement.orelse, True
        case ast.Match(cases=cases):
            for case in cases:
                yield case.body, True


def _main_check(test: ast.expr) -> bool | None:
    """Tell ``__name__ == "__main__"`` (True), its opposite (False), others (None)."""
    match test:
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            sides = {_word(left), _word(right)}
            if sides == {"__name__", "'__main__'"}:
                if isinstance(operator, ast.Eq):
                    return True
                if isinstance(operator, ast.NotEq):
                    return False
    return None


def _word(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Constant(value=str() as text):
            return repr(text)
    return ""


@dataclass(frozen=True, slots=True)
class ImportFact:
    """One module that a file imports: what tells where its import root must be.

    :param module: the dotted name, for a relative import without its dots.
    :param level: the number of dots of a relative import, else 0.
    """

    module: str
    level: int


def imports_of(tree: ast.Module) -> frozenset[ImportFact]:
    """Every import of a file, in functions too.

    A ``DJANGO_SETTINGS_MODULE`` that it sets counts: Django will import it.
    """
    facts: set[ImportFact] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                facts.update(ImportFact(alias.name, 0) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = module or ""
                facts.add(ImportFact(base, level))
                # "from package import name": the name may be a submodule.
                facts.update(
                    ImportFact(f"{base}.{alias.name}".lstrip("."), level)
                    for alias in names
                    if alias.name != "*"
                )
            case ast.Call(
                args=[
                    ast.Constant(value="DJANGO_SETTINGS_MODULE"),
                    ast.Constant(value=str() as module),
                ]
            ):
                facts.add(ImportFact(module, 0))
    return frozenset(facts)
