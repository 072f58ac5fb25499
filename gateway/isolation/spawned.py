"""Processes of :mod:`multiprocessing` that do not begin as a copy of this one.

By ``fork`` a child has all that its parent has. One that is made by ``spawn`` or
``forkserver`` starts afresh: it is sent what it is to do as a pickle, and that names
modules of the mount. So the child is sent first how to open them, with what
:func:`multiprocessing.spawn.get_preparation_data` prepares it with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

# Among what prepares a child; the standard library passes over names it does not know.
_KEY: Final = "gateway"

Recipe = tuple[Callable[..., object], tuple[Any, ...]]
"""A function that a child finds by its name, and what it is called with there."""


class Opening:
    """Calls a function when it is unpickled."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def __reduce__(self) -> Recipe:
        return self._recipe


def preparing(
    original: Callable[..., dict[str, Any]], recipe: Callable[[], Recipe | None]
) -> Callable[..., dict[str, Any]]:
    """Return what prepares a child as *original* does, and for its mount as well.

    :param recipe: returns what opens the modules of the mount that starts the child.
    """

    @wraps(original)
    def get_preparation_data(*args: Any, **kwargs: Any) -> dict[str, Any]:
        data = original(*args, **kwargs)
        found = recipe()
        if found is not None:
            function, arguments = found
            # It is unpickled before the child has these.
            paths = data.get("sys_path")
            data[_KEY] = Opening((function, (paths, *arguments)))
        return data

    return get_preparation_data
