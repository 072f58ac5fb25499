"""References in HTML (the HTML Living Standard's URL attributes, and htmx's)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Final

from gateway.proof.doctor.references import Kind, Reference, clipped
from gateway.proof.doctor.scripts import in_script, in_style

Attributes = Mapping[str, str]

# The attributes that hold one URL, by tag; "" is any tag.
_URLS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "a": {"href": "link"},
    "area": {"href": "link"},
    "audio": {"src": "asset"},
    "button": {"formaction": "form"},
    "embed": {"src": "asset"},
    "form": {"action": "form"},
    "frame": {"src": "asset"},
    "iframe": {"src": "asset"},
    "image": {"href": "asset", "xlink:href": "asset"},
    "img": {"src": "asset"},
    "input": {"src": "asset", "formaction": "form"},
    "object": {"data": "asset"},
    "redoc": {"spec-url": "API"},
    "script": {"src": "asset"},
    "source": {"src": "asset"},
    "track": {"src": "asset"},
    "use": {"href": "asset", "xlink:href": "asset"},
    "video": {"src": "asset", "poster": "asset"},
}
_REQUESTS: Final = frozenset(
    f"{start}hx-{verb}"
    for start in ("", "data-")
    for verb in ("get", "post", "put", "patch", "delete")
)
_SETS: Final = frozenset({"srcset", "imagesrcset"})

# Links that a browser loads with the page; the others tell of related pages.
_LOADED: Final = frozenset(
    {"stylesheet", "icon", "manifest", "preload", "modulepreload", "apple-touch-icon"}
)
# Those that tell what no browser asks for, or ask of other servers.
_UNASKED: Final = frozenset({"preconnect", "dns-prefetch", "profile", "pingback"})

# What stands before a URL in <meta http-equiv="refresh" content="0; url=/">.
_REFRESH: Final = re.compile(r"^\s*[\d.]*\s*[;,]?\s*(?:url\s*=\s*)?[\"']?", re.I)
_CANDIDATE: Final = re.compile(r"\s*,*\s*(\S*[^\s,])(?:\s+[^,]*)?(?:,|$)")

_SCRIPT_TYPES: Final = frozenset({"", "module", "text/javascript"})


def in_html(text: str) -> list[Reference]:
    """Return what a page refers to, in the order of the page."""
    page = _Page()
    page.feed(text)
    page.close()
    return page.found


def refresh_url(content: str) -> str:
    """Return the URL of a refresh, as its header or its ``meta`` has it; or nothing."""
    url = content[match.end() :] if (match := _REFRESH.match(content)) else ""
    return url.strip().rstrip("\"'")


class _Page(HTMLParser):
    """Collects references while it reads."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Reference] = []
        self._base = ""
        # The element whose text is code, and what kind of code.
        self._code = ""

    def parse_html_declaration(self, i: int) -> int:
        # HTML, 13.2.5.42 and 13.2.5.41: a comment up to the next ">". Some versions of
        # Python raise an AssertionError for what is no marked section of SGML.
        if self.rawdata.startswith("<![", i):
            return self.parse_bogus_comment(i, False)
        return super().parse_html_declaration(i)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line, text = self.getpos()[0], clipped(self.get_starttag_text() or tag)
        # HTML, 13.2.5.33: of two attributes of one name the first counts.
        given: dict[str, str] = {}
        for name, value in attrs:
            given.setdefault(name, (value or "").strip())
        if tag == "base" and "href" in given and not self._base:
            self._base = given["href"]
            self.found.append(Reference("base", self._base, line, text))
            return
        for kind, url in _in_tag(tag, given):
            if url:
                self.found.append(Reference(kind, url, line, text, self._base))
        if "style" in given:
            self._add(in_style(given["style"], line))
        for name, code in given.items():
            if name.startswith("on"):
                self._add(in_script(code, line))
        if tag == "style":
            self._code = "style"
        elif tag == "script" and given.get("type", "").lower() in _SCRIPT_TYPES:
            self._code = "script"

    def handle_endtag(self, tag: str) -> None:
        if tag == self._code:
            self._code = ""

    def handle_data(self, data: str) -> None:
        line = self.getpos()[0]
        if self._code == "style":
            self._add(in_style(data, line))
        elif self._code == "script":
            self._add(in_script(data, line))

    def _add(self, found: Iterator[Reference]) -> None:
        for each in found:
            whole = Reference(each.kind, each.url, each.line, each.text, self._base)
            self.found.append(whole)


def _in_tag(tag: str, given: Attributes) -> Iterator[tuple[Kind, str]]:
    for name, kind in _URLS.get(tag, {}).items():
        if name in given:
            yield kind, given[name]
    for name, value in given.items():
        if name in _SETS:
            yield from (("asset", match[1]) for match in _CANDIDATE.finditer(value))
        elif name in _REQUESTS:
            yield "request", value
        elif name.startswith("data-") and _looks_like_path(value):
            yield "data", value
    if tag == "link" and "href" in given:
        yield from _in_link(given)
    if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
        yield "refresh", refresh_url(given.get("content", ""))


def _in_link(given: Attributes) -> Iterator[tuple[Kind, str]]:
    relations = set(given.get("rel", "").lower().split())
    if not relations & _UNASKED:
        yield ("asset" if relations & _LOADED else "relation"), given["href"]


def _looks_like_path(value: str) -> bool:
    return re.fullmatch(r"/[^/\s][^\s]*", value) is not None
