"""The lifespan of an ASGI application: its start-up and its shutdown.

See the lifespan protocol of the ASGI specification, version 2.0.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from gateway.errors import AppCrashedError
from gateway.loaders.asgi_protocol import (
    LIFESPAN_SPEC,
    AsgiApplication,
    AsgiError,
    Message,
)
from gateway.loaders.reference import application_frames, describe

_log = logging.getLogger("gateway.asgi")

# How long the application's task may go on after it has said that it is done, in
# seconds.
_LAST_STEPS: Final = 0.5


class Lifespan:
    """Runs the lifespan of one application, in one task from start to end.

    Everything here runs on the event loop.

    :param app: the ASGI 3 application.
    :param name: the mount's name, for messages.
    :param loop: the event loop.
    """

    def __init__(
        self, app: AsgiApplication, name: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._app = app
        self._name = name
        self._loop = loop
        #: What the application left for its requests (``scope["state"]``).
        self.state: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._received = 0
        self._asked_to_stop = asyncio.Event()
        # The application's answers; a failure's text, or None for a success.
        self._started: asyncio.Future[str | None] = loop.create_future()
        self._stopped: asyncio.Future[str | None] = loop.create_future()

    @property
    def _running(self) -> bool:
        return self._started.done() and self._started.result() is None

    async def startup(self) -> None:
        """Start the application; one that knows no lifespan is as good as started.

        :raises AppCrashedError: its start-up failed.
        """
        self._task = self._loop.create_task(self._run())
        either: set[asyncio.Future[Any]] = {self._task, self._started}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        failure = self._started.result() if self._started.done() else None
        if failure is not None:
            # The exception behind the text is still to be raised.
            await asyncio.wait({self._task}, timeout=_LAST_STEPS)
            raise self._crashed(failure) from self._error
        if not self._started.done():
            self._check_unsupported()

    def _check_unsupported(self) -> None:
        """Accept an application that ended its lifespan without a word.

        The specification takes an exception for not knowing the lifespan protocol.
        Only what is no ordinary exception, such as ``sys.exit()``, is a failure.
        """
        error = self._error
        if error is not None and not isinstance(error, Exception):
            raise self._crashed(describe(error)) from error
        _log.info(
            "mount %s: the ASGI application takes no part in the lifespan protocol%s",
            self._name,
            "" if error is None else f" ({describe(error)})",
        )

    def _crashed(self, text: str) -> AppCrashedError:
        """Tell of a failed start-up, by its exception where there is one."""
        if self._error is not None:
            reason, frames = describe(self._error), application_frames(self._error)
        else:
            reason, frames = _summary(text), ""
        message = f"its lifespan start-up failed: {reason}"
        return AppCrashedError(self._name, message, frames)

    async def shutdown(self, timeout: float) -> None:
        """Run the application's shutdown.

        :param timeout: how long it may take, in seconds.
        :raises AsgiError: it failed, or took longer.
        """
        if self._task is None or self._task.done() or not self._running:
            return
        self._asked_to_stop.set()
        either: set[asyncio.Future[Any]] = {self._task, self._stopped}
        done, _ = await asyncio.wait(
            either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
        )
        await asyncio.wait({self._task}, timeout=min(timeout, _LAST_STEPS))
        failure = self._stopped.result() if self._stopped.done() else None
        if failure is None and not done:
            failure = f"it has not finished within {timeout:g} s"
        if failure is not None:
            raise AsgiError(
                f"mount {self._name!r}: its lifespan shutdown failed: "
                f"{_summary(failure)}"
            ) from self._error

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": LIFESPAN_SPEC},
            "state": self.state,
        }
        try:
            await self._app(scope, self._receive, self._send)
        except GeneratorExit:
            raise  # the coroutine is being closed
        except BaseException as error:
            self._error = error
            self._report(error)

    def _report(self, error: BaseException) -> None:
        """Log an exception that nobody is waiting for: after start-up, unasked."""
        if self._running and not self._asked_to_stop.is_set():
            _log.error(
                "mount %s: the ASGI application's lifespan ended early",
                self._name,
                exc_info=error,
            )

    async def _receive(self) -> Message:
        self._received += 1
        if self._received == 1:
            return {"type": "lifespan.startup"}
        await self._asked_to_stop.wait()
        if self._received > 2:
            # There are only two messages; an application may wait for more, though.
            await self._loop.create_future()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message.get("type")
        step, _, outcome = str(kind).removeprefix("lifespan.").partition(".")
        answer = {"startup": self._started, "shutdown": self._stopped}.get(step)
        if answer is None or answer.done() or outcome not in ("complete", "failed"):
            raise AsgiError(
                f"mount {self._name!r}: the ASGI application sent {kind!r}, which is "
                "not a message of its lifespan, or not for the second time"
            )
        failed = outcome == "failed"
        answer.set_result(message.get("message", "") if failed else None)


def _summary(text: str) -> str:
    """Return the line of a text or traceback that says the most: its last."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "the application gave no reason"
