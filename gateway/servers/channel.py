"""One client's connection, and the requests that it has sent.

Waitress's own, with three differences. Whoever writes has the output to himself: while
a worker holds its lock, the loop does not wait for the socket, which would be ready all
the time and keep the loop busy, at the cost of the worker. A request belongs to a
share, which it may have to wait for, or may be refused by. And the end of a connection
loses nothing: neither the requests of a client that sends no more, nor the responses of
one that still sends.
"""

from __future__ import annotations

import logging
import socket
from time import monotonic, time
from typing import Any, Final

from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import ErrorTask, Task
from waitress.utilities import InternalServerError

from gateway.paths import quote_path
from gateway.servers.request import Parser
from gateway.servers.task import RefusalTask, RequestTask
from gateway.shares import NOBODY, REFUSED, Share

_log = logging.getLogger("gateway.server")

# How long a connection that is over waits for its client, in seconds: for as long as it
# is silent, and in all.
_SILENT: Final = 1.0
_LINGER: Final = 10.0


class Job:
    """One request that waits for its share, or has a thread.

    :param task: what answers it; its environ is there already, as it tells the share.
    :param share: whose it is.
    """

    __slots__ = ("_channel", "share", "task")

    def __init__(self, channel: Channel, task: Task, share: Share) -> None:
        self._channel = channel
        self.task = task
        self.share = share

    def run(self) -> None:
        """Answer it."""
        self._channel.answer(self.task)

    def refuse(self) -> None:
        """Answer that there is no room for it; in the loop."""
        self._channel.refuse(self)

    def cancel(self) -> None:
        """Give it up: the server ends."""
        self._channel.cancel()

    def describe(self) -> str:
        """Return its method and path, for the log."""
        return _described(self.task.request)


def _described(request: Any) -> str:
    if request.error:
        return "a malformed request"
    # waitress takes a method only if it is a token (RFC 9110, 9.1).
    return f"{request.command} {quote_path(request.path)}"


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection whose requests wait for their shares.

    Its server has, beside waitress's own, ``loop``, ``shares`` and ``refuse``.
    """

    task_class = RequestTask
    parser_class = Parser

    # Waitress's, whose types are not known otherwise.
    requests: list[Any]
    current_outbuf_count: int

    # The first of its requests, until that is answered.
    _job: Job | None = None

    # Whether there is output for the loop to send. Written only by whoever holds the
    # lock of the output, and read by the loop without it. When it comes true, the loop
    # is woken after that, so that nothing is left lying.
    _has_output = False

    # Whether a write may wait for the client, which the loop must not.
    _may_wait = True

    # Whether the client sends no more: it has left, or only waits for its answers.
    _has_ended = False

    # When all is sent, and the client's end of the connection is waited for: until when
    # at most, and since when it has been silent.
    _lingers: tuple[float, float] | None = None

    # -- in the loop ------------------------------------------------------------------

    def readable(self) -> bool:
        """Tell the loop whether to read from the client."""
        return self._lingers is not None or not (
            self.will_close
            or self.close_when_flushed
            or self._has_output
            or self._has_ended
            or len(self.requests) > self.adj.channel_request_lookahead
        )

    def writable(self) -> bool:
        """Tell the loop whether to wait until the client takes more."""
        if self._lingers is not None:
            limit, since = self._lingers
            return self.will_close or monotonic() > min(limit, since + _SILENT)
        return bool(self._has_output or self.will_close or self.close_when_flushed)

    def handle_read(self) -> None:
        """Read what the client has sent."""
        try:
            data = self.socket.recv(self.adj.recv_bytes)
        except BlockingIOError:
            return
        except OSError:
            self.handle_close()
            return
        if self._lingers is not None:
            self._lingers = self._lingers[0], monotonic()
            if not data:
                self.handle_close()
        elif data:
            self.last_activity = time()
            self.received(data)
        else:
            self._end_requests()

    def _end_requests(self) -> None:
        """Let the client have the answers for which it waits, if it still does.

        Whether it has left or has only shut its own direction, the next write tells. A
        request that still waits for its share is not run for it.
        """
        self._has_ended = True
        job = self._job
        waited = job is not None and self.server.task_dispatcher.discard(job)
        with self.requests_lock:
            if waited:
                self._drop_requests()
            if not self.requests:
                self.close_when_flushed = True

    def check_client_disconnected(self) -> bool:
        """Tell an application whether the client may have left."""
        return self._has_ended or not self.connected

    def handle_write(self) -> None:
        """Send what is left, unless a worker is about it; end what is over."""
        if self._lingers is None:
            self._flush_exception(self._flush_some_if_lockable)
            # Sending may have found out that the client has left, and closed.
            is_flushed = self.connected and not self.total_outbufs_len
            if self.close_when_flushed and is_flushed:
                self._finish()
        elif self.writable():
            self.will_close = True
        if self.will_close:
            self.handle_close()

    def _finish(self) -> None:
        """Send no more, and wait for the client's end of the connection.

        A connection that is closed while the client still sends is reset: of the
        response, what the client has not got by then is lost (RFC 9112, 9.6).
        """
        now = monotonic()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.will_close = True
        else:
            self.will_close = self.will_close or self._has_ended
            self._lingers = now + _LINGER, now

    def _flush_some_if_lockable(self, do_close: bool = True) -> None:
        if not self.outbuf_lock.acquire(False):
            return
        try:
            self._flush_some(do_close=do_close)
            self._has_output = self.total_outbufs_len > 0
            if self.total_outbufs_len < self.adj.outbuf_high_watermark:
                self.outbuf_lock.notify()
        finally:
            self.outbuf_lock.release()

    def handle_close(self) -> None:
        """Close the connection; a request of it that waits is dropped."""
        super().handle_close()
        job = self._job
        if job is not None and self.server.task_dispatcher.discard(job):
            with self.requests_lock:
                self._drop_requests()

    def refuse(self, job: Job) -> None:
        """Answer a request that its share has no room for."""
        if not self.connected:
            return
        task = job.task
        if not task.request.error:
            task = RefusalTask(self, task.request)
            task.environ = {**job.task.environ, REFUSED: job.share}
        self._may_wait = False
        try:
            self.answer(task)
        finally:
            self._may_wait = True

    # -- in the loop, or in a worker --------------------------------------------------

    def next_job(self) -> Job:
        """Return the first request as a job, having found out whose it is."""
        request = self.requests[0]
        if request.error:
            self._job = Job(self, ErrorTask(self, request), NOBODY)
        else:
            task = self.task_class(self, request)
            share = self.server.shares(task.get_environment())
            self._job = Job(self, task, share)
        return self._job

    def send_continue(self) -> None:
        """Tell the client to send its body (RFC 9110, 10.1.1)."""
        payload = b"HTTP/1.1 100 Continue\r\n\r\n"
        self.request.expect_continue = False
        with self.outbuf_lock:
            self.outbufs[-1].append(payload)
            self.current_outbuf_count += len(payload)
            self.total_outbufs_len += len(payload)
            self.sent_continue = True
            self._flush_exception(self._flush_some, do_close=False)
            self._leave_output()
        self.request.completed = False

    def write_soon(self, data: Any) -> int:
        """Send *data*, or as much as the client takes; the loop sends the rest."""
        with self.outbuf_lock:
            self._has_output = False
            try:
                if self.total_outbufs_len or isinstance(data, ReadOnlyFileBasedBuffer):
                    return int(super().write_soon(data))
                return self._send_now(data)
            finally:
                self._leave_output()

    def _send_now(self, data: Any) -> int:
        """Send *data* past the buffers, which are empty, or what the client takes."""
        if not self.connected:
            raise ClientDisconnected
        if not data:
            return 0
        try:
            sent: int = self.send(data, do_close=False)
        except OSError:
            self.will_close = True
            return len(data)
        if sent:
            self.last_activity = time()
        if sent < len(data):
            super().write_soon(memoryview(data)[sent:])
        return len(data)

    def _leave_output(self) -> None:
        """Leave to the loop what could not be sent; called with the lock held."""
        if self.total_outbufs_len or self.will_close:
            self._has_output = True
            self.server.loop.touch(self)

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Wait until the client has taken so much that more may be stored for it."""
        limit = self.adj.outbuf_high_watermark
        if self.total_outbufs_len <= limit or not self._may_wait:
            return
        with self.outbuf_lock:
            self._flush_exception(self._flush_some, do_close=False)
            while self.connected and (
                self.will_close or self.total_outbufs_len > limit
            ):
                self._leave_output()
                since = self.last_activity
                if not self.outbuf_lock.wait(self.adj.channel_timeout):
                    # Who takes nothing for so long would else keep the thread.
                    self.will_close = self.will_close or since == self.last_activity
                self._has_output = False

    # -- in a worker ------------------------------------------------------------------

    def answer(self, task: Task) -> None:
        """Answer the first request, and see to the next one."""
        request, self._job = task.request, None
        if self.connected:
            task = self._run(task)
        if task.close_on_finish or not self.connected:
            with self.requests_lock:
                self.close_when_flushed = True
                self._drop_requests()
            self.server.loop.touch(self)
        else:
            # The next response gets a buffer of its own, and this one's is freed.
            if self.current_outbuf_count > 0:
                self.current_outbuf_count = self.adj.outbuf_high_watermark
            request.close()
            self._go_on()
        self.last_activity = time()

    def _run(self, task: Task) -> Task:
        """Run a task; return the one that has answered, which may be another."""
        try:
            task.service()
        except ClientDisconnected:
            task.close_on_finish = True
        except BaseException:
            # Raised where an application's response has begun, or by the gateway.
            _log.exception("serving %s failed", _described(task.request))
            if task.wrote_header:
                task.close_on_finish = True
            else:
                task = self._failure(task.request)
                try:
                    task.service()
                except ClientDisconnected:
                    task.close_on_finish = True
        return task

    def _failure(self, request: Any) -> ErrorTask:
        failed = self.parser_class(self.adj)
        failed.error = InternalServerError("The request could not be served.")
        failed.version = request.version
        if "CONNECTION" in request.headers:
            failed.headers["CONNECTION"] = request.headers["CONNECTION"]
        return ErrorTask(self, failed)

    def _go_on(self) -> None:
        """Start with the request after the one that is answered."""
        with self.requests_lock:
            # The loop has stopped reading from a client that is so far ahead.
            stopped = len(self.requests) > self.adj.channel_request_lookahead
            self.requests.pop(0)
            if self.connected and self.requests:
                self.server.add_task(self)
            elif self._has_ended:
                self.close_when_flushed = True
            elif (
                self.connected
                and self.request is not None
                and self.request.expect_continue
                and self.request.headers_finished
                and not self.sent_continue
            ):
                # It had to wait for the responses before its own.
                self.send_continue()
        if stopped or self._has_ended or not self.server.accepting:
            self.server.loop.touch(self)

    def cancel(self) -> None:
        """Give up a request that waits, at the end of the server."""
        with self.requests_lock:
            self._drop_requests()
        super().cancel()

    def _drop_requests(self) -> None:
        for request in self.requests:
            request.close()
        self.requests = []
