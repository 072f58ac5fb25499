"""The shapes of values that are more than one scalar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.config.address import NETWORK
from gateway.config.values import ScalarType, ValueType, parse_path


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


@dataclass(frozen=True, slots=True)
class ListType(ValueType):
    """A list of values of one type, or a single one.

    :param item: the type of each.
    :param default: what its absence means.
    """

    item: ScalarType
    default: tuple[str, ...] = ()


TableType: TypeAlias = (
    ScalarType | SectionType | FreeType | VariablesType | PatternsType | ListType
)

MAPPING: Final = {"type": ["object", "null"]}
FREE: Final = FreeType("mapping", "{TITLE: Notes}", MAPPING)
VARIABLES: Final = VariablesType(
    "mapping of variables",
    "{DATABASE_URL: sqlite:///notes.db}",
    MAPPING
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

NETWORKS: Final = ListType(
    "list of networks",
    "[10.0.0.0/8, '::1/128']",
    {"type": ["array", "string"], "items": {"type": "string", "minLength": 1}},
    NETWORK,
    ("127.0.0.0/8", "::1/128"),
)
