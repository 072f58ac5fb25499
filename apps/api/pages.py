"""What the two HTML pages of the API show, worked out from its data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_WIDTH, _HEIGHT, _MARGIN = 240, 56, 4


def sparkline(values: list[float]) -> str:
    """Return the points of an SVG polyline that draws *values* from left to right."""
    low, high = min(values), max(values)
    span = (high - low) or 1
    step = (_WIDTH - 2 * _MARGIN) / max(1, len(values) - 1)
    return " ".join(
        f"{_MARGIN + number * step:.1f},"
        f"{_HEIGHT - _MARGIN - (value - low) / span * (_HEIGHT - 2 * _MARGIN):.1f}"
        for number, value in enumerate(values)
    )


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter of an operation, or a field of what it takes."""

    name: str
    place: str
    kind: str
    needed: bool
    about: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API; *link* is a path to try it with, if it is a GET."""

    method: str
    path: str
    about: str
    fields: list[Field]
    link: str


def operations(description: dict[str, Any]) -> list[Operation]:
    """Return the operations of an OpenAPI description."""
    schemas = description.get("components", {}).get("schemas", {})
    return [
        Operation(
            method=method.upper(),
            path=path,
            about=found.get("description", ""),
            fields=[*_parameters(found), *_body_fields(found, schemas)],
            link=path.replace("{code}", "gull") if method == "get" else "",
        )
        for path, methods in description["paths"].items()
        for method, found in methods.items()
    ]


def _parameters(operation: dict[str, Any]) -> list[Field]:
    return [
        Field(
            name=found["name"],
            place=found["in"],
            kind=_kind(found["schema"]),
            needed=found.get("required", False),
            about=found.get("description", ""),
        )
        for found in operation.get("parameters", [])
    ]


def _body_fields(operation: dict[str, Any], schemas: dict[str, Any]) -> list[Field]:
    content = operation.get("requestBody", {}).get("content", {})
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    schema = schemas.get(reference.rpartition("/")[2], {})
    return [
        Field(
            name=name,
            place="body",
            kind=_kind(found),
            needed=name in schema.get("required", []),
            about=found.get("description", ""),
        )
        for name, found in schema.get("properties", {}).items()
    ]


def _kind(schema: dict[str, Any]) -> str:
    text = str(schema.get("type", "any"))
    if "minimum" in schema and "maximum" in schema:
        text += f", {schema['minimum']:g} to {schema['maximum']:g}"
    if "default" in schema:
        text += f"; {schema['default']} if absent"
    return text
