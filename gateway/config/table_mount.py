"""The keys that say what a mount is, and where."""

from __future__ import annotations

from typing import Final

from gateway.config.address import HOST, PREFIX
from gateway.config.keys import Key
from gateway.config.shapes import FOLDER
from gateway.config.values import LOCATION, REFERENCE, number_choice

MOUNT: Final = (
    Key(
        "app",
        ("mount",),
        REFERENCE,
        "A WSGI application or a factory of one, as `module:attribute`.",
        kinds=frozenset({"app"}),
    ),
    Key(
        "asgi",
        ("mount",),
        REFERENCE,
        "An ASGI application or a factory of one, as `module:attribute`.",
        kinds=frozenset({"asgi"}),
    ),
    Key(
        "static",
        ("mount",),
        FOLDER,
        "A folder whose files are served.",
        kinds=frozenset({"static"}),
    ),
    Key(
        "redirect",
        ("mount",),
        LOCATION,
        "An address that requests are sent on to; the rest of their path and their "
        "query are kept.",
        kinds=frozenset({"redirect"}),
    ),
    Key(
        "status",
        ("mount",),
        number_choice(301, 302, 303, 307, 308),
        "The status of the redirect (RFC 9110, 15.4). Browsers remember 301 and 308.",
        default="307",
        kinds=frozenset({"redirect"}),
    ),
    Key(
        "prefix",
        ("mount",),
        PREFIX,
        "The start of the URL paths that the mount answers; `/` is the root.",
        otherwise="`/` and the mount's name; with `host`, the root",
    ),
    Key(
        "host",
        ("mount",),
        HOST,
        "The host that the mount answers on, without a port; `*.example.com` is every "
        "host below example.com.",
        otherwise="any host",
    ),
)
