"""The keys of mounts' policies."""

from __future__ import annotations

from typing import Final

from gateway.config.keys import Key
from gateway.config.policy_values import (
    AUTH,
    METHODS,
    MIDDLEWARE,
    RATE_LIMIT,
    SECURITY_HEADERS,
    or_off,
)
from gateway.config.shapes import OWN_NETWORKS
from gateway.config.values import DURATION, SIZE

POLICIES: Final = (
    Key(
        "security_headers",
        ("mount", "defaults"),
        SECURITY_HEADERS,
        "Whether responses get the headers that keep browsers from guessing types, "
        "telling addresses and framing pages, and on https HSTS; never in place of the "
        "application's own. A mapping changes single ones.",
        otherwise="none are added",
    ),
    Key(
        "allow",
        ("mount", "defaults"),
        OWN_NETWORKS,
        "The networks whose clients may enter, in CIDR notation; others get 403.",
        otherwise="all",
    ),
    Key(
        "deny",
        ("mount", "defaults"),
        OWN_NETWORKS,
        "The networks whose clients get 403, also those that `allow` has.",
        otherwise="none",
    ),
    Key(
        "methods",
        ("mount", "defaults"),
        METHODS,
        "The request methods that are let through; others get 405. GET brings HEAD "
        "along.",
        otherwise="all",
    ),
    Key(
        "rate_limit",
        ("mount", "defaults"),
        RATE_LIMIT,
        "How many requests a client may send in which time, such as `100/minute`; more "
        "get 429. A mapping says who is one client, and where the requests are counted "
        "(extra `limits`).",
        otherwise="any number",
    ),
    Key(
        "auth",
        ("mount", "defaults"),
        AUTH,
        "Who may enter: the users of an htpasswd file, by HTTP Basic authentication; "
        "others get 401 (extra `auth`).",
        otherwise="everybody",
    ),
    Key(
        "max_body",
        ("mount", "defaults"),
        SIZE,
        "The largest request body; a larger one is answered with 413. That of "
        "`server:` holds as well.",
        otherwise="that of `server:`",
    ),
    Key(
        "slow_after",
        ("mount", "defaults"),
        or_off(DURATION),
        "After what time a request that is still running is logged, with the stack of "
        "its thread.",
        otherwise="none are",
    ),
    Key(
        "middleware",
        ("mount", "defaults"),
        MIDDLEWARE,
        "WSGI middleware around the application, the first one outermost: what `use` "
        "names (`module:attribute`) is called with the application and `args`.",
        otherwise="none",
    ),
)
