"""The contexts of a native application: those of the gateway, with Flask's meaning."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from werkzeug.exceptions import HTTPException

from gateway import context
from gateway.context import current_app_context, current_request_context
from gateway.errors import ContextStackError, OutsideContextError
from gateway.framework.lazy import lazy
from gateway.framework.sessions import SecureCookieSessionInterface
from gateway.framework.signals import appcontext_popped, appcontext_pushed
from gateway.framework.wrappers import Request
from gateway.types import WSGIEnvironment

_UNSET: Final[Any] = object()


class SessionNotOpenedError(OutsideContextError, AssertionError):
    """The session was asked for before its request context was pushed."""


class AppContext(context.AppContext):
    """An application context that sends the signals of its push and pop."""

    __slots__ = ()

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        # Every request of a native application needs it.
        self.g = app.app_ctx_globals_class()

    def push(self) -> None:
        """Make this context the current one."""
        super().push()
        if appcontext_pushed.receivers:
            app: Any = self.app
            appcontext_pushed.send(app, _async_wrapper=app.ensure_sync)

    def pop(self, exc: BaseException | None = _UNSET) -> None:
        """Undo one push; the last one runs the teardown functions.

        :param exc: the error for them; by default the one that is being handled.
        """
        super().pop(sys.exc_info()[1] if exc is _UNSET else exc)
        if appcontext_popped.receivers:
            app: Any = self.app
            appcontext_popped.send(app, _async_wrapper=app.ensure_sync)


class RequestContext(context.RequestContext):
    """A request of a native application, with its routing, session and flashes.

    :param app: the application that serves the request.
    :param environ: the WSGI environment.
    :param request: the request, where it exists already.
    :param session: the session, where it is open already.
    """

    app: Any
    request: Request

    #: The messages that this request has taken out of the session.
    flashes: list[tuple[str, str]] | None = None
    _opened: Any = None

    def __init__(
        self,
        app: Any,
        environ: WSGIEnvironment,
        request: Request | None = None,
        session: Any = None,
    ) -> None:
        self.app = app
        self.environ = environ
        self._tokens = []
        self.request = app.make_request(environ) if request is None else request
        if session is not None:
            self._opened = session

    @lazy
    def url_adapter(self) -> Any:
        """The application's URL map bound to this request; ``None`` if it cannot be."""
        try:
            return self.app.create_url_adapter(self.request)
        except HTTPException as error:
            self.request.routing_exception = error
            return None

    @lazy
    def _after_request_functions(self) -> list[Callable[[Any], Any]]:
        return []

    @property
    def session(self) -> Any:
        """The session of this request; reading it here counts as access to it.

        :raises SessionNotOpenedError: this context was never pushed.
        """
        session = self._opened
        if session is None:
            session = self._session
            if session is None:
                raise SessionNotOpenedError(
                    "The session has not yet been opened: it is opened when the "
                    "request context is pushed, for instance by 'with'."
                )
        session.accessed = True
        return session

    @property
    def _session(self) -> Any:
        """The session, looked at without access to it; ``None`` before the push."""
        if self._opened is None and "_session_waits" in self.__dict__:
            self._open_session()
        return self._opened

    def _open_session(self) -> None:
        interface = self.app.session_interface
        session = interface.open_session(self.app, self.request)
        if session is None:
            session = interface.make_null_session(self.app)
        self._opened = session

    def opened_session(self) -> Any:
        """Return the session for saving; ``None`` if there is nothing to save."""
        if self._opened is None and "_session_waits" in self.__dict__:
            if self.app.session_interface.is_idle(self.app, self.request):
                return None
            self._open_session()
        return self._opened

    def copy(self) -> RequestContext:
        """Return a context of the same request and session, for another greenlet."""
        return type(self)(
            self.app, self.environ, request=self.request, session=self._session
        )

    def match_request(self) -> None:
        """Find the rule for this request; what routing raises is kept for later."""
        request = self.request
        try:
            matched = self.app.match_directly(request)
            if matched is None:
                if self.url_adapter is None:
                    return
                matched = self.url_adapter.match(return_rule=True)
            request.url_rule, request.view_args = matched
        except HTTPException as error:
            request.routing_exception = error

    def push(self) -> None:
        """Make this context the current one, open its session and match its URL."""
        app = self.app
        top = current_app_context.get(None)
        pushed = None
        if top is None or top.app is not app:
            pushed = app.app_context()
            pushed.push()
        self._tokens.append((current_request_context.set(self), pushed))
        if self._opened is None:
            # The standard interface is known to have no effect before it is used.
            interface = app.session_interface
            if type(interface) is SecureCookieSessionInterface and not vars(interface):
                self._session_waits = True
            else:
                self._open_session()
        self.match_request()

    def pop(self, exc: BaseException | None = _UNSET) -> None:
        """Undo one push; the last one runs the teardown functions of the request.

        :param exc: the error for them; by default the one that is being handled.
        :raises ContextStackError: another context is on top; nothing is popped.
        """
        top = current_request_context.get(None)
        if top is not self:
            raise ContextStackError(
                f"Popped wrong request context: cannot pop {self!r}, the context on "
                f"top is {top!r}. Contexts are popped in the reverse order of their "
                "pushes; use 'with' to keep them in pairs."
            )
        if exc is _UNSET:
            exc = sys.exc_info()[1]
        last = len(self._tokens) == 1
        try:
            if last:
                self._tear_down(exc)
        finally:
            token, app_context = self._tokens.pop()
            current_request_context.reset(token)
            if last:
                # Breaks the reference cycle of request and environment.
                self.request.environ["werkzeug.request"] = None
            if app_context is not None:
                app_context.pop(exc)

    def _tear_down(self, exc: BaseException | None) -> None:
        try:
            self.app.do_teardown_request(exc)
        finally:
            close = getattr(self.request, "close", None)
            if close is not None:
                close()

    def __enter__(self) -> RequestContext:
        self.push()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.pop(exc_value)

    def __repr__(self) -> str:
        request = self.request
        return (
            f"<{type(self).__name__} {request.url!r} [{request.method}] "
            f"of {self.app.name}>"
        )
