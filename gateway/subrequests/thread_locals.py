"""What belongs to a thread, and would not come back by itself after a subrequest.

Most frameworks keep what is current on a stack, or in context variables. Bottle has one
``request`` and one ``response`` for each thread, which every request of it fills anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, Final

from gateway.isolation.modules import Namespace

_BOTTLE: Final = "bottle"
_OF_RESPONSE: Final = ("_status_line", "_status_code", "_cookies", "_headers", "body")


def locals_kept(
    namespace: Namespace | None,
) -> Callable[[], AbstractContextManager[object]]:
    """Return what is to be entered while a subrequest's application runs.

    :param namespace: the modules of the mount that makes it.
    """
    name = _BOTTLE if namespace is None else f"{namespace.package}.{_BOTTLE}"
    found = sys.modules.get(name) or sys.modules.get(_BOTTLE)
    if found is None or not hasattr(found, "LocalRequest"):
        return nullcontext
    return partial(_kept, found)


@contextmanager
def _kept(bottle: Any) -> Iterator[None]:
    request, response = bottle.request, bottle.response
    try:
        environ = request.environ
        state = {name: getattr(response, name) for name in _OF_RESPONSE}
    except RuntimeError:  # None is being served in this thread.
        yield
        return
    try:
        yield
    finally:
        request.environ = environ
        for name, value in state.items():
            setattr(response, name, value)
