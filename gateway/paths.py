"""Request paths, as PEP 3333 hands them over: decoded bytes, as Latin-1 text."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

# RFC 3986, 3.3 and 3.4: what may stand unescaped in a path and in a query. A percent
# sign in a query is the client's own escape.
_PATH_SAFE = "/:@!$&'()*+,;=-._~"
_QUERY_SAFE = _PATH_SAFE + "?%"

# Most need no escape, and looking is faster by far than escaping.
_is_plain_path: Final = re.compile(r"[A-Za-z0-9/:@!$&'()*+,;=._~-]*").fullmatch
_is_plain_query: Final = re.compile(r"[A-Za-z0-9/:@!$&'()*+,;=._~?%-]*").fullmatch

# The environ key of the SCRIPT_NAME that the gateway itself was called with. Middleware
# inside a mount may move further segments there.
OUTER = "gateway.script_name"

# The environ key of a subrequest that has the names of the mounts whose requests wait
# for it, the outermost first: a tuple, empty where none does. Other requests have none.
MOUNT_STACK = "gateway.mount_stack"


def from_text(text: str) -> str:
    """Return *text* as it stands in a WSGI path: UTF-8 bytes as Latin-1 (PEP 3333)."""
    return text.encode().decode("latin-1")


def quote_path(path: str) -> str:
    """Return a WSGI *path* percent-encoded, as it stands in a URL and in a log line."""
    if _is_plain_path(path):
        return path
    return quote(path.encode("latin-1", "replace"), _PATH_SAFE)


def quote_query(query: str) -> str:
    """Return a raw *query* with what no URL may hold percent-encoded."""
    if _is_plain_query(query):
        return query
    return quote(query.encode("latin-1", "replace"), _QUERY_SAFE)


def is_below(path: str, prefix: str) -> bool:
    """Tell whether *path* is *prefix*, or below it at a segment's boundary."""
    return path == prefix or path.startswith(f"{prefix}/")


def remove_dot_segments(path: str) -> str:
    """Resolve the ``.`` and ``..`` segments of *path* (RFC 3986, 5.2.4).

    Empty segments are kept, and what climbs above the root stays at the root.
    """
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def location(path: str, query: str) -> str:
    """Return the URL reference for a WSGI *path* and a raw *query*.

    The path's leading slashes become one: two would name another host (RFC 3986, 4.2).
    """
    url = "/" + quote_path(path.lstrip("/"))
    if query:
        url += "?" + quote_query(query)
    return url
