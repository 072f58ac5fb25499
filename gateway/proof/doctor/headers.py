"""References in the headers of a response."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from gateway.proof.doctor.markup import refresh_url
from gateway.proof.doctor.references import Kind, Reference, clipped

Headers = Iterable[tuple[str, str]]

# RFC 8288, 3: <URI-Reference>; parameters, <...>
_LINK: Final = re.compile(r"<([^<>]*)>")


def in_headers(status: int, headers: Headers) -> Iterator[Reference]:
    """Yield what *headers* refer to: ``Location``, ``Link``, ``Refresh`` and others."""
    for name, value in headers:
        text = clipped(f"{name}: {value}")
        match name.lower():
            case "location":
                # RFC 9110, 10.2.2: with 201 it tells of what was made.
                kind: Kind = "redirect" if 300 <= status < 400 else "relation"
                yield Reference(kind, value.strip(), None, text)
            case "hx-redirect" | "hx-location":
                # htmx takes an object for the latter too.
                if value[:1] != "{":
                    yield Reference("redirect", value.strip(), None, text)
            case "content-location":
                yield Reference("relation", value.strip(), None, text)
            case "refresh":
                yield Reference("refresh", refresh_url(value), None, text)
            case "link":
                for match in _LINK.finditer(value):
                    yield Reference("relation", match[1].strip(), None, text)
