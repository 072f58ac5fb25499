"""The part of an application that a request passes through, from PEP 3333 and back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn, cast

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as BaseResponse

from gateway.context import (
    current_app_context,
    current_request_context,
    run_teardowns,
)
from gateway.framework.context import AppContext, RequestContext
from gateway.framework.handling import ErrorHandling
from gateway.framework.routing import Routing
from gateway.framework.sessions import SecureCookieSessionInterface, SessionInterface
from gateway.framework.signals import (
    appcontext_tearing_down,
    request_finished,
    request_started,
    request_tearing_down,
)
from gateway.framework.wrappers import Request, Response
from gateway.globals import require_request_context
from gateway.types import StartResponse, WSGIEnvironment

if TYPE_CHECKING:
    from werkzeug.exceptions import HTTPException

_CO_COROUTINE = 0x80
_UNSET: Any = object()

_EXPECTED = (
    "The return type must be a string, dict, list, tuple with headers or status, "
    "Response instance, or WSGI callable"
)


def split_return(value: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """Return body, status and headers of a tuple that a view returned.

    :raises TypeError: it has another form.
    """
    match value:
        case (body, status, headers):
            return body, status, headers
        case (body, Headers() | dict() | tuple() | list() as headers):
            return body, None, headers
        case (body, status):
            return body, status, None
    raise TypeError(
        "The view function did not return a valid response tuple. The tuple must have "
        "the form (body, status, headers), (body, status), or (body, headers), "
        f"but it has {len(value)} items."
    )


class RequestCycle(Routing, ErrorHandling):
    """Context, hooks, view, response, session, teardown."""

    request_class: type[Request] = Request
    response_class: type[Response] = Response
    session_interface: SessionInterface = SecureCookieSessionInterface()

    json: Any
    teardown_appcontext_funcs: list[Callable[[BaseException | None], Any]]

    # Contexts

    def app_context(self) -> AppContext:
        """Return a context that makes this application current, for ``with``."""
        return AppContext(self)

    def request_context(self, environ: WSGIEnvironment) -> RequestContext:
        """Return a context that makes the request of *environ* current."""
        return RequestContext(self, environ)

    def make_request(self, environ: WSGIEnvironment) -> Any:
        """Build the request object."""
        request = self.request_class(environ)
        request.json_module = self.json
        return request

    # WSGI

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve a request (PEP 3333); to wrap the application, wrap ``wsgi_app``."""
        return self.wsgi_app(environ, start_response)

    def wsgi_app(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve a request; ``app.wsgi_app = Middleware(app.wsgi_app)`` wraps it."""
        context = self.request_context(environ)
        failure: BaseException | None = None
        try:
            try:
                context.push()
                response = self.full_dispatch_request()
            except Exception as error:
                failure = error
                response = self.handle_exception(error)
            except BaseException as error:
                failure = error
                raise
            body: Iterable[bytes] = response(environ, start_response)
            return body
        finally:
            if "werkzeug.debug.preserve_context" in environ:
                preserve = environ["werkzeug.debug.preserve_context"]
                preserve(current_app_context.get())
                preserve(current_request_context.get())
            if failure is not None and self.should_ignore_error(failure):
                failure = None
            context.pop(failure)

    def full_dispatch_request(self) -> Any:
        """Run the hooks and the view, and let handlers answer for their errors."""
        self._got_first_request = True
        try:
            if request_started.receivers:
                request_started.send(self, _async_wrapper=self.ensure_sync)
            value = self.preprocess_request()
            if value is None:
                value = self.dispatch_request()
        except Exception as error:
            value = self.handle_user_exception(error)
        return self.finalize_request(value)

    def preprocess_request(self) -> Any:
        """Run the hooks before the view; what one returns is the answer."""
        if not self.before_request_funcs and not self.url_value_preprocessors:
            return None
        request = require_request_context().request
        names: list[str | None] = [None, *reversed(request.blueprints)]
        for function in _hooks(self.url_value_preprocessors, names):
            function(request.endpoint, request.view_args)
        for function in _hooks(self.before_request_funcs, names):
            value = self.ensure_sync(function)()
            if value is not None:
                return value
        return None

    def dispatch_request(self) -> Any:
        """Call the view that the URL matched.

        :raises HTTPException: what routing found instead.
        """
        request: Request = require_request_context().request
        if request.routing_exception is not None:
            self.raise_routing_exception(request)
        rule: Any = request.url_rule
        if request.method == "OPTIONS" and getattr(
            rule, "provide_automatic_options", False
        ):
            return self.make_default_options_response()
        view = self.ensure_sync(self.view_functions[rule.endpoint])
        return view(**request.view_args)  # type: ignore[arg-type]

    def raise_routing_exception(self, request: Request) -> NoReturn:
        """Raise what routing found; while debugging, explain a redirect of a form."""
        if self.debug:
            from gateway.framework.debugging import refuse_losing_redirect

            refuse_losing_redirect(request)
        raise cast("HTTPException", request.routing_exception)

    def make_default_options_response(self) -> Any:
        """Answer OPTIONS with the methods of the URL (RFC 9110, 9.3.7)."""
        context: Any = require_request_context()
        response = self.response_class()
        response.allow.update(context.url_adapter.allowed_methods())
        return response

    # Responses

    def finalize_request(self, rv: Any, from_error_handler: bool = False) -> Any:
        """Turn what a view or handler returned into the response.

        :param from_error_handler: log the error of a hook instead of raising it.
        """
        response = self.make_response(rv)
        try:
            response = self.process_response(response)
            if request_finished.receivers:
                request_finished.send(
                    self, _async_wrapper=self.ensure_sync, response=response
                )
        except Exception:
            if not from_error_handler:
                raise
            self.logger.exception(
                "Request finalizing failed with an error while handling an error"
            )
        return response

    def make_response(self, rv: Any) -> Any:
        """Turn what a view may return into a response.

        :param rv: text, bytes, a dict or list (JSON), an iterator (streamed), a
            response, a WSGI callable, or a tuple of one of these with a status,
            headers, or both.
        :raises TypeError: it is something else.
        """
        if type(rv) is str:
            return self.response_class(rv)
        status = headers = None
        if isinstance(rv, tuple):
            rv, status, headers = split_return(rv)
        if isinstance(rv, bytearray):
            rv = bytes(rv)  # what PEP 3333 lets a body consist of
        if isinstance(rv, str | bytes | Iterator):
            return self.response_class(rv, status=status, headers=headers)
        if not isinstance(rv, self.response_class):
            rv = self._make_other_response(rv)
        if status is not None:
            if isinstance(status, str | bytes | bytearray):
                rv.status = status
            else:
                rv.status_code = status
        if headers:
            rv.headers.update(headers)
        return rv

    def _make_other_response(self, value: Any) -> Any:
        if value is None:
            endpoint = require_request_context().request.endpoint
            raise TypeError(
                f"The view function for {endpoint!r} did not return a valid response. "
                "The function either returned None or ended without a return statement."
            )
        if isinstance(value, dict | list):
            return self.json.response(value)
        wrong = f"{_EXPECTED}, but it was a {type(value).__name__}."
        if not isinstance(value, BaseResponse) and not callable(value):
            raise TypeError(
                f"The view function did not return a valid response. {wrong}"
            )
        try:
            environ = require_request_context().request.environ
            return self.response_class.force_type(value, environ)
        except TypeError as error:
            raise TypeError(
                f"{error}\nThe view function did not return a valid response. {wrong}"
            ).with_traceback(sys.exc_info()[2]) from None

    def process_response(self, response: Any) -> Any:
        """Run the hooks after the view, and save the session."""
        context: Any = current_request_context.get()
        for function in context.__dict__.get("_after_request_functions", ()):
            response = self.ensure_sync(function)(response)
        if self.after_request_funcs:
            names = (*context.request.blueprints, None)
            for function in _hooks(self.after_request_funcs, names, newest_first=True):
                response = self.ensure_sync(function)(response)
        session = context.opened_session()
        if session is not None and not self.session_interface.is_null_session(session):
            self.session_interface.save_session(self, session, response)
        return response

    # Teardown

    def do_teardown_request(self, exc: BaseException | None = _UNSET) -> None:
        """Run every teardown function of the request, the newest first."""
        if not self.teardown_request_funcs and not request_tearing_down.receivers:
            return
        if exc is _UNSET:
            exc = sys.exc_info()[1]
        names = (*require_request_context().request.blueprints, None)
        functions = _hooks(self.teardown_request_funcs, names, newest_first=True)
        try:
            run_teardowns(map(self.ensure_sync, functions), exc)
        finally:
            request_tearing_down.send(self, _async_wrapper=self.ensure_sync, exc=exc)

    def do_teardown_appcontext(self, exc: BaseException | None = _UNSET) -> None:
        """Run every teardown function of the application, the newest first."""
        if not self.teardown_appcontext_funcs and not appcontext_tearing_down.receivers:
            return
        if exc is _UNSET:
            exc = sys.exc_info()[1]
        functions = reversed(self.teardown_appcontext_funcs)
        try:
            run_teardowns(map(self.ensure_sync, functions), exc)
        finally:
            appcontext_tearing_down.send(self, _async_wrapper=self.ensure_sync, exc=exc)

    # Coroutine functions

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return *func*; a coroutine function becomes one that can be called."""
        if (
            type(func) is FunctionType
            and not func.__dict__
            and not func.__code__.co_flags & _CO_COROUTINE
        ):
            return func
        from inspect import iscoroutinefunction

        return self.async_to_sync(func) if iscoroutinefunction(func) else func

    def async_to_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that runs a coroutine function to its end."""
        from gateway.framework.asynchronous import async_to_sync

        return async_to_sync(func)


def _hooks(
    hooks: dict[str | None, list[Callable[..., Any]]],
    names: Iterable[str | None],
    newest_first: bool = False,
) -> Iterator[Callable[..., Any]]:
    for name in names:
        functions = hooks.get(name)
        if functions:
            yield from reversed(functions) if newest_first else functions
