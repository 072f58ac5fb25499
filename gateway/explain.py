"""Deliberate errors as lines for people, the same wherever they are shown."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.errors import AppCrashedError, ConfigError, GatewayError, LoadErrors


def explain(error: GatewayError) -> Iterator[str]:
    """Yield the lines that tell a person what went wrong, one problem after another."""
    if isinstance(error, ConfigError):
        yield from map(str, error.problems)
        yield counted(len(error.problems), "problem")
        return
    parts: tuple[GatewayError, ...] = (error,)
    if isinstance(error, LoadErrors):
        parts = error.errors
    for part in parts:
        yield f"error: {part}"
        if isinstance(part, AppCrashedError):
            yield from (f"    {line}" for line in part.frames.rstrip().splitlines())
    if len(parts) > 1:
        yield f"{counted(len(parts), 'mount')} could not be loaded"


def counted(number: int, noun: str) -> str:
    """Return *number* and *noun*, in the plural if need be."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
