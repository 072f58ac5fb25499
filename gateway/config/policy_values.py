"""The values that mounts' policies are described by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import urlsplit

from gateway.config.htpasswd import read_htpasswd
from gateway.config.policy_spec import (
    AuthSpec,
    MiddlewareSpec,
    Rate,
    RateLimitSpec,
    SecurityHeadersSpec,
)
from gateway.config.shapes import FREE, Field, FileType, ListType, record, records
from gateway.config.values import (
    BOOLEAN,
    DURATION,
    REFERENCE,
    InvalidValue,
    ScalarType,
    check_text,
    choice,
    parse_path,
)
from gateway.errors import Place

_OFF: Final = ("off", "false", "no")
_UNITS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE: Final = (
    r"([1-9][0-9]{0,8}) ?(?:/|per) ?(?:([1-9][0-9]{0,3}) )?(second|minute|hour|day)s?"
)
# RFC 9110, 5.6.2.
_TOKEN: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"


def or_off(of: ScalarType) -> ScalarType:
    """Return the type *of* with the word ``off``, which means ``None``."""

    def parse(text: str) -> object:
        return None if text.lower() in _OFF else of.parse(text)

    schema = {"anyOf": [dict(of.schema), {"const": False}, {"enum": list(_OFF)}]}
    return ScalarType(f"{of.label}, or off", of.example, schema, parse, of.secret)


def _parse_rate(text: str) -> Rate:
    match = re.fullmatch(_RATE, text)
    if match is None:
        raise InvalidValue(
            "is not a rate: write how many requests in which time, such as 100/minute "
            "or '20 per 5 seconds'"
        )
    amount, number, unit = match.groups()
    return Rate(int(amount), int(number or 1) * _UNITS[unit])


RATE: Final = ScalarType(
    "rate", "100/minute", {"type": "string", "pattern": f"^{_RATE}$"}, _parse_rate
)


def _parse_by(text: str) -> str | None:
    if text == "address":
        return None
    name = text.removeprefix("header:").strip()
    if not text.startswith("header:") or not re.fullmatch(_TOKEN, name):
        raise InvalidValue(
            "does not tell clients apart: write 'address', or the name of a request "
            "header, such as 'header:X-Api-Key'"
        )
    return name


_BY: Final = ScalarType(
    "address, or header: and a name",
    "header:X-Api-Key",
    {"type": "string", "pattern": r"^(address|header:\s*\S+)$"},
    _parse_by,
)


def _parse_storage(text: str) -> str | None:
    if text == "memory":
        return None
    check_text(text)
    try:
        parts = urlsplit(text)
        # Reading the port checks it.
        located = parts.path if parts.scheme == "unix" else parts.hostname
        valid = parts.scheme in ("redis", "rediss", "unix") and parts.port != 0
    except ValueError:
        valid, located = False, None
    if not valid or not located:
        raise InvalidValue(
            "is no place to count: write 'memory', or the URL of a Redis, such as "
            "redis://127.0.0.1:6379/0"
        )
    return text


_STORAGE: Final = ScalarType(
    "memory, or the URL of a Redis",
    "redis://127.0.0.1:6379/0",
    {"type": "string", "pattern": "^(memory$|rediss?://|unix://)"},
    _parse_storage,
    secret=True,
)


def _rate_limit(values: Mapping[str, Any], place: Place) -> RateLimitSpec | None:
    if values["limit"] is None:
        return None
    return RateLimitSpec(values["limit"], values.get("by"), values.get("storage"))


_LIMIT: Final = Field("limit", or_off(RATE), required=True)
RATE_LIMIT: Final = record(
    "rate, off, or mapping",
    "{limit: 100/minute, by: 'header:X-Api-Key'}",
    (_LIMIT, Field("by", _BY), Field("storage", _STORAGE)),
    _rate_limit,
    _LIMIT,
)


def _parse_method(text: str) -> str:
    if not re.fullmatch(_TOKEN, text):
        raise InvalidValue("is no method (RFC 9110, 9.1): write one such as GET")
    if text != text.upper():
        raise InvalidValue("is not in capitals, as methods are", text.upper())
    return text


METHOD: Final = ScalarType(
    "method", "GET", {"type": "string", "pattern": f"^{_TOKEN}$"}, _parse_method
)


def _parse_off(text: str) -> None:
    if text.lower() not in _OFF:
        raise InvalidValue(
            "does not say who may enter: write a mapping, such as {htpasswd: "
            "users.htpasswd}, or off"
        )


def _parse_realm(text: str) -> str:
    check_text(text)
    if not text.isascii():
        raise InvalidValue("has characters that are not ASCII: write others")
    return text


_OFF_ONLY: Final = ScalarType(
    "off", "off", {"anyOf": [{"const": False}, {"enum": list(_OFF)}]}, _parse_off
)
_HTPASSWD: Final = FileType(
    "file",
    "users.htpasswd",
    {"type": "string", "minLength": 1},
    parse_path,
    read=read_htpasswd,
)
_REALM: Final = ScalarType("text", "Staff", {"type": "string"}, _parse_realm)


def _auth(values: Mapping[str, Any], place: Place) -> AuthSpec | None:
    if "off" in values:
        return None
    users = values["htpasswd"]
    return AuthSpec(users, **{k: v for k, v in values.items() if k != "htpasswd"})


AUTH: Final = record(
    "mapping, or off",
    "{htpasswd: users.htpasswd, realm: Staff}",
    (
        Field("htpasswd", _HTPASSWD, required=True),
        Field("realm", _REALM),
        Field("pass_header", BOOLEAN),
    ),
    _auth,
    Field("off", _OFF_ONLY),
)

_REFERRER: Final = choice(
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
)


def _security_headers(
    values: Mapping[str, Any], place: Place
) -> SecurityHeadersSpec | None:
    if values.get("on") is False:
        return None
    return SecurityHeadersSpec(**{k: v for k, v in values.items() if k != "on"})


SECURITY_HEADERS: Final = record(
    "boolean, or mapping",
    "{frames: deny, hsts: off}",
    (
        Field("nosniff", BOOLEAN),
        Field("referrer_policy", or_off(_REFERRER)),
        Field("frames", choice("deny", "same-origin", "any")),
        Field("hsts", or_off(DURATION)),
    ),
    _security_headers,
    Field("on", BOOLEAN),
)


def _middleware(values: Mapping[str, Any], place: Place) -> MiddlewareSpec:
    args = cast(Mapping[str, object], values.get("args", {}))
    return MiddlewareSpec(values["use"], args, place)


_USE: Final = Field("use", REFERENCE, required=True)
MIDDLEWARE: Final = records(
    "list of mappings",
    "[{use: 'werkzeug.middleware.profiler:ProfilerMiddleware'}]",
    record(
        "mapping, or reference",
        "{use: 'werkzeug.middleware.profiler:ProfilerMiddleware'}",
        (_USE, Field("args", FREE)),
        _middleware,
        _USE,
    ),
)
METHODS: Final = ListType(
    "list of methods",
    "[GET, POST]",
    {"type": ["array", "string"], "items": {"type": "string", "minLength": 1}},
    METHOD,
)
