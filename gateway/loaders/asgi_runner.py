"""The thread in which one ASGI application lives, with its event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from threading import Thread
from time import monotonic
from typing import Any, Final, TypeVar

from gateway.errors import LoadError
from gateway.loaders.asgi_body import RequestBody
from gateway.loaders.asgi_exchange import Exchange
from gateway.loaders.asgi_lifespan import Lifespan
from gateway.loaders.asgi_protocol import AsgiApplication, AsgiError, Scope

_log = logging.getLogger("gateway.asgi")

_T = TypeVar("_T")

# Named here rather than left to the policy: an application that installs another
# policy (uvloop's, say) does so for itself, not for its neighbours.
if sys.platform == "win32":
    _new_event_loop = asyncio.ProactorEventLoop
else:
    _new_event_loop = asyncio.SelectorEventLoop

# How long the thread is waited for when its loop has nothing left to do, in seconds.
_JOIN_TIMEOUT: Final = 1.0

# What tasks get at least for their last steps, in seconds.
_LAST_STEPS: Final = 0.1


class Runner:
    """One ASGI application at work in one process: loop, lifespan and requests.

    The loop is the application's own, so that what blocks it stalls no other mount.

    :param app: the ASGI 3 application.
    :param name: the mount's name.
    """

    def __init__(self, app: AsgiApplication, name: str) -> None:
        self.pid = os.getpid()
        self._name = name
        self._loop = _new_event_loop()
        self._lifespan = Lifespan(app, name, self._loop)
        self._exchanges: set[Exchange] = set()
        self._closing = False
        self._main: asyncio.Task[None] | None = None
        self._end = self._loop.create_future()
        # An empty context: who happens to start the thread is nothing to the tasks.
        self._thread = Thread(
            target=Context().run,
            args=(self._run,),
            name=f"gateway-asgi-{name}",
            daemon=True,
        )

    @property
    def state(self) -> dict[str, Any]:
        """What the lifespan left for the requests."""
        return self._lifespan.state

    def start(self, timeout: float | None) -> None:
        """Start the thread, and in it the application.

        :param timeout: how long the application may take, in seconds.
        :raises LoadError: it failed, or took longer.
        """
        self._thread.start()
        try:
            self._call(self._lifespan.startup(), timeout)
        except TimeoutError:
            self.stop(0)
            raise LoadError(
                self._name,
                f"its lifespan start-up has not finished within {timeout:g} s: does it "
                "wait for a service that is not running?",
            ) from None
        except BaseException:
            self.stop(_JOIN_TIMEOUT)
            raise

    def _call(self, steps: Coroutine[Any, Any, _T], timeout: float | None) -> _T:
        return asyncio.run_coroutine_threadsafe(steps, self._loop).result(timeout)

    def submit(self, app: AsgiApplication, scope: Scope, body: RequestBody) -> Exchange:
        """Begin a request, in a copy of the caller's execution context.

        :param app: what serves it.
        :raises AsgiError: the application is being shut down.
        """
        exchange = Exchange(
            app,
            self._name,
            scope,
            body,
            copy_context(),
            self._loop,
            self._exchanges.discard,
        )
        # Known before it begins: when the loop is closed, nobody is left waiting.
        self._exchanges.add(exchange)
        if not self._closing:
            with suppress(RuntimeError):  # the loop is closed by now
                self._loop.call_soon_threadsafe(exchange.begin)
                return exchange
        self._exchanges.discard(exchange)
        raise AsgiError(
            f"mount {self._name!r} is being shut down and takes no more requests"
        )

    def stop(self, timeout: float) -> None:
        """Let the application finish, shut it down and end its thread.

        Up to half of the time goes to requests and background tasks that still run,
        up to another quarter to those that are being cancelled, and what is left to
        the lifespan's shutdown.

        :param timeout: how long all of it may take, in seconds.
        :raises AsgiError: the lifespan's shutdown failed.
        """
        deadline = monotonic() + timeout
        self._closing = True
        try:
            self._call(self._wind_down(deadline), timeout + _JOIN_TIMEOUT)
        except TimeoutError:
            pass  # the thread tells
        finally:
            self._thread.join(max(_JOIN_TIMEOUT, deadline - monotonic()))
            if self._thread.is_alive():
                self._abandon_requests()
                _log.warning(
                    "mount %s: its event loop is blocked and cannot be stopped: a "
                    "coroutine of the application calls something that blocks",
                    self._name,
                )

    async def _wind_down(self, deadline: float) -> None:
        try:
            await self._end_all(deadline)
        finally:
            self._end.set_result(None)

    async def _end_all(self, deadline: float) -> None:
        timeout = deadline - monotonic()
        await self._finish(self._requests(), deadline - timeout / 2)
        late = self._requests()
        if late:
            _log.warning("mount %s: cancelling %d late tasks", self._name, len(late))
        await self._cancel(late, deadline - timeout / 4)
        try:
            await self._lifespan.shutdown(max(deadline - monotonic(), 0))
        finally:
            ours = {self._main, asyncio.current_task()}
            await self._cancel(asyncio.all_tasks() - ours, deadline)
            generators = asyncio.ensure_future(self._loop.shutdown_asyncgens())
            await self._finish({generators}, deadline)

    def _requests(self) -> set[asyncio.Task[Any]]:
        """Return the tasks of all requests, their background tasks included."""
        tasks = {exchange.task for exchange in list(self._exchanges)}
        return {task for task in tasks if task is not None}

    async def _finish(self, tasks: set[asyncio.Task[Any]], deadline: float) -> None:
        if tasks:
            timeout = max(deadline - monotonic(), _LAST_STEPS)
            await asyncio.wait(tasks, timeout=timeout)

    async def _cancel(self, tasks: set[asyncio.Task[Any]], deadline: float) -> None:
        for task in tasks:
            task.cancel()
        await self._finish(tasks, deadline)

    def _run(self) -> None:
        """Run the loop; this is what the thread does.

        One task spans its whole life, which is what anyio ties its worker threads to.
        """
        self._main = main = self._loop.create_task(self._until_the_end())
        try:
            while not main.done():
                try:
                    self._loop.run_until_complete(main)
                except (SystemExit, KeyboardInterrupt):
                    # A task that a request left behind; asyncio lets these through.
                    _log.exception("mount %s: a task tried to end it", self._name)
        finally:
            self._loop.close()
            self._abandon_requests()

    async def _until_the_end(self) -> None:
        await self._end

    def _abandon_requests(self) -> None:
        for exchange in list(self._exchanges):
            exchange.abandon()
