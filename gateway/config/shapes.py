"""The shapes of values that are more than one scalar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from gateway.config.address import NETWORK
from gateway.config.values import LIBRARY, ScalarType, ValueType, parse_path
from gateway.errors import Place


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


@dataclass(frozen=True, slots=True)
class FileType(ScalarType):
    """A file, by its path from the folder of the one that names it.

    :param read: returns what the file says.
    """

    read: Callable[[Path], object] = str


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record."""

    name: str
    type: ScalarType | FreeType
    required: bool = False


_INTERPOLATED: Final[Mapping[str, object]] = {"$ref": "#/$defs/interpolated"}


def _schema_of(of: ScalarType | FreeType) -> dict[str, object]:
    if isinstance(of, ScalarType):
        return {"anyOf": [dict(of.schema), _INTERPOLATED]}
    return dict(of.schema)


@dataclass(frozen=True, slots=True)
class RecordType(ValueType):
    """A mapping with a few keys of its own; a single value stands for one of them.

    :param fields: the keys.
    :param make: returns what the values that are given mean, and where they stand.
    :param short: what a single value stands for; its key may be none of the mapping's.
    """

    fields: tuple[Field, ...]
    make: Callable[[Mapping[str, Any], Place], object]
    short: Field


@dataclass(frozen=True, slots=True)
class RecordsType(ValueType):
    """A list of records."""

    item: RecordType


def record(
    label: str,
    example: str,
    fields: tuple[Field, ...],
    make: Callable[[Mapping[str, Any], Place], object],
    short: Field,
) -> RecordType:
    """Return the type of a record, with its schema."""
    mapping: dict[str, object] = {
        "type": "object",
        "properties": {field.name: _schema_of(field.type) for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }
    schema = {"anyOf": [_schema_of(short.type), mapping]}
    return RecordType(label, example, schema, fields, make, short)


def records(label: str, example: str, item: RecordType) -> RecordsType:
    """Return the type of a list of *item*, with its schema."""
    schema = {"type": "array", "items": dict(item.schema)}
    return RecordsType(label, example, schema, item)


TableType: TypeAlias = (
    ScalarType
    | SectionType
    | FreeType
    | VariablesType
    | PatternsType
    | ListType
    | RecordType
    | RecordsType
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
ENVIRONMENT: Final = ScalarType(
    "folder", "envs/notes", {"type": "string", "minLength": 1}, parse_path
)
FOLDERS: Final = (FOLDER, ENVIRONMENT)
"""The types whose values are folders that have to exist."""

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
OWN_NETWORKS: Final = ListType(
    NETWORKS.label, NETWORKS.example, NETWORKS.schema, NETWORKS.item
)
LIBRARIES: Final = ListType(
    "list of libraries",
    "[prometheus_client]",
    {"type": ["array", "string"], "items": dict(LIBRARY.schema)},
    LIBRARY,
)
