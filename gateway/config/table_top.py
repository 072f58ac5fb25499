"""The keys at the top of a ``gateway.yaml``."""

from __future__ import annotations

from typing import Final

from gateway.config.keys import Key
from gateway.config.shapes import MAPPING, PATTERNS, SectionType

TOP: Final = (
    Key(
        "server",
        ("top",),
        SectionType("mapping", "{port: 8080}", MAPPING),
        "How the gateway is served.",
    ),
    Key(
        "admin",
        ("top",),
        SectionType("mapping", "{prefix: /_gateway}", MAPPING),
        "Where the gateway answers about itself. Without this section it does not.",
    ),
    Key(
        "defaults",
        ("top",),
        SectionType("mapping", "{imports: private}", MAPPING),
        "What mounts have unless they say otherwise; each key only reaches the kinds "
        "of mount that it goes with.",
    ),
    Key(
        "include",
        ("top",),
        PATTERNS,
        "Further files, each with `mounts:` of its own, in the order of their names. "
        "A pattern may match none; a plain name must exist.",
    ),
    Key(
        "mounts",
        ("top", "included"),
        SectionType("mapping", "{notes: {app: app:create_app}}", MAPPING),
        "The applications: a mapping of names to mounts.",
    ),
)
