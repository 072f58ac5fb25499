"""One GET, in this process, and as much of its answer as is worth reading."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from gateway.bodies import close_body
from gateway.mount import Mount
from gateway.paths import from_text
from gateway.policies.stack import PAST_POLICIES
from gateway.types import WSGIApplication, WSGIEnvironment

HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
CSS: Final = "text/css"
SCRIPT: Final = frozenset(
    {"text/javascript", "application/javascript", "application/x-javascript"}
)
JSON: Final = "application/json"

_READ: Final = HTML | SCRIPT | {CSS, JSON}

# How long one response is read, in seconds: some never end.
_PATIENCE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    :param media_type: lower case, without parameters.
    :param text: the body, where it is one that may hold references.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = ""
    text: str = ""

    @property
    def exists(self) -> bool:
        """Whether something answers there, be it only to refuse or to send on."""
        return self.status < 500 and self.status not in (400, 404, 410)


def ask(application: WSGIApplication, url: str, most: int) -> Answer:
    """Return what a gateway answers to GET *url*.

    :param most: how many bytes of the body are read.
    """
    return _answer(application, _environ(url), most)


def ask_mount(mount: Mount, url: str, most: int) -> Answer:
    """Return what a mount answers to *url*, which is below its prefix.

    It is asked by itself: another mount may stand in front of it there.
    """
    environ = _environ(url)
    prefix = from_text(mount.prefix)
    environ["SCRIPT_NAME"] = prefix
    environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(prefix)
    return _answer(mount.serve, environ, most)


def _environ(url: str) -> WSGIEnvironment:
    # Imported here: a gateway that serves needs no client.
    from werkzeug.test import EnvironBuilder

    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    builder = EnvironBuilder(
        # Two slashes in front would be a host.
        f"/.{parts.path}{query}" if parts.path[:2] == "//" else f"{parts.path}{query}",
        base_url=f"{parts.scheme}://{parts.netloc}/",
        headers=[("Accept", "text/html,*/*;q=0.8"), ("User-Agent", "gateway-doctor")],
    )
    try:
        environ: WSGIEnvironment = builder.get_environ()
    finally:
        builder.close()
    # A client of this machine, as `gateway call` is one.
    environ["REMOTE_ADDR"] = "127.0.0.1"
    # It has no password, and may ask more often than a client.
    environ[PAST_POLICIES] = True
    return environ


def _answer(
    application: WSGIApplication, environ: WSGIEnvironment, most: int
) -> Answer:
    try:
        return _heard(application, environ, most)
    except BaseException:  # gevent's Timeout is one, and what sys.exit() raises
        # What reaches the server before there is a head becomes a 500 there; so does
        # what no server can send.
        return Answer(500)


def _heard(application: WSGIApplication, environ: WSGIEnvironment, most: int) -> Answer:
    from werkzeug.test import run_wsgi_app

    body, status, headers = run_wsgi_app(application, environ)
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    readable = media_type in _READ or media_type.endswith("+json")
    encoded = headers.get("Content-Encoding", "identity") != "identity"
    data = b""
    try:
        if readable and not encoded:
            data = _read(body, most)
    finally:
        with suppress(Exception):  # the answer is whole: it is its own affair
            close_body(body)
    text = _decoded(data, headers.get("Content-Type", ""))
    return Answer(int(status[:3]), tuple(headers.items()), media_type, text)


def _read(body: Iterable[bytes], most: int) -> bytes:
    parts, size, until = [], 0, monotonic() + _PATIENCE
    with suppress(Exception):  # cut off: what came before still counts
        for part in body:
            parts.append(part)
            size += len(part)
            if size > most or monotonic() > until:
                break
    return b"".join(parts)[:most]


def _decoded(data: bytes, content_type: str) -> str:
    """Return a body as text, by its charset if Python knows it, else by UTF-8."""
    from werkzeug.http import parse_options_header

    charset = parse_options_header(content_type)[1].get("charset", "utf-8")
    try:
        return data.decode(charset, "replace")
    except (LookupError, ValueError):  # also of a codec that cannot replace, as idna
        return data.decode("utf-8", "replace")
