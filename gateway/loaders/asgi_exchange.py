"""One request at an ASGI application: the side of it that runs on the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from enum import Enum
from queue import SimpleQueue
from typing import Any, Final

from gateway.loaders.asgi_body import RequestBody
from gateway.loaders.asgi_head import ResponseHead
from gateway.loaders.asgi_protocol import (
    AsgiApplication,
    AsgiError,
    ClientDisconnected,
    Message,
    Scope,
)

_log = logging.getLogger("gateway.asgi")

# How much of a response may wait for a slow reader. A chunk counts for more than its
# bytes, so that a flood of tiny ones is bounded too.
_HIGH_WATER: Final = 65_536
_LOW_WATER: Final = _HIGH_WATER // 2
_CHUNK_COST: Final = 1_024

# How long an application that was told of a disconnect has before it is cancelled, in
# seconds.
_GRACE: Final = 0.5


class Event(Enum):
    """What the loop tells the caller's thread, besides the chunks of the body."""

    READ = "the application waits for more of the request body"
    COMPLETE = "the response is complete"
    ENDED = "the application has returned, raised or been given up"


class Exchange:
    """One request: an ASGI application's task, its ``receive`` and its ``send``.

    Everything here runs on the event loop, except :meth:`took` and what is said to be
    for the caller. Word goes to the caller's thread through :attr:`events`.

    :param app: the ASGI 3 application.
    :param name: the mount's name, for messages.
    :param scope: the connection scope.
    :param body: the request's body.
    :param context: the execution context that the application runs in.
    :param loop: the event loop that the application runs on.
    :param on_end: called with the exchange when its task has ended.
    """

    __slots__ = (
        "_app",
        "_consumed",
        "_gone",
        "_inbound",
        "_inbound_changed",
        "_is_head",
        "_name",
        "_on_end",
        "_produced",
        "_reading",
        "_room",
        "body",
        "complete",
        "context",
        "error",
        "events",
        "head",
        "loop",
        "scope",
        "task",
        "whole",
    )

    def __init__(
        self,
        app: AsgiApplication,
        name: str,
        scope: Scope,
        body: RequestBody,
        context: Context,
        loop: asyncio.AbstractEventLoop,
        on_end: Callable[[Exchange], None],
    ) -> None:
        self._app = app
        self._name = name
        self.scope = scope
        self.body = body
        self.context = context
        self.loop = loop
        self._on_end = on_end
        self.events: SimpleQueue[bytes | Event] = SimpleQueue()
        self.task: asyncio.Task[None] | None = None
        self.error: BaseException | None = None
        # The response, for the caller once the first chunk or COMPLETE has come.
        self.head: ResponseHead | None = None
        self.whole: list[bytes] | None = None
        self.complete = False
        self._is_head = scope["method"] == "HEAD"
        self._gone = False
        self._inbound: deque[Message] = deque()
        self._inbound_changed = _Signal()
        self._reading = False
        self._room = _Signal()
        self._produced = 0
        self._consumed = 0
        if body.ended:
            self._inbound.append(
                {"type": "http.request", "body": b"", "more_body": False}
            )

    @property
    def disconnected(self) -> bool:
        """Whether the response is of no use to anybody any more; for the caller."""
        return self._gone and not self.complete

    def begin(self) -> None:
        """Start the application's task."""
        self.task = self.loop.create_task(self._run(), context=self.context)
        self.task.add_done_callback(self._settle, context=self.context)

    async def _run(self) -> None:
        try:
            await self._app(self.scope, self.receive, self.send)
        except GeneratorExit:
            raise  # the coroutine is being closed: it must not wait for anything
        except BaseException as error:
            # All of them: a SystemExit or KeyboardInterrupt left to asyncio would end
            # the loop, and with it every other request of the mount.
            self.error = error
        if self._gone:
            await self._let_generators_close()

    async def _let_generators_close(self) -> None:
        """Give the generators that the application dropped the time to clean up.

        asyncio closes a dropped asynchronous generator in a task of its own; it takes
        a turn of the loop to make that task and another to run its first step.
        """
        if self.error is not None:
            _log.debug(
                "mount %s: ended after its client had gone",
                self._name,
                exc_info=self.error,
            )
            self.error = None
        for _ in range(3):
            await asyncio.sleep(0)

    def _settle(self, task: asyncio.Task[None]) -> None:
        if self.error is None:
            cancelled = task.cancelled()
            self.error = asyncio.CancelledError() if cancelled else task.exception()
        if self.complete and self.error is not None:
            self._report_late_error(self.error)
        self.events.put(Event.ENDED)
        self._on_end(self)

    def _report_late_error(self, error: BaseException) -> None:
        """Log what there is no response left to tell with."""
        if not isinstance(error, asyncio.CancelledError):
            _log.error(
                "mount %s: %s failed after its response was complete",
                self._name,
                self.scope["path"],
                exc_info=error,
            )
        self.error = None

    def abandon(self) -> None:
        """Give up on a task that does not end; its caller waits no longer."""
        if self.error is None:
            self.error = AsgiError(
                f"mount {self._name!r} was shut down before it had answered"
            )
        self.events.put(Event.ENDED)

    # The client's side.

    def feed(self, message: Message) -> None:
        """Hand the application a part of the request body."""
        self._reading = False
        if message["type"] == "http.disconnect":
            self._hang_up(told=True)
        else:
            self._inbound.append(message)
            self._inbound_changed.notify()

    def disconnect(self) -> None:
        """Tell the application that its client has gone, and cancel it if need be."""
        if not self.complete:
            self._hang_up()

    def _hang_up(self, *, told: bool = False) -> None:
        """Turn away what comes from the application from now on.

        It is cancelled at once, unless it can tell by itself: because *told*, or
        because it waits in ``receive`` or ``send``.
        """
        if self._gone or self.task is None:
            return
        self._gone = True
        told |= self._inbound_changed.notify()
        told |= self._room.notify()
        if told:
            self.loop.call_later(_GRACE, self.task.cancel)
        else:
            self.task.cancel()

    def took(self, chunk: bytes) -> None:
        """Count a chunk as taken; called by the caller's thread.

        The application is woken when the low-water mark is crossed, not each time: as
        the mark is half of the high one, none that waits is ever missed.
        """
        produced = self._produced
        before = produced - self._consumed
        self._consumed += len(chunk) + _CHUNK_COST
        if before > _LOW_WATER >= produced - self._consumed:
            self.call(self._room.notify)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Have *function* run on the loop; for the caller.

        Once the loop is closed nobody is left to be told, and :meth:`abandon` has
        told the caller.
        """
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(function, *args)

    # The application's side.

    async def receive(self) -> Message:
        """Return the next message from the client (ASGI's ``receive``)."""
        # A caller that only wants to know whether there is a disconnect by now cancels
        # this at its first await; it must not have taken a message by then.
        await asyncio.sleep(0)
        while not (self._gone or self.complete):
            if self._inbound:
                return self._inbound.popleft()
            if not (self.body.ended or self._reading):
                if self.body.in_memory:
                    self.feed(self.body.read())
                    continue
                self._reading = True
                self.events.put(Event.READ)
            await self._inbound_changed.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message for the client (ASGI's ``send``).

        :raises ClientDisconnected: the client has gone.
        :raises AsgiError: the message is not one that may come now.
        """
        self._check_client()
        kind = message.get("type")
        if kind == "http.response.body":
            self._take_body(message)
            while self._must_wait():
                await self._room.wait()
            self._check_client()
        elif kind == "http.response.start":
            self._take_start(message)
        else:
            raise self._refused(
                f"sent {kind!r}, which is neither 'http.response.start' nor "
                "'http.response.body'; this server offers no extensions "
                "(scope['extensions'] is empty)"
            )

    def _check_client(self) -> None:
        if self._gone:
            raise ClientDisconnected(
                f"mount {self._name!r}: the client of {self.scope['path']!r} has gone"
            )

    def _must_wait(self) -> bool:
        is_full = self._produced - self._consumed > _HIGH_WATER
        return is_full and not (self._gone or self.complete)

    def _refused(self, what: str) -> AsgiError:
        return AsgiError(f"mount {self._name!r}: the ASGI application {what}")

    def _take_start(self, message: Message) -> None:
        if self.head is not None:
            raise self._refused("sent 'http.response.start' for the second time")
        try:
            self.head = ResponseHead(message)
        except AsgiError as error:
            raise self._refused(str(error)) from error.__cause__

    def _take_body(self, message: Message) -> None:
        if self.head is None:
            raise self._refused("sent a body before 'http.response.start'")
        if self.complete:
            raise self._refused("sent a body after the response was complete")
        chunk = self._decode_chunk(message.get("body", b""))
        more = message.get("more_body", False)
        if self._is_head or self.head.without_body:
            self._finish_without_body(self.head, chunk, more)
        elif not (more or self._produced):
            self._finish([chunk])
        else:
            if chunk:
                self._produced += len(chunk) + _CHUNK_COST
                self.events.put(chunk)
            if not more:
                self._finish(None)

    def _decode_chunk(self, chunk: Any) -> bytes:
        if type(chunk) is bytes:
            return chunk
        if isinstance(chunk, bytes | bytearray | memoryview):
            return bytes(chunk)
        raise self._refused(f"sent a body of {type(chunk).__name__}; it must be bytes")

    def _finish(self, whole: list[bytes] | None) -> None:
        self.whole = whole
        self.complete = True
        self.events.put(Event.COMPLETE)
        # There is nothing more to receive: who waits for it learns so now.
        self._inbound_changed.notify()

    def _finish_without_body(
        self, head: ResponseHead, chunk: bytes, more: bool
    ) -> None:
        """Answer a HEAD request, or any with a status that has no body.

        What the body would have been is not awaited: it may have no end.
        """
        if not (more or head.without_body):
            head.set_length(len(chunk))
        self._finish([])
        if more:
            self._hang_up(told=True)


class _Signal:
    """Wakes every task that waits for a change."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)

    def notify(self) -> bool:
        """Wake them, and tell whether there were any."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        return bool(self._waiters)
