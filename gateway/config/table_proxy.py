"""The keys of mounts that stand for a server of their own."""

from __future__ import annotations

from typing import Final

from gateway.config.keys import Key
from gateway.config.upstream import UPSTREAM
from gateway.config.values import BOOLEAN, DURATION

_PROXY: Final = frozenset({"proxy"})

PROXY_KEYS: Final = (
    Key(
        "proxy",
        ("mount",),
        UPSTREAM,
        "The address of an HTTP server that requests are passed on to; the rest of "
        "their path and their query are added to it.",
        kinds=_PROXY,
    ),
    Key(
        "timeout",
        ("mount", "defaults"),
        DURATION,
        "How long the server behind may be silent before and within its answer; then "
        "the client gets 504.",
        default="60s",
        kinds=_PROXY,
    ),
    Key(
        "connect_timeout",
        ("mount", "defaults"),
        DURATION,
        "How long a connection to the server behind may take; then the client gets "
        "504.",
        default="5s",
        kinds=_PROXY,
    ),
    Key(
        "preserve_host",
        ("mount", "defaults"),
        BOOLEAN,
        "Whether the server behind gets the client's Host header, or that of its own "
        "address.",
        default="true",
        kinds=_PROXY,
    ),
)
