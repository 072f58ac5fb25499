"""The one table of the keys of a ``gateway.yaml``.

It drives the reading of the file, the suggestions for misspelt keys, the JSON Schema
and the reference page.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from gateway.config.address import ADMIN_PREFIX, HOST, LISTEN_ADDRESS, PREFIX
from gateway.config.keys import KINDS as KINDS
from gateway.config.keys import Key as Key
from gateway.config.keys import Section as Section
from gateway.config.shapes import (
    FOLDER,
    FREE,
    MAPPING,
    NETWORKS,
    PATTERNS,
    VARIABLES,
    SectionType,
)
from gateway.config.values import (
    BOOLEAN,
    DURATION,
    LOCATION,
    PROBE,
    REFERENCE,
    SIZE,
    TOKEN,
    ScalarType,
    choice,
    number_choice,
    whole_number,
)

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

_CODE: Final = frozenset({"app", "asgi"})

# What a mount may be called: the name stands in log lines, module names and URLs.
MOUNT_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"


TABLE: Final = (
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
        "How long a connection may be silent before it is closed.",
        default="120s",
    ),
    Key(
        "connection_limit",
        ("server",),
        whole_number(1, 65535, 100),
        "How many connections are open at a time; more wait to be accepted.",
        default="100",
    ),
    Key(
        "backlog",
        ("server",),
        whole_number(1, 65535, 1024),
        "How many connections the operating system holds until they are accepted.",
        default="1024",
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
        "nothing there. A request with forwarding headers is never one of them.",
        otherwise="127.0.0.0/8 and ::1/128",
    ),
    Key(
        "token",
        ("admin",),
        TOKEN,
        "What a request that changes something has to bring, as a bearer token.",
        otherwise="all such requests are refused",
    ),
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
    Key(
        "path",
        ("mount",),
        FOLDER,
        "The folder that the application's modules are imported from.",
        otherwise="the folder of this file, if the module is there; else it is an "
        "installed one",
        kinds=_CODE,
    ),
    Key(
        "imports",
        ("mount", "defaults"),
        choice("private", "shared"),
        "Whether the mount has modules of its own (private), so that two mounts may "
        "each have an app.py, or those of the process (shared), with `path` on "
        "`sys.path`.",
        otherwise="private, except for an installed module",
        kinds=_CODE,
    ),
    Key(
        "args",
        ("mount",),
        FREE,
        "Keyword arguments of the factory.",
        otherwise="none",
        kinds=_CODE,
    ),
    Key(
        "factory",
        ("mount", "defaults"),
        BOOLEAN,
        "Whether the reference names a factory, for the cases in which the parameters "
        "it takes do not tell.",
        otherwise="told by its parameters",
        kinds=_CODE,
    ),
    Key(
        "config",
        ("mount", "defaults"),
        FREE,
        "The application's configuration, its current_app.config. A mount's own keys "
        "win over those of `defaults:`.",
        otherwise="empty",
        kinds=_CODE,
    ),
    Key(
        "env",
        ("mount", "defaults"),
        VARIABLES,
        "Environment variables that this mount alone has, over those of the process. "
        "A mount's own win over those of `defaults:`.",
        otherwise="none",
        kinds=_CODE,
    ),
    Key(
        "cookies",
        ("mount", "defaults"),
        choice("isolated", "namespaced", "shared"),
        "How the mount's cookies are kept from the others: by their path (isolated), "
        "by their name (namespaced), or not at all (shared).",
        default="isolated",
        kinds=_CODE,
    ),
    Key(
        "strict",
        ("mount", "defaults"),
        BOOLEAN,
        "Whether it is an error to change what all mounts share, such as the working "
        "directory: then the mount does not load, and `gateway prove` fails.",
        otherwise="such changes are only told",
        kinds=_CODE,
    ),
    Key(
        "probe",
        ("mount",),
        PROBE,
        "A path inside the mount that is asked when it has been loaded, before it "
        "serves; a status of 400 or more is a failure to load.",
        otherwise="nothing is asked",
        kinds=_CODE,
    ),
    Key(
        "on_load_error",
        ("mount", "defaults"),
        choice("fail", "degrade"),
        "What follows if the mount does not load when the gateway starts: it does not "
        "start (fail), or the mount answers 503 until it does load, and the others "
        "serve (degrade).",
        default="fail",
        kinds=_CODE,
    ),
    Key(
        "shutdown",
        ("mount",),
        REFERENCE,
        "What is called when the mount is closed, as `module:attribute`.",
        otherwise="nothing",
        kinds=_CODE,
    ),
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
    near = get_close_matches(name, known, n=1)
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
