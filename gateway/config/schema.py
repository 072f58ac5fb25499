"""The one table of the keys of a ``gateway.yaml``.

It drives the reading of the file, the suggestions for misspelt keys, the JSON Schema
and the reference page.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from gateway.config.keys import KINDS as KINDS
from gateway.config.keys import Key as Key
from gateway.config.keys import Section as Section
from gateway.config.table_code import CODE_KEYS
from gateway.config.table_engine import ENGINE
from gateway.config.table_libraries import LIBRARY_KEYS
from gateway.config.table_mount import MOUNT
from gateway.config.table_policies import POLICIES
from gateway.config.table_proxy import PROXY_KEYS
from gateway.config.table_queue import QUEUE
from gateway.config.table_server import SERVER
from gateway.config.table_telemetry import TELEMETRY
from gateway.config.table_top import TOP
from gateway.config.values import ScalarType

SECTION_TITLES: Final[Mapping[Section, str]] = MappingProxyType(
    {
        "top": "the top level of the main file",
        "included": "an included file",
        "server": "'server:'",
        "defaults": "'defaults:'",
        "mount": "a mount",
        "admin": "'admin:'",
    }
)

# What a mount may be called: the name stands in log lines, module names and URLs.
MOUNT_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"


TABLE: Final = (
    *TOP,
    *ENGINE,
    *SERVER,
    *TELEMETRY,
    *MOUNT,
    *QUEUE,
    *POLICIES,
    *CODE_KEYS,
    *LIBRARY_KEYS,
    *PROXY_KEYS,
)


def keys_of(section: Section) -> dict[str, Key]:
    """Return the keys that may stand in *section*, by name."""
    return {key.name: key for key in TABLE if section in key.sections}


def unknown_key(name: str, section: Section) -> str:
    """Return the message for a key that *section* does not have."""
    known = keys_of(section)
    elsewhere = [
        SECTION_TITLES[other]
        for other in SECTION_TITLES
        if name in keys_of(other) and other != "included"
    ]
    # What another section has is hardly misspelt.
    near = get_close_matches(name, known, n=1, cutoff=0.8 if elsewhere else 0.6)
    if elsewhere and (section == "included" or not near):
        cure = f"it belongs in {' or '.join(elsewhere)}"
    elif near:
        cure = f"did you mean {near[0]}?"
    else:
        cure = f"the keys there are {', '.join(known)}"
    return f"there is no such key in {SECTION_TITLES[section]}: {cure}"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a ``gateway.yaml``."""
    mount = _object("mount") | {
        "oneOf": [{"required": [kind]} for kind in KINDS],
        "dependentSchemas": {
            key.name: {"anyOf": [{"required": [kind]} for kind in sorted(key.kinds)]}
            for key in keys_of("mount").values()
            if len(key.kinds) < len(KINDS) and key.name not in KINDS
        },
    }
    mounts = {
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{MOUNT_NAME}$"},
        "additionalProperties": {"$ref": "#/$defs/mount"},
    }
    top = _object("top")
    for name, content in (
        ("server", _object("server")),
        ("admin", _object("admin")),
        ("defaults", _object("defaults")),
        ("mounts", mounts),
    ):
        top["properties"][name] |= content | {"type": ["object", "null"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gateway.yaml",
        "description": "The applications of a gateway, and how it is served.",
        **top,
        "anyOf": [{"required": ["mounts"]}, {"required": ["include"]}],
        "$defs": {
            "interpolated": {"type": "string", "pattern": r"\$\{"},
            "mount": mount,
        },
    }


def _object(section: Section) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {key.name: _property(key) for key in keys_of(section).values()},
        "additionalProperties": False,
    }


def _property(key: Key) -> dict[str, Any]:
    described: dict[str, Any] = {"description": key.help}
    if key.default is not None:
        number = key.default.isdigit()
        described["default"] = int(key.default) if number else key.default
    if isinstance(key.type, ScalarType):
        interpolated = {"$ref": "#/$defs/interpolated"}
        return described | {"anyOf": [dict(key.type.schema), interpolated]}
    return described | dict(key.type.schema)
