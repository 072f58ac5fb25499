"""The address of a server behind a ``proxy:`` mount."""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway.config.values import (
    InvalidValue,
    ScalarType,
    check_base,
    check_text,
    http_uri,
)


def _parse_upstream(text: str) -> str:
    check_text(text)
    try:
        uri = http_uri(text)
    except ValueError:
        raise InvalidValue(
            "is not a URL: write one such as http://127.0.0.1:9000"
        ) from None
    if uri is None:
        raise InvalidValue(
            "is not the URL of a server: write http:// or https://, its host and its "
            "port, such as http://127.0.0.1:9000"
        )
    if urlsplit(text).username is not None:
        raise InvalidValue(
            "has a user name or a password, which would be shown wherever the address "
            "is: remove it"
        )
    check_base(text)
    return uri.rstrip("/")


UPSTREAM = ScalarType(
    "URL of a server",
    "http://127.0.0.1:9000",
    {"type": "string", "pattern": "^https?://"},
    _parse_upstream,
    secret=True,
)
