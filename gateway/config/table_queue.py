"""The keys that share the server's threads out among the mounts."""

from __future__ import annotations

from typing import Final

from gateway.config.keys import Key
from gateway.config.values import DURATION, whole_number

QUEUE: Final = (
    Key(
        "max_concurrency",
        ("mount", "defaults"),
        whole_number(1, 4096, 6),
        "How many of its requests are served at a time; more of them wait in its "
        "queue, where they hold no thread.",
        otherwise="three quarters of the server's `threads`, rounded up",
    ),
    Key(
        "queue",
        ("mount", "defaults"),
        whole_number(1, 65535, 64),
        "How many of its requests wait at a time; one more is answered with 503.",
        default="64",
    ),
    Key(
        "queue_timeout",
        ("mount", "defaults"),
        DURATION,
        "How long a request waits at most; then it is answered with 503.",
        default="10s",
    ),
)
