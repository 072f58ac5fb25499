"""The functions that a view calls: they ask the current application or request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast, overload

import werkzeug.exceptions
import werkzeug.utils

from gateway.bodies import close_body
from gateway.context import current_app_context, top_request_context
from gateway.errors import OutsideContextError
from gateway.framework.signals import message_flashed
from gateway.globals import current_app, require_request_context, session

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

    from gateway.framework.wrappers import Response

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def has_app_context() -> bool:
    """Tell whether an application context is pushed."""
    return current_app_context.get(None) is not None


def has_request_context() -> bool:
    """Tell whether a request context is pushed."""
    return top_request_context() is not None


def _needs_request(name: str) -> OutsideContextError:
    return OutsideContextError(
        f"'{name}' can only be used when a request context is active, such as in a "
        "view function; in a test, use 'with app.test_request_context():'"
    )


def _native_request_context(name: str) -> Any:
    """Return the current request context for *name*, which only ``App`` supports.

    :raises OutsideContextError: there is none, or it is that of a foreign mount.
    """
    context: Any = top_request_context()
    if context is None:
        raise _needs_request(name)
    if not hasattr(context, "match_request"):
        raise OutsideContextError(
            f"{name!r} can only be used in a gateway.App: the request of "
            f"{context.app.name!r} is handled by its own framework; use what that "
            "framework offers instead"
        )
    return context


def after_this_request(f: F) -> F:
    """Run *f* on the response of the current request, before other such hooks."""
    context = _native_request_context("after_this_request")
    context._after_request_functions.append(f)
    return f


def copy_current_request_context(f: F) -> F:
    """Let *f* run elsewhere, in a greenlet or a thread, within the current request.

    The request and the session are shared, not copied.
    """
    context = _native_request_context("copy_current_request_context").copy()

    @wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        with context:
            return context.app.ensure_sync(f)(*args, **kwargs)

    return cast("F", run)


@overload
def stream_with_context(generator_or_function: Iterator[T]) -> Iterator[T]: ...


@overload
def stream_with_context(
    generator_or_function: Callable[..., Iterator[T]],
) -> Callable[..., Iterator[T]]: ...


def stream_with_context(generator_or_function: Any) -> Any:
    """Keep the current request's contexts for a generator that streams its response.

    :param generator_or_function: the generator, or a function that makes one.
    """
    try:
        pieces = iter(generator_or_function)
    except TypeError:

        @wraps(generator_or_function)
        def make(*args: Any, **kwargs: Any) -> Iterator[Any]:
            made: Iterator[Any] = stream_with_context(
                generator_or_function(*args, **kwargs)
            )
            return made

        return make

    stream = _in_context(pieces)
    next(stream)  # runs up to the point where the contexts are taken
    return stream


def _in_context(pieces: Iterator[Any]) -> Iterator[Any]:
    request_context = top_request_context()
    if request_context is None:
        raise _needs_request("stream_with_context")
    app_context = current_app_context.get()
    yield None
    # The application context first, so that the other does not push one of its own.
    with app_context, request_context:
        try:
            yield from pieces
        finally:
            close_body(pieces)


def make_response(*args: Any) -> Response:
    """Turn what a view could return into a response, to change it."""
    response: Response
    if args:
        response = current_app.make_response(args[0] if len(args) == 1 else args)
    else:
        response = current_app.response_class()
    return response


def jsonify(*args: Any, **kwargs: Any) -> Response:
    """Build a JSON response of the current application.

    :param args: one value, or several for a list.
    :param kwargs: the keys of an object, in place of *args*.
    """
    response: Response = current_app.json.response(*args, **kwargs)
    return response


def url_for(
    endpoint: str,
    *,
    _anchor: str | None = None,
    _method: str | None = None,
    _scheme: str | None = None,
    _external: bool | None = None,
    **values: Any,
) -> str:
    """Build the URL of an endpoint of the current application.

    :param endpoint: its name; one that starts with a dot is in the same blueprint.
    :param _anchor: a fragment to append.
    :param _method: the method of the rule, where several rules share the endpoint.
    :param _scheme: the scheme; makes the URL an external one.
    :param _external: build it with scheme and host.
    :param values: the arguments of the rule; others become the query.
    """
    url: str = current_app.url_for(
        endpoint,
        _anchor=_anchor,
        _method=_method,
        _scheme=_scheme,
        _external=_external,
        **values,
    )
    return url


def redirect(
    location: str, code: int = 302, Response: type[BaseResponse] | None = None
) -> BaseResponse:
    """Answer with a redirect (RFC 9110, 15.4).

    :param location: where to, absolute or relative.
    :param code: the status, one of 301, 302, 303, 305, 307 and 308.
    :param Response: the class to use outside an application.
    """
    context = current_app_context.get(None)
    app: Any = None if context is None else context.app
    if hasattr(app, "redirect"):
        return cast("BaseResponse", app.redirect(location, code=code))
    return werkzeug.utils.redirect(location, code=code, Response=Response)


def abort(code: int | BaseResponse, *args: Any, **kwargs: Any) -> NoReturn:
    """Stop the request with an HTTP error.

    :param code: the status, or a response.
    """
    context = current_app_context.get(None)
    aborter = None if context is None else getattr(context.app, "aborter", None)
    if aborter is not None:
        aborter(code, *args, **kwargs)
    werkzeug.exceptions.abort(code, *args, **kwargs)


def flash(message: str, category: str = "message") -> None:
    """Keep a message in the session, for the next page to show.

    :param category: such as ``error``; templates can tell messages apart by it.
    """
    messages = session.get("_flashes", [])
    messages.append((category, message))
    session["_flashes"] = messages
    if message_flashed.receivers:
        app = current_app._get_current_object()
        message_flashed.send(
            app, _async_wrapper=app.ensure_sync, message=message, category=category
        )


def get_flashed_messages(
    with_categories: bool = False, category_filter: Iterable[str] = ()
) -> list[Any]:
    """Take the flashed messages out of the session; they stay for this request.

    :param with_categories: return pairs of category and message.
    :param category_filter: only those categories.
    """
    context: Any = require_request_context()
    messages = context.flashes
    if messages is None:
        messages = session.pop("_flashes") if "_flashes" in session else []
        context.flashes = messages
    if category_filter:
        messages = [item for item in messages if item[0] in category_filter]
    return messages if with_categories else [text for _, text in messages]
