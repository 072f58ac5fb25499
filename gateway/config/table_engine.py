"""The keys of ``server:`` that choose what serves."""

from __future__ import annotations

from typing import Final

from gateway.config.keys import Key
from gateway.config.values import choice, whole_number

ENGINE: Final = (
    Key(
        "engine",
        ("server",),
        choice("waitress", "granian", "gunicorn"),
        "The server that the gateway runs in; granian and gunicorn are extras.",
        default="waitress",
    ),
    Key(
        "workers",
        ("server",),
        whole_number(1, 256, 4),
        "How many processes serve, with granian and gunicorn; each of them has "
        "`threads`.",
        default="1",
    ),
    Key(
        "worker_class",
        ("server",),
        choice("gthread", "gevent"),
        "Whether the requests of a gunicorn process are served by threads (gthread) or "
        "by greenlets (gevent).",
        default="gthread",
    ),
)
