"""What a response refers to: a reference, where it stands, and how sure it is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "link",
    "asset",
    "form",
    "refresh",
    "redirect",
    "relation",
    "base",
    "request",
    "API",
    "script",
    "data",
]

FOLLOWED: Final[frozenset[Kind]] = frozenset(
    {"link", "asset", "refresh", "redirect", "relation", "base"}
)
"""What a browser, or a reader, gets by GET: these are asked for in turn."""

WEAK: Final[frozenset[Kind]] = frozenset({"script", "data"})
"""What only looks like a URL: it counts only where there is proof that it is one."""

_LONGEST: Final = 160


@dataclass(frozen=True, slots=True)
class Reference:
    """A URL reference (RFC 3986, 4.1) as it stands in a response.

    :param url: as it is written, without blanks around it.
    :param line: in the body, from 1 on; ``None`` in a header.
    :param text: what it stands in, for people.
    :param base: what its page says relative references start from.
    """

    kind: Kind
    url: str
    line: int | None
    text: str
    base: str = ""


def clipped(text: str) -> str:
    """Return *text* on one line, cut to a length that fits a message."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
