"""The WSGI aliases (PEP 3333) and the small protocols between the rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse as StartResponse
    from _typeshed.wsgi import WSGIApplication as WSGIApplication
    from _typeshed.wsgi import WSGIEnvironment as WSGIEnvironment
else:
    StartResponse = Callable[..., Callable[[bytes], object]]
    WSGIEnvironment = dict[str, Any]
    WSGIApplication = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

Teardown: TypeAlias = Callable[[BaseException | None], Any]


class Application(Protocol):
    """What owns a context: the native ``App``, or what stands for a foreign one."""

    app_ctx_globals_class: type[Any]
    teardown_appcontext_funcs: list[Teardown]
    # Its place in a gateway, a `gateway.site.Mounted`; None while served alone.
    mount: Any

    @property
    def name(self) -> str:
        """The application's name, for messages and log lines."""

    @property
    def config(self) -> MutableMapping[str, Any]:
        """The application's own configuration."""

    def do_teardown_appcontext(self, exc: BaseException | None, /) -> None:
        """Run every teardown function, the newest first, with the request's error."""

    def make_request(self, environ: WSGIEnvironment, /) -> Any:
        """Build the object that ``gateway.request`` shows for *environ*."""
