"""What the configs of the mounts hold, and whether they hold it together."""

from __future__ import annotations

from collections import deque
from collections.abc import (
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
)
from typing import Any, Final

from gateway.proof.evidence import Alias

# Upper case, as all that frameworks take for a setting.
_RESERVED: Final = "GATEWAY_PROOF_MARKER_OF_"
_ABSENT: Final = object()
# What is deeper or more than this is an application's own data structure.
_DEEPEST: Final = 20
_MOST: Final = 100_000
_CHANGEABLE: Final = (MutableMapping, MutableSequence, MutableSet)
_SEQUENCES: Final = (list, tuple)


def mark(configs: Mapping[str, MutableMapping[str, Any]]) -> None:
    """Put a marker of its own into the config of each mount."""
    for mount, config in configs.items():
        config[_RESERVED + mount] = mount


def unmark(configs: Mapping[str, MutableMapping[str, Any]]) -> None:
    """Take all markers out again, also those that got where they should not be."""
    for config in configs.values():
        for mount in markers(config):
            config.pop(_RESERVED + mount, None)


def markers(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the mounts whose markers *config* shows."""
    # A list first: other threads may be adding to it.
    return tuple(
        key.removeprefix(_RESERVED)
        for key in list(config)
        if isinstance(key, str) and key.startswith(_RESERVED)
    )


def differing(
    mount: str,
    config: Mapping[str, Any],
    given: Mapping[str, Mapping[str, object]],
) -> tuple[str, ...]:
    """Return, in words, the keys whose values are not those of ``gateway.yaml``.

    Values are not shown: they may be secrets.

    :param given: what the file says, by mount.
    """
    return tuple(
        _differing(mount, key, value, config.get(key, _ABSENT), given)
        for key, value in given[mount].items()
        if not _equal(config.get(key, _ABSENT), value)
    )


def _differing(
    mount: str,
    key: str,
    value: object,
    found: object,
    given: Mapping[str, Mapping[str, object]],
) -> str:
    place = f"config[{key!r}]"
    if found is _ABSENT:
        return f"{place}, which gateway.yaml sets, is missing"
    for other, values in given.items():
        theirs = values.get(key, _ABSENT)
        if other != mount and theirs is not _ABSENT and _equal(found, theirs):
            return f"{place} has the value that gateway.yaml gives to mount {other!r}"
    return f"{place} has not the value that gateway.yaml gives it"


def _equal(left: object, right: object) -> bool:
    try:
        return bool(left == right)
    except Exception:
        # An application may put in anything, with any idea of equality.
        return False


def find_aliases(configs: Mapping[str, Mapping[str, Any]]) -> tuple[Alias, ...]:
    """Return what can be changed through the configs of two mounts at once."""
    owners: dict[int, tuple[str, str]] = {}
    kept: list[object] = []
    aliases: list[Alias] = []
    for mount, config in configs.items():
        for place, thing in _changeable(config):
            kept.append(thing)
            first = owners.setdefault(id(thing), (mount, place))
            if first[0] != mount:
                kind = type(thing).__name__
                aliases.append(Alias(first, (mount, place), kind))
    return tuple(aliases)


def _changeable(config: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield every mapping, list and set in *config*, itself first, with its place."""
    waiting: deque[tuple[str, object, int]] = deque([("config", config, 0)])
    # The objects too: an id means nothing once its object is gone.
    seen: dict[int, object] = {}
    while waiting and len(seen) < _MOST:
        place, thing, depth = waiting.popleft()
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if issubclass(type(thing), _CHANGEABLE):
            yield place, thing
        if depth < _DEEPEST:
            waiting.extend((place + key, each, depth + 1) for key, each in _in(thing))


def _in(thing: Any) -> list[tuple[str, object]]:
    # The type is asked, not the object: a proxy may stand for nothing just now.
    if issubclass(type(thing), Mapping):
        return [(f"[{key!r}]", value) for key, value in list(thing.items())]
    if issubclass(type(thing), _SEQUENCES):
        return [(f"[{index}]", value) for index, value in enumerate(thing)]
    return []
