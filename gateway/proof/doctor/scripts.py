"""References in style sheets and scripts, as far as their look tells them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.proof.doctor.references import Kind, Reference, clipped

_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)

# CSS Syntax Level 3, 4.3.6, and CSS Cascading Level 5, 2.
_CSS: Final = re.compile(
    r"""url\(\s*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"'()]+))\s*\)"""
    r"""|@import\s+(?:"([^"\n]*)"|'([^'\n]*)')""",
    re.IGNORECASE,
)

# Calls and assignments whose string is a URL whatever the program does. Only such that
# start with a slash or a scheme: the rest is relative and stays where it is.
_LITERAL: Final = r"""(["'`])((?:/|https?://)[^"'`\s$]*)\1"""
_CALLS: Final = (
    r"\bfetch\(\s*|\baxios(?:\.\w+)?\(\s*|\bnew\s+(?:EventSource|Request|Worker)\(\s*"
    r"|\bsendBeacon\(\s*|\.open\(\s*[\"'](?:GET|POST|PUT|PATCH|DELETE)[\"']\s*,\s*"
    r"|\$\.(?:ajax|get|post|getJSON)\(\s*|\blocation(?:\.href)?\s*=\s*"
    r"|\blocation\.(?:assign|replace)\(\s*|\bfrom\s+|\bimport\s*\(?\s*"
    r"|\bserviceWorker\.register\(\s*"
)
_SCRIPT: Final = re.compile(f"(?:{_CALLS})" + _LITERAL)

# Swagger UI and ReDoc are told where the description of the API is.
_API_PAGE: Final = re.compile(r"SwaggerUIBundle|Redoc\.init|<redoc\b")
_API_URL: Final = re.compile(
    r"""(?:["']?\burl["']?\s*:\s*|Redoc\.init\(\s*)""" + _LITERAL
)


def in_style(text: str, line: int = 1) -> Iterator[Reference]:
    """Yield what a style sheet refers to.

    :param line: where it starts in its page.
    """
    bare = _COMMENT.sub(_as_blanks, text)
    yield from _matches("asset", _CSS, bare, line)


def in_script(text: str, line: int = 1) -> Iterator[Reference]:
    """Yield what a script seems to refer to.

    :param line: where it starts in its page.
    """
    if _API_PAGE.search(text):
        yield from _matches("API", _API_URL, text, line)
    yield from _matches("script", _SCRIPT, text, line)


def _matches(
    kind: Kind, pattern: re.Pattern[str], text: str, line: int
) -> Iterator[Reference]:
    for match in pattern.finditer(text):
        # The last group that took part: those of quotes come before it.
        url = (match[match.lastindex or 0] or "").strip()
        if url:
            here = line + text.count("\n", 0, match.start())
            yield Reference(kind, url, here, clipped(match[0]))


def _as_blanks(match: re.Match[str]) -> str:
    """Blank out a comment, and keep its lines."""
    return "\n" * match[0].count("\n")
