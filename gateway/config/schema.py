"""The one table of the keys of a ``gateway.yaml``.

It drives the reading of the file, the suggestions for misspelt keys, the JSON Schema
and the reference page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from gateway.config.address import HOST, LISTEN_ADDRESS, PREFIX
from gateway.config.values import (
    BOOLEAN,
    DURATION,
    LOCATION,
    PROBE,
    REFERENCE,
    SIZE,
    ScalarType,
    ValueType,
    choice,
    number_choice,
    parse_path,
    whole_number,
)

Section: TypeAlias = Literal["top", "included", "server", "defaults", "mount"]

SECTION_TITLES: Final[Mapping[Section, str]] = MappingProxyType(
    {
        "top": "the top level of the main file",
        "included": "an included file",
        "server": "'server:'",
        "defaults": "'defaults:'",
        "mount": "a mount",
    }
)

KINDS: Final = ("app", "asgi", "static", "redirect")
_CODE: Final = frozenset({"app", "asgi"})

# What a mount may be called: the name stands in log lines, module names and URLs.
MOUNT_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"


@dataclass(frozen=True, slots=True)
class SectionType(ValueType):
    """A mapping whose keys are in the table, or name mounts."""


@dataclass(frozen=True, slots=True)
class FreeType(ValueType):
    """A mapping of any keys to any values, typed as YAML 1.1 does."""


@dataclass(frozen=True, slots=True)
class VariablesType(ValueType):
    """A mapping of environment variables, all of them texts as they are written."""


@dataclass(frozen=True, slots=True)
class PatternsType(ValueType):
    """A list of file patterns, or a single one."""


TableType: TypeAlias = (
    ScalarType | SectionType | FreeType | VariablesType | PatternsType
)

_MAPPING: Final = {"type": ["object", "null"]}
FREE: Final = FreeType("mapping", "{TITLE: Notes}", _MAPPING)
VARIABLES: Final = VariablesType(
    "mapping of variables",
    "{DATABASE_URL: sqlite:///notes.db}",
    _MAPPING
    | {
        "propertyNames": {"pattern": r"^[^=\u0000]+$"},
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    },
)
FOLDER: Final = ScalarType(
    "folder", "apps/notes", {"type": "string", "minLength": 1}, parse_path
)
PATTERNS: Final = PatternsType(
    "list of file patterns",
    "[conf.d/*.yaml]",
    {"type": ["array", "string"], "items": {"type": "string", "minLength": 1}},
)


@dataclass(frozen=True, slots=True)
class Key:
    """A row of the table.

    :param name: as it is written.
    :param sections: where it may stand.
    :param type: what may stand behind it.
    :param help: one or two sentences in Markdown, for the reference and for editors.
    :param default: as it would be written; ``None`` where there is none.
    :param otherwise: what its absence means, where no default says it.
    :param kinds: the kinds of mount that it goes with.
    """

    name: str
    sections: tuple[Section, ...]
    type: TableType
    help: str
    default: str | None = None
    otherwise: str = ""
    kinds: frozenset[str] = frozenset(KINDS)

    def default_value(self) -> object:
        """Return what the default means; ``None`` where there is none."""
        if self.default is None or not isinstance(self.type, ScalarType):
            return None
        return self.type.parse(self.default)


TABLE: Final = (
    Key(
        "server",
        ("top",),
        SectionType("mapping", "{port: 8080}", _MAPPING),
        "How the gateway is served.",
    ),
    Key(
        "defaults",
        ("top",),
        SectionType("mapping", "{imports: private}", _MAPPING),
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
        SectionType("mapping", "{notes: {app: app:create_app}}", _MAPPING),
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
        "probe",
        ("mount",),
        PROBE,
        "A path inside the mount that is asked when it has been loaded, before it "
        "serves; a status of 400 or more is a failure to load.",
        otherwise="nothing is asked",
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
