"""Looks from where an ASGI application runs: a task of its loop, in another thread.

The witness inside stands in the server's thread, before the bridge. What is current
there is current for the application only if the bridge takes it along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.context import current_app_context
from gateway.loaders.asgi import AsgiBridge
from gateway.loaders.asgi_protocol import Receive, Scope, Send
from gateway.loaders.wrapped import innermost
from gateway.proof.environs import Environs
from gateway.proof.identity import Identities
from gateway.proof.looks import FrameworkLook, Moment, Phase
from gateway.proof.record import Recording
from gateway.proof.ticket import TICKET_NAME
from gateway.types import WSGIApplication

FindByTicket: TypeAlias = Callable[[str], Recording | None]


def watch_tasks(
    application: WSGIApplication,
    identities: Identities,
    environs: Environs,
    find: FindByTicket,
) -> Tasks | None:
    """Return how to look into the tasks of *application*; ``None`` if it has none.

    :param application: as its mount calls it, with the middleware around it.
    :param find: returns the recording of the call that has a header of the prover's.
    """
    bridge = innermost(application, lambda each: isinstance(each, AsgiBridge))
    return None if bridge is None else Tasks(bridge, identities, environs, find)


@dataclass(frozen=True, slots=True)
class Tasks:
    """The requests of one ASGI application, each a task of its event loop."""

    bridge: AsgiBridge
    identities: Identities
    environs: Environs
    find: FindByTicket
    g_names: frozenset[str] = frozenset()

    @property
    def number(self) -> int:
        """The bridge's: a reload may hand on the application behind it."""
        return self.identities.number(self.bridge)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at each request within."""
        application = self.bridge.app

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            ticket = dict(scope["headers"]).get(TICKET_NAME, b"").decode("latin-1")
            recording = self.find(ticket)
            if recording is None:
                await application(scope, receive, send)
                return
            recording.framework.append(self._look(Phase.BEFORE))
            environ = self.environs.look(Moment.TASK, recording.mount)
            recording.environs.append(environ)
            await application(scope, receive, send)
            recording.framework.append(self._look(Phase.AFTER))

        self.bridge.app = watched
        try:
            yield
        finally:
            self.bridge.app = application

    def _look(self, phase: Phase) -> FrameworkLook:
        number = self.identities.number
        # Not by the proxies: it is to be told if there is none.
        context: Any = current_app_context.get(None)
        return FrameworkLook(
            phase,
            None if context is None else number(context),
            app=self.number,
            config=None if context is None else number(context.app.config),
        )
