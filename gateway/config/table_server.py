"""The keys of ``server:`` and of ``admin:``."""

from __future__ import annotations

from typing import Final

from gateway.config.address import ADMIN_PREFIX, LISTEN_ADDRESS
from gateway.config.keys import Key
from gateway.config.shapes import NETWORKS
from gateway.config.values import DURATION, SIZE, TOKEN, whole_number

SERVER: Final = (
    Key(
        "host",
        ("server",),
        LISTEN_ADDRESS,
        "The address to listen on; 0.0.0.0 is every IPv4 address of the machine.",
        default="127.0.0.1",
    ),
    Key(
        "port",
        ("server",),
        whole_number(0, 65535, 8080),
        "The TCP port to listen on; 0 takes a free one.",
        default="8080",
    ),
    Key(
        "threads",
        ("server",),
        whole_number(1, 4096, 8),
        "How many requests are served at a time.",
        default="8",
    ),
    Key(
        "max_threads",
        ("server",),
        whole_number(1, 4096, 32),
        "How many threads there are at most when all `threads` are held: each mount "
        "can always run one request, and a thread is started for it.",
        default="32",
    ),
    Key(
        "max_body",
        ("server",),
        SIZE,
        "The largest request body; a larger one is answered with 413.",
        default="16MiB",
    ),
    Key(
        "drain_timeout",
        ("server",),
        DURATION,
        "How long a stop takes at most: requests are finished, then applications shut "
        "down.",
        default="30s",
    ),
    Key(
        "idle_timeout",
        ("server",),
        DURATION,
        "How long a connection may be silent, or its client read nothing of a "
        "response, before it is closed, and how long the head of a request may take "
        "to arrive.",
        default="120s",
    ),
    Key(
        "connection_limit",
        ("server",),
        whole_number(1, 65535, 512),
        "How many connections are open at a time; more wait to be accepted.",
        default="512",
    ),
    Key(
        "backlog",
        ("server",),
        whole_number(1, 65535, 1024),
        "How many connections the operating system holds until they are accepted.",
        default="1024",
    ),
    Key(
        "trusted_hops",
        ("server",),
        whole_number(0, 16, 1),
        "How many reverse proxies in front of the gateway are believed when they name "
        "the client, in X-Forwarded-For, -Proto, -Host and -Prefix.",
        default="0",
    ),
    Key(
        "prefix",
        ("admin",),
        ADMIN_PREFIX,
        "Where it answers, on every host and in front of every mount.",
        default="/_gateway",
    ),
    Key(
        "allow",
        ("admin",),
        NETWORKS,
        "The networks whose clients it answers, in CIDR notation; for others there is "
        "nothing there. A request with forwarding headers is one of them only where "
        "`trusted_hops` tells whose they are.",
        otherwise="127.0.0.0/8 and ::1/128",
    ),
    Key(
        "token",
        ("admin",),
        TOKEN,
        "What a request that changes something has to bring, as a bearer token.",
        otherwise="all such requests are refused",
    ),
)
