"""The ASGI HTTP connection scope of a WSGI environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from gateway.loaders.asgi_protocol import HTTP_SPEC, Scope, UndecodableRequest
from gateway.paths import quote_path
from gateway.types import WSGIEnvironment

# Where servers leave the request target as the client sent it; neither is standard.
_TARGETS = ("REQUEST_URI", "RAW_URI")


def build_scope(environ: WSGIEnvironment, state: Mapping[str, Any]) -> Scope:
    """Describe a request to an ASGI application.

    ``path`` includes ``root_path``, as the application's own URLs do.

    :param environ: the WSGI environment (PEP 3333).
    :param state: what the lifespan left; each request gets a copy of its own.
    :raises UndecodableRequest: the path is not UTF-8.
    """
    prefix = environ.get("SCRIPT_NAME", "")
    path = prefix + environ.get("PATH_INFO", "") or "/"
    try:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": HTTP_SPEC},
            "http_version": _http_version(environ.get("SERVER_PROTOCOL", "")),
            "method": environ["REQUEST_METHOD"].upper(),
            "scheme": environ.get("wsgi.url_scheme") or "http",
            "path": _decode(path),
            "raw_path": _raw_path(environ, path),
            "query_string": environ.get("QUERY_STRING", "").encode("latin-1"),
            "root_path": _decode(prefix),
            "headers": _headers(environ),
            "server": _server(environ),
            "client": _client(environ),
            "extensions": {},
            "state": dict(state),
        }
    except UnicodeError as error:
        raise UndecodableRequest(
            f"the request for {path!r} cannot be decoded: {error}"
        ) from error


def _decode(path: str) -> str:
    return path if path.isascii() else path.encode("latin-1").decode("utf-8")


def _raw_path(environ: WSGIEnvironment, path: str) -> bytes:
    """Return the path as the client sent it, or else as it might have.

    A target that stands for another path than the one dispatched (dot segments, a
    prefix taken off by a proxy) is of no use, and trusting it would be unsafe.
    """
    decoded = path.encode("latin-1")
    for key in _TARGETS:
        target = environ.get(key)
        if target:
            raw: bytes = target.partition("?")[0].encode("latin-1")
            if raw == decoded or unquote_to_bytes(raw) == decoded:
                return raw
    return quote_path(path).encode("ascii")


def _http_version(protocol: str) -> str:
    version = protocol.partition("/")[2] or "1.1"
    return version.removesuffix(".0") if version >= "2" else version


def _headers(environ: WSGIEnvironment) -> list[tuple[bytes, bytes]]:
    headers = []
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            name = _header_name(key[5:])
            # PEP 3333 has these two outside HTTP_; there they are somebody's forgery.
            if name in (b"content-type", b"content-length"):
                continue
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value:
            name = _header_name(key)
        else:
            continue
        headers.append((name, value.encode("latin-1")))
    return headers


@lru_cache(maxsize=512)
def _header_name(key: str) -> bytes:
    return key.replace("_", "-").lower().encode("latin-1")


def _server(environ: WSGIEnvironment) -> tuple[str, int | None] | None:
    host = environ.get("SERVER_NAME")
    return (host, _port(environ.get("SERVER_PORT"))) if host else None


def _client(environ: WSGIEnvironment) -> tuple[str, int] | None:
    host = environ.get("REMOTE_ADDR")
    return (host, _port(environ.get("REMOTE_PORT")) or 0) if host else None


def _port(text: object) -> int | None:
    """Return a port as a number; servers on a UNIX socket have none to tell."""
    text = str(text)
    return int(text) if text.isascii() and text.isdigit() else None
