"""The proxies: what user code reaches the current contexts through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from werkzeug.local import LocalProxy

from gateway.context import (
    AppContext,
    RequestContext,
    current_app_context,
    current_request_context,
    top_request_context,
)
from gateway.errors import OutsideContextError

if TYPE_CHECKING:
    from gateway.context import AppGlobals

_NO_APP = """Working outside of application context.

Nothing is pushed, so there is no current application. While a request is served the
gateway pushes one; elsewhere (scripts, shells, tests, threads of your own) push it:

    with app.app_context():
        ...

or run the script with 'gateway run MOUNT SCRIPT'."""

_NO_REQUEST = """Working outside of request context.

This needs a request that is being served, and there is none. In a test, use a client
or 'with app.test_request_context():'. In a thread of your own, wrap its function with
'copy_current_request_context'."""


def require_app_context() -> AppContext:
    """Return the application context on top.

    :raises OutsideContextError: nothing is pushed.
    """
    context = current_app_context.get(None)
    if context is None:
        raise OutsideContextError(_NO_APP)
    return context


def require_request_context() -> RequestContext:
    """Return the request context on top.

    :raises OutsideContextError: no request is being served.
    """
    context = top_request_context()
    if context is None:
        raise OutsideContextError(_NO_REQUEST)
    return context


app_ctx = cast("AppContext", LocalProxy(require_app_context))
request_ctx = cast("RequestContext", LocalProxy(require_request_context))
current_app: Any = LocalProxy(lambda: require_app_context().app)
g = cast("AppGlobals", LocalProxy(lambda: require_app_context().g))
request: Any = LocalProxy(lambda: require_request_context().request)
session: Any = LocalProxy(lambda: require_request_context().session)

# Extensions and their tests know the variables by these names.
_cv_app = current_app_context
_cv_request = current_request_context
