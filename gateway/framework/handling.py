"""The part of an application that turns errors into responses."""

from __future__ import annotations

import sys
from typing import Any, cast

from werkzeug.exceptions import (
    BadRequest,
    BadRequestKeyError,
    HTTPException,
    InternalServerError,
)
from werkzeug.routing import RoutingException

from gateway.framework.scaffold import Scaffold
from gateway.framework.signals import got_request_exception
from gateway.globals import require_request_context


class ErrorHandling(Scaffold):
    """Which handler answers for which error, and what happens without one."""

    config: Any
    debug: bool
    testing: bool
    logger: Any

    def ensure_sync(self, func: Any) -> Any:
        """Return a function that can be called without awaiting it."""
        raise NotImplementedError

    def finalize_request(self, rv: Any, from_error_handler: bool = False) -> Any:
        """Turn what a view or handler returned into the response."""
        raise NotImplementedError

    def _find_error_handler(self, e: Exception, blueprints: list[str]) -> Any:
        """Return the handler for an error, or ``None``.

        A handler of its status comes before one of its class, one of a blueprint
        before one of the application, one of a subclass before one of its base.
        """
        error_class, code = self._get_exc_class_and_code(type(e))
        for key in (None,) if code is None else (code, None):
            for name in (*blueprints, None):
                handlers = self.error_handler_spec.get(name, {}).get(key)
                if not handlers:
                    continue
                for candidate in error_class.__mro__:
                    handler = handlers.get(candidate)
                    if handler is not None:
                        return handler
        return None

    def trap_http_exception(self, e: Exception) -> bool:
        """Tell whether an HTTP error is to be treated as any other exception."""
        if self.config["TRAP_HTTP_EXCEPTIONS"]:
            return True
        trap = self.config["TRAP_BAD_REQUEST_ERRORS"]
        if trap is None and self.debug and isinstance(e, BadRequestKeyError):
            return True
        return bool(trap) and isinstance(e, BadRequest)

    def should_ignore_error(self, error: BaseException | None) -> bool:
        """Tell whether teardown functions are not to see an error."""
        return False

    def handle_http_exception(self, e: HTTPException) -> Any:
        """Let a handler answer for an HTTP error; by default it is its own answer."""
        # An error without a code carries a response; one of routing is a redirect.
        if e.code is None or isinstance(e, RoutingException):
            return e
        handler = self._find_error_handler(
            e, require_request_context().request.blueprints
        )
        return e if handler is None else self.ensure_sync(handler)(e)

    def handle_user_exception(self, e: Exception) -> Any:
        """Let a handler answer for an error that a view or hook raised.

        :raises Exception: *e* itself, where there is no handler.
        """
        if isinstance(e, BadRequestKeyError) and (
            self.debug or self.config["TRAP_BAD_REQUEST_ERRORS"]
        ):
            e.show_exception = True
        if isinstance(e, HTTPException) and not self.trap_http_exception(e):
            return self.handle_http_exception(e)
        handler = self._find_error_handler(
            e, require_request_context().request.blueprints
        )
        if handler is None:
            raise e
        return self.ensure_sync(handler)(e)

    def handle_exception(self, e: Exception) -> Any:
        """Answer for an error that nothing else handled: log it, and send a 500.

        :raises Exception: *e* itself, where exceptions propagate (as in tests).
        """
        exc_info = sys.exc_info()
        if got_request_exception.receivers:
            got_request_exception.send(
                self, _async_wrapper=self.ensure_sync, exception=e
            )
        propagate = self.config["PROPAGATE_EXCEPTIONS"]
        if propagate is None:
            propagate = self.testing or self.debug
        if propagate:
            if exc_info[1] is e:
                raise
            raise e
        self.log_exception(exc_info)
        answer: Any = InternalServerError(original_exception=e)
        blueprints = require_request_context().request.blueprints
        handler = self._find_error_handler(answer, blueprints)
        if handler is not None:
            answer = self.ensure_sync(handler)(answer)
        return self.finalize_request(answer, from_error_handler=True)

    def log_exception(self, exc_info: Any) -> None:
        """Log an error that nothing handled."""
        request = cast("Any", require_request_context().request)
        self.logger.error(
            f"Exception on {request.path} [{request.method}]", exc_info=exc_info
        )
