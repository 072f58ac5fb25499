"""Being inside a mount without a request, as its scripts are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from gateway.context import AppContext
from gateway.lifecycle import Gateway
from gateway.loaders.flask import is_flask


@contextmanager
def pushed(gateway: Gateway, name: str) -> Iterator[AppContext]:
    """Push the context of the mount *name*, for ``with``; a Flask mount's own, too."""
    member = gateway.members[name]
    with ExitStack() as contexts:
        context = contexts.enter_context(member.mount.app_context())
        application = member.loaded.served
        if is_flask(application):
            contexts.enter_context(application.app_context())  # type: ignore[attr-defined]
        yield context
