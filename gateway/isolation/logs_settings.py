"""The settings of loggers, of which each mount has its own.

Descriptors on :class:`logging.Logger` stand in front of what the loggers have in their
dictionaries, which stays the process's. Code of a mount that sets a level or adds a
handler, be it through ``basicConfig`` or ``dictConfig``, has it set in the overlay of
that mount; and a record that a mount's code logs is dealt with as that mount's settings
say, because the standard library's own code reads them there and then.

The loggers of the gateway are configured by the process only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from gateway.isolation.environ_patches import Patches
from gateway.isolation.logs_overlay import as_process, whereabouts


class _Setting:
    """An attribute of which each mount has its own value."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, owner_type: type | None = None) -> Any:
        if owner is None:
            return self
        value = self._of_process(owner)
        overlay = whereabouts().overlay
        if overlay is None:
            return value
        return overlay.value(owner, self._name, value)

    def __set__(self, owner: Any, value: Any) -> None:
        overlay = whereabouts().overlay
        # What a logger is made with is the process's, for other mounts get it too.
        if overlay is None or self._name not in owner.__dict__:
            owner.__dict__[self._name] = value
        else:
            overlay.set_value(owner, self._name, value)

    def _of_process(self, owner: Any) -> Any:
        try:
            return owner.__dict__[self._name]
        except KeyError:
            raise AttributeError(
                f"{type(owner).__name__!r} object has no attribute {self._name!r}",
                name=self._name,
                obj=owner,
            ) from None


class _Disabled(_Setting):
    """``disabled``, which a logger's cache knows of here."""

    __slots__ = ()

    def __set__(self, owner: Any, value: Any) -> None:
        super().__set__(owner, value)
        owner.__dict__.get("_cache", {}).clear()


class _ListSetting(_Setting):
    """A list of which each mount has its own."""

    __slots__ = ()

    def __get__(self, owner: Any, owner_type: type | None = None) -> Any:
        if owner is None:
            return self
        process = self._of_process(owner)
        overlay = whereabouts().overlay
        if overlay is None:
            return process
        return overlay.own_list(owner, self._name, process)

    def __set__(self, owner: Any, value: Any) -> None:
        overlay = whereabouts().overlay
        process = owner.__dict__.get(self._name)
        if overlay is None or process is None:
            owner.__dict__[self._name] = value
        else:
            overlay.set_list(owner, self._name, process, value)


_SETTINGS: Final[tuple[tuple[type, str, type[_Setting]], ...]] = (
    (logging.Logger, "level", _Setting),
    (logging.Logger, "propagate", _Setting),
    (logging.Logger, "disabled", _Disabled),
    (logging.Logger, "handlers", _ListSetting),
    (logging.Logger, "filters", _ListSetting),
    (logging.Manager, "_disable", _Setting),  # logging.disable()
)


def lead_settings(patches: Patches) -> None:
    """Give each mount settings of its own."""
    for owner, name, setting in _SETTINGS:
        setattr(owner, name, setting(name))
    patches.wrap(logging.Logger, "isEnabledFor", _is_enabled_for)


def leave_settings() -> None:
    """Undo :func:`lead_settings`, but for what its patches undo."""
    for owner, name, _ in _SETTINGS:
        delattr(owner, name)


def is_gateways(logger_name: str) -> bool:
    """Tell whether a logger is the gateway's own."""
    return logger_name.partition(".")[0] == "gateway"


def _is_enabled_for(original: Callable[[Any, int], bool]) -> Callable[..., bool]:
    # Written for speed: most calls of loggers end here. A logger's cache, which holds
    # the answers for the process and for each mount, is emptied when they may change.

    def isEnabledFor(self: logging.Logger, level: int) -> bool:
        overlay = whereabouts().overlay
        cache: dict[Any, bool] = self._cache  # type: ignore[attr-defined]
        if overlay is None:
            return cache[level] if level in cache else original(self, level)
        try:
            return cache[overlay, level]
        except KeyError:
            # Whoever sets a level empties the caches under this lock.
            with logging._lock:  # type: ignore[attr-defined]
                enabled = cache[overlay, level] = _decide(self, level)
            return enabled

    def _decide(logger: logging.Logger, level: int) -> bool:
        if is_gateways(logger.name):
            with as_process():
                return original(logger, level)
        return (
            not logger.disabled
            and logger.manager.disable < level
            and level >= logger.getEffectiveLevel()
        )

    return isEnabledFor
