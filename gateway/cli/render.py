"""How snapshots look on a terminal, in a pipe and as JSON."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import IO, Any, ClassVar, Final, Protocol

import click

from gateway.config.nodes import printable

_EMPTY: Final = "-"


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One mount, as the configuration alone tells it."""

    prefix: str
    host: str | None
    mount: str
    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class RouteDetail(RouteRow):
    """One mount, with what a line of a table has no room for.

    :param policies: what is done around its application, the outermost first.
    """

    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One mount, and whether it loads."""

    result: str
    prefix: str
    host: str | None
    mount: str
    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class LoadedRow:
    """One mount that serves.

    :param load: how long loading it took, such as ``12ms``.
    """

    prefix: str
    host: str | None
    mount: str
    kind: str
    load: str
    source: str


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One mount of a gateway that serves.

    :param running: how many requests it is serving.
    :param queued: how many wait for it.
    :param rejected: how many were answered with 503, as its queue was full.
    """

    state: str
    prefix: str
    host: str | None
    mount: str
    kind: str
    running: int
    queued: int
    rejected: int
    generation: int | None
    load: str
    source: str


@dataclass(frozen=True, slots=True)
class FoundRow:
    """One application that ``init`` found."""

    prefix: str
    mount: str
    kind: str
    source: str


class Row(Protocol):
    """One line of a listing: a frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


def show_table(rows: Iterable[Row], *, err: bool = False) -> None:
    """Print rows of one sort, a line each below a line of headings.

    On a terminal with rich installed it is a drawn table. Anywhere else the columns
    are aligned with blanks and an empty cell is a dash, so that scripts can split it.
    """
    listed = list(rows)
    if not listed:
        return
    names = [field.name for field in fields(listed[0])]
    lines = [list(asdict(row).values()) for row in listed]
    titles = [name.capitalize() for name in names]
    show_grid([name.upper() for name in names], lines, titles=titles, err=err)


def show_grid(
    headings: Sequence[str],
    lines: Iterable[Iterable[object]],
    *,
    titles: Sequence[str] | None = None,
    err: bool = False,
) -> None:
    """Print a table whose columns are known only when it is printed.

    :param titles: the headings where it is drawn; by default the same.
    """
    cells = [[_cell(value) for value in line] for line in lines]
    stream = sys.stderr if err else sys.stdout
    if stream.isatty() and _show_rich(titles or headings, cells, stream):
        return
    for line in aligned([[*headings], *cells]):
        click.echo(line, err=err)


def show_json(rows: Iterable[Row]) -> None:
    """Print rows as a JSON array of objects."""
    click.echo(json.dumps([asdict(row) for row in rows], indent=2))


def milliseconds(seconds: float) -> str:
    """Return a time for people: 8.1ms, 412ms, 2310ms."""
    value = seconds * 1000
    return f"{value:.1f}ms" if value < 10 else f"{value:.0f}ms"


def _cell(value: object) -> str:
    return printable(str(value)) if value not in (None, "") else _EMPTY


def aligned(lines: list[list[str]]) -> Iterator[str]:
    """Yield each line with its cells in columns, two blanks between them."""
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (
            cell + " " * (width - _width(cell))
            for cell, width in zip(line, widths, strict=True)
        )
        yield "  ".join(padded).rstrip()


def _width(text: str) -> int:
    """How many columns of a terminal a text takes (Unicode annex 11)."""
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


def _show_rich(
    headings: Sequence[str], cells: list[list[str]], stream: IO[Any]
) -> bool:
    try:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for line in cells:
        # Not markup: a path may hold brackets.
        table.add_row(*(Text(cell, style=_style(cell)) for cell in line))
    # https://no-color.org: set and not empty. Bold is left out with the colours.
    if os.environ.get("NO_COLOR"):
        Console(file=stream, color_system=None).print(table)
    else:
        Console(file=stream).print(table)
    return True


def _style(cell: str) -> str:
    word = cell.partition(" (")[0]
    if word in ("ok", "proven", "serving"):
        return "green"
    if word in ("FAILED", "VIOLATED", "failed"):
        return "bold red"
    return "dim" if word in (_EMPTY, "n/a") else ""
