"""The address of a server behind a ``proxy:`` mount."""

from __future__ import annotations

from urllib.parse import urlsplit

from werkzeug.urls import iri_to_uri

from gateway.config.values import InvalidValue, ScalarType, check_text


def _parse_upstream(text: str) -> str:
    check_text(text)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # Reading the port checks it.
        uri = iri_to_uri(text)
    except ValueError:
        raise InvalidValue(
            "is not a URL: write one such as http://127.0.0.1:9000"
        ) from (None)
    if parts.scheme not in ("http", "https") or not host or parts.port == 0:
        raise InvalidValue(
            "is not the URL of a server: write http:// or https://, its host and its "
            "port, such as http://127.0.0.1:9000"
        )
    if parts.username is not None or parts.password is not None:
        raise InvalidValue(
            "has a user name or a password, which would be shown wherever the address "
            "is: remove it"
        )
    if " " in text or "?" in text or "#" in text:
        raise InvalidValue(
            "has a space, '?' or '#': remove it; the rest of the request's path and "
            "its query are added at the end"
        )
    return uri.rstrip("/")


UPSTREAM = ScalarType(
    "URL of a server",
    "http://127.0.0.1:9000",
    {"type": "string", "pattern": "^https?://"},
    _parse_upstream,
    secret=True,
)
