"""What stands for an application of another framework: its context's owner."""

from __future__ import annotations

import io
import os
from collections.abc import MutableMapping
from typing import IO, Any, TypeVar

from werkzeug.utils import cached_property
from werkzeug.wrappers import Request

from gateway.context import AppContext, AppGlobals, run_teardowns
from gateway.errors import BodyOwnedError
from gateway.site import Mounted
from gateway.types import Teardown, WSGIEnvironment

F = TypeVar("F", bound=Teardown)


class ForeignApplication:
    """The owner of a foreign mount's contexts.

    :param name: the mount's name.
    :param config: the mount's configuration; a Flask mount's is its application's own.
    """

    app_ctx_globals_class: type[Any] = AppGlobals

    def __init__(self, name: str, config: MutableMapping[str, Any]) -> None:
        self.name = name
        self.config = config
        self.mount: Mounted | None = None
        self.extensions: dict[str, Any] = {}
        self.teardown_appcontext_funcs: list[Teardown] = []

    def app_context(self) -> AppContext:
        """Return a new context of this application, for ``with``."""
        return AppContext(self)

    def teardown_appcontext(self, function: F) -> F:
        """Register *function* to run, with the error or ``None``, at each close."""
        self.teardown_appcontext_funcs.append(function)
        return function

    def do_teardown_appcontext(self, exc: BaseException | None = None, /) -> None:
        """Run the teardown functions, the newest first."""
        if self.teardown_appcontext_funcs:
            run_teardowns(reversed(self.teardown_appcontext_funcs), exc)

    def make_request(self, environ: WSGIEnvironment, /) -> ForeignRequest:
        """Build the request that ``gateway.request`` shows in this mount."""
        # Not entered into the environ: the framework keeps its own request there.
        return ForeignRequest(environ, populate_request=False, shallow=False)

    def __repr__(self) -> str:
        return f"<ForeignApplication {self.name!r}>"


class ForeignRequest(Request):
    """A view of a request whose body belongs to another framework.

    Everything but the body is as in ``werkzeug.wrappers.Request``. The body is shown
    only where the server has buffered it, because reading it there takes nothing away
    from the application.
    """

    @cached_property
    def stream(self) -> IO[bytes]:
        """The whole body, from its start.

        :raises BodyOwnedError: the server hands the body over as it arrives.
        """
        body = _buffered(self.environ["wsgi.input"])
        if body is None:
            raise BodyOwnedError(
                "the request body belongs to the mounted application: this server "
                "hands it over as it arrives, so reading it here would take it away. "
                "Read it through the application's own request object."
            )
        length = self.content_length
        return io.BytesIO(body if length is None else body[:length])


def _buffered(stream: Any) -> bytes | None:
    # Neither way moves the position that the application reads from.
    if isinstance(stream, io.BytesIO):
        return stream.getvalue()
    if isinstance(stream, io.BufferedRandom):
        descriptor = stream.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    return None
