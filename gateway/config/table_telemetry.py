"""The keys of what a gateway tells about its requests."""

from __future__ import annotations

from typing import Final

from gateway.config.keys import Key
from gateway.config.values import BOOLEAN, DURATION, choice

TELEMETRY: Final = (
    Key(
        "access_log",
        ("server",),
        choice("text", "json", "off"),
        "How each request is logged, to the logger `gateway.access`. With `json` a "
        "line is an object, and so are the others that `gateway serve` logs.",
        default="text",
    ),
    Key(
        "request_id",
        ("server",),
        choice("accept", "make", "off"),
        "The id of a request, in `X-Request-ID`: `accept` takes a valid one that the "
        "client sends and makes the others, `make` makes all of them.",
        default="accept",
    ),
    Key(
        "tracing",
        ("server",),
        choice("otel", "off"),
        "With `otel`, an OpenTelemetry span for each request (extra `otel`).",
        default="off",
    ),
    Key(
        "metrics",
        ("server",),
        BOOLEAN,
        "Whether requests are counted for `/metrics` of `admin:` (extra `metrics`).",
        otherwise="they are where the extra is installed",
    ),
    Key(
        "probe_timeout",
        ("admin",),
        DURATION,
        "How long `/readyz` waits for the answers of the mounts' `probe:` paths.",
        default="2s",
    ),
)
