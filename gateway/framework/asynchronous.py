"""Running a coroutine function for a synchronous caller."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any


def async_to_sync(
    function: Callable[..., Coroutine[Any, Any, Any]],
) -> Callable[..., Any]:
    """Return a function that runs *function* in an event loop of its own.

    The coroutine sees the caller's context variables, and what it sets is set for
    the caller afterwards, as if it had been called.

    :raises RuntimeError: an event loop is running in this thread already.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        _refuse_running_loop(function)
        context = contextvars.copy_context()
        try:
            with asyncio.Runner() as runner:
                return runner.run(function(*args, **kwargs), context=context)
        finally:
            _take_over(context)

    return call


def _refuse_running_loop(function: Callable[..., Any]) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    name = getattr(function, "__qualname__", repr(function))
    raise RuntimeError(
        f"cannot run the coroutine function {name!r} synchronously: an event loop is "
        "already running in this thread; call the application from a thread without one"
    )


def _take_over(context: contextvars.Context) -> None:
    """Set in the current context what differs in *context*."""
    for variable, value in context.items():
        try:
            unchanged = variable.get() is value
        except LookupError:
            unchanged = False
        if not unchanged:
            variable.set(value)
