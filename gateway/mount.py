"""A mount: one application at one prefix, each call in a context of its own."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context, copy_context
from http import HTTPStatus

from gateway.context import AppContext, current_app_context
from gateway.errors import ResponseCutError, is_for_the_server
from gateway.isolation.logs import call_environ
from gateway.joint_context import ForeignContext, JointContext
from gateway.pages import answer
from gateway.paths import quote_path
from gateway.policies.record import RECORD
from gateway.types import Application, StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("gateway.mount")


class Mount:
    """One application at one prefix; ``serve`` is the WSGI application (PEP 3333).

    Each call of ``serve`` runs in its own copy of the execution context (:pep:`567`),
    and so do the steps of its body and its close: whatever the application does to a
    context variable ends with the call. A fresh :class:`AppContext` is current from
    the call until the body is closed; then the teardown functions run, once.

    An application that raises is answered for with a 500 and a log record that names
    the mount.

    :param name: the mount's name.
    :param prefix: without a trailing slash, as text; empty for the root.
    :param host: the host pattern, or ``None`` for every host.
    :param kind: what sort of application it is, such as ``flask``.
    :param source: where the application comes from, for people.
    :param application: the owner of the contexts.
    :param wsgi: what serves the requests.
    :param native: whether *wsgi* pushes request contexts of its own.
    :param slash: whether a bare prefix is redirected to its slash.
    :param load_seconds: how long loading took.
    :param framework_context: makes the context that the application's own framework has
        outside of a request.
    :param close: ends what the application has running.
    """

    __slots__ = (
        "_calls",
        "_close",
        "_framework_context",
        "application",
        "host",
        "kind",
        "load_seconds",
        "name",
        "prefix",
        "serve",
        "slash",
        "source",
    )

    def __init__(
        self,
        name: str,
        prefix: str,
        host: str | None,
        *,
        kind: str,
        source: str,
        application: Application,
        wsgi: WSGIApplication,
        native: bool = False,
        slash: bool = True,
        load_seconds: float = 0.0,
        framework_context: Callable[[], ForeignContext] | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.prefix = prefix
        self.host = host
        self.kind = kind
        self.source = source
        self.application = application
        self.slash = slash
        self.load_seconds = load_seconds
        self._framework_context = framework_context
        self._close = close
        # One entry for each call: a deque's ends are safe to use from many threads.
        self._calls: deque[None] = deque()
        self.serve = self._compose(wsgi, native)

    def __repr__(self) -> str:
        return f"<Mount {self.name!r} at {(self.host or '') + (self.prefix or '/')!r}>"

    def app_context(self) -> AppContext:
        """Return a new context of the mount's application, for ``with`` in scripts.

        That of a Flask mount makes Flask's own application context current, too.
        """
        if self._framework_context is None:
            return AppContext(self.application)
        return JointContext(self.application, self._framework_context)

    def close(self) -> None:
        """End what the application has running; a second call does nothing."""
        close, self._close = self._close, None
        if close is not None:
            close()

    def _compose(self, wsgi: WSGIApplication, native: bool) -> WSGIApplication:
        """Return what serves a request, with all that it needs at hand."""
        application = self.application
        name, prefix = self.name, self.prefix
        if native:
            wsgi = _known_to_logs(wsgi)
        finish, failed = self._finish, self._failed
        enter, leave = self._calls.append, self._calls.pop
        make: Callable[[type[AppContext]], AppContext] = object.__new__

        def serve(
            execution: Context, environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            # AppContext(application, ...), at half the price of calling the class.
            context = make(AppContext)
            context.app = application
            context.environ = None if native else environ
            # Set, not pushed: the execution context is thrown away as a whole.
            current_app_context.set(context)
            try:
                # Before the call: the application may change its environ as it likes.
                head = environ["REQUEST_METHOD"] == "HEAD"
                body = wsgi(environ, start_response)
                if type(body) is not list and type(body) is not tuple:
                    kind = _HeadBody if head else _Body
                    return kind(
                        end, failed, execution, context, body, environ, start_response
                    )
            except BaseException as error:
                end(context, error)
                return failed(environ, start_response)
            # Nothing is left to do for it but to send it.
            if native or application.teardown_appcontext_funcs:
                end(context, None)
            else:
                leave()
            return [] if head else body

        def end(context: AppContext, error: BaseException | None) -> None:
            try:
                finish(context, error)
            finally:
                leave()

        def call(
            environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            if RECORD in environ:
                environ[RECORD].enter(name, prefix)
            enter(None)
            execution = copy_context()
            return execution.run(serve, execution, environ, start_response)

        return call

    @property
    def in_flight(self) -> int:
        """How many requests are being served: their bodies are not closed yet."""
        return len(self._calls)

    def _finish(self, context: AppContext, error: BaseException | None) -> None:
        """Run the teardown functions, with *context* current."""
        # The application may have left contexts of its own on top.
        current_app_context.set(context)
        try:
            self.application.do_teardown_appcontext(error)
        except BaseException as failure:
            _log.exception("mount %s: a teardown function failed", self.name)
            if is_for_the_server(failure):
                raise

    def _failed(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> list[bytes]:
        """Log the error being handled, and answer for the application.

        :raises BaseException: that error, if it is addressed to the server, or if part
            of the response is already sent: the server then cuts the connection, so
            that the client can tell.
        :raises ResponseCutError: the same, where that error is no ``Exception``.
        """
        error = sys.exc_info()
        if error[1] is not None and is_for_the_server(error[1]):
            raise
        if RECORD in environ:
            environ[RECORD].error = error[1]
        _log.error(
            "mount %s: %s %s failed",
            self.name,
            *_described(environ),
            exc_info=error,
        )
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        try:
            return answer(status, environ, start_response, exc_info=error)
        except Exception:
            raise
        except BaseException as cause:
            # A server may take it for an order, or not look for it at all.
            raise ResponseCutError(
                f"mount {self.name}: {type(cause).__name__} when the response had begun"
            ) from cause


def _described(environ: WSGIEnvironment) -> tuple[str, str]:
    """Return the method and the path, of which an application may leave nothing."""
    names = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO")
    values = (environ.get(name) for name in names)
    method, prefix, path = (v if isinstance(v, str) else "" for v in values)
    return quote_path(method), quote_path(prefix + path)


def _known_to_logs(application: WSGIApplication) -> WSGIApplication:
    """Return a native *application* whose log records have the request's id to the end.

    Its request context ends before the body does. For others the mount's has it.
    """

    def serve(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        call_environ.set(environ)
        return application(environ, start_response)

    return serve


class _Body:
    """A response body whose steps and close run in the call's execution context."""

    __slots__ = (
        "_body",
        "_context",
        "_environ",
        "_error",
        "_execution",
        "_failed",
        "_finish",
        "_iterator",
        "_start_response",
    )

    def __init__(
        self,
        finish: Callable[[AppContext, BaseException | None], None],
        failed: Callable[[WSGIEnvironment, StartResponse], list[bytes]],
        execution: Context,
        context: AppContext,
        body: Iterable[bytes],
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> None:
        self._iterator: Iterator[bytes] = iter(body)
        self._finish = finish
        self._failed = failed
        self._execution = execution
        self._context: AppContext | None = context
        self._body = body
        self._environ = environ
        self._start_response = start_response
        self._error: BaseException | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return self._execution.run(next, self._iterator)
        except StopIteration:
            raise
        except BaseException as error:
            self._error = error
            page = self._failed(self._environ, self._start_response)
            self._iterator = iter(page[1:])
            return page[0] if page else b""

    def close(self) -> None:
        """Close the application's body, then end its context; once."""
        context, self._context = self._context, None
        if context is not None:
            self._execution.run(self._end, context)

    def _end(self, context: AppContext) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            # The response is complete: this is news for the log only.
            self._error = self._error or error
            _log.exception("a response of %s failed to close", context.app.name)
            if is_for_the_server(error):
                raise
        finally:
            # A generator that a wrapper left unclosed ends here, in its own context.
            self._body = self._iterator = iter(())
            self._finish(context, self._error)


class _HeadBody(_Body):
    """The body of a response to HEAD: none (RFC 9110, 9.3.2).

    Applications may leave that to the server, and servers to the application. A
    generator may only start its response with its first chunk, so that one is awaited.
    """

    __slots__ = ()

    def __next__(self) -> bytes:
        for chunk in iter(super().__next__, None):
            if chunk:
                break
        self._iterator = iter(())
        raise StopIteration
