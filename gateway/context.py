"""The context system: what is current, and for how long.

Two context variables (:pep:`567`) hold the top of two stacks. An :class:`AppContext`
makes one application current and owns its ``g``; a :class:`RequestContext` makes one
request current and brings an application context along where the top one belongs to
another application. Threads, greenlets and asyncio tasks each have a context of their
own, so they each see their own top.

The names and meanings are those of Flask 3.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextvars import ContextVar, Token
from threading import RLock
from types import TracebackType
from typing import Any, Final, cast

from gateway.errors import ContextStackError, OutsideContextError
from gateway.types import Application, Teardown, WSGIEnvironment

_UNSET: Final = object()
_filling: Final = RLock()

current_app_context: Final[ContextVar[AppContext]] = ContextVar("gateway.app_context")
current_request_context: Final[ContextVar[RequestContext]] = ContextVar(
    "gateway.request_context"
)


def run_teardowns(functions: Iterable[Teardown], exc: BaseException | None) -> None:
    """Run all teardown *functions* in their order, whatever each of them raises.

    :param exc: the error that ended the work, handed to each function.
    :raises BaseException: what the functions raised: a single error as it is, several
        as a ``BaseExceptionGroup``.
    """
    errors: list[BaseException] = []
    for function in functions:
        try:
            function(exc)
        except BaseException as error:
            errors.append(error)
    if len(errors) > 1:
        raise BaseExceptionGroup("several teardown functions failed", errors)
    if errors:
        raise errors[0]


class AppGlobals:
    """The ``g`` namespace: any attribute, for as long as its context lives."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"g has no attribute {name!r}: nothing in this context has set it yet "
            f"(g.get({name!r}) returns None instead)",
            name=name,
            obj=self,
        )

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    def get(self, name: str, default: Any = None) -> Any:
        """Return the attribute *name*, or *default*."""
        return self.__dict__.get(name, default)

    def pop(self, name: str, default: Any = _UNSET) -> Any:
        """Remove and return the attribute *name*.

        :raises KeyError: it is not set and no *default* is given.
        """
        if default is _UNSET:
            return self.__dict__.pop(name)
        return self.__dict__.pop(name, default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return the attribute *name*, setting it to *default* first if absent."""
        return self.__dict__.setdefault(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __repr__(self) -> str:
        context = current_app_context.get(None)
        if context is not None and context.g is self:
            return f"<gateway.g of {context.app.name!r}>"
        return object.__repr__(self)


class AppContext:
    """An application pushed as the current one: ``current_app`` and ``g``.

    Pushing it again nests: it stays current until the last matching pop, and only
    that one runs the application's teardown functions.

    :param app: the application to make current.
    :param environ: the request that a foreign mount is serving. Its request context is
        made when it is first asked for.
    """

    __slots__ = (
        "__weakref__",
        "_request_context",
        "_tokens",
        "_url_adapter",
        "app",
        "environ",
        "g",
    )

    # Made when first asked for: most requests of a foreign mount need none of them.
    g: Any
    _tokens: list[Token[AppContext] | None]
    _request_context: RequestContext

    def __init__(
        self, app: Application, environ: WSGIEnvironment | None = None
    ) -> None:
        self.app = app
        self.environ = environ
        self._tokens = []

    def __getattr__(self, name: str) -> Any:
        # Reached while a slot is empty. A context may be shared by the threads that a
        # request starts, and they must all get the same object.
        with _filling:
            try:
                return object.__getattribute__(self, name)
            except AttributeError:
                if name == "g":
                    value: Any = self.app.app_ctx_globals_class()
                elif name == "_tokens":
                    # Only a mount makes a context without calling the class, and makes
                    # it current without a push: count that as one, which it undoes.
                    value = [None]
                elif name == "_request_context" and self.environ is not None:
                    value = RequestContext(self.app, self.environ)
                else:
                    raise
                setattr(self, name, value)
                return value

    @property
    def url_adapter(self) -> Any:
        """The URL builder used outside a request, or ``None`` where there is none."""
        try:
            return self._url_adapter
        except AttributeError:
            create = getattr(self.app, "create_url_adapter", None)
            self._url_adapter: Any = None if create is None else create(None)
            return self._url_adapter

    @property
    def below(self) -> AppContext | None:
        """What was current before this context was pushed for the first time.

        The later pushes would lead round in circles.
        """
        tokens = self._tokens
        if not tokens or tokens[0] is None:
            return None
        below = tokens[0].old_value
        return None if below is Token.MISSING else below

    def push(self) -> None:
        """Make this context the current one."""
        below = current_app_context.get(None)
        if below is not None and below.environ is not None:
            # The request that is being served stays current under this context.
            current_request_context.set(below._request_context)
        self._tokens.append(current_app_context.set(self))

    def pop(self, exc: BaseException | None = None) -> None:
        """Undo one push; the last one runs the teardown functions.

        :param exc: the error that ended the work, handed to the teardown functions.
        :raises ContextStackError: another context is on top, or this one is its
            mount's; nothing is popped.
        """
        top = current_app_context.get(None)
        if top is not self:
            raise ContextStackError(
                f"Popped wrong app context: cannot pop {self!r}, the context on top is "
                f"{top!r}. Contexts are popped in the reverse order of their pushes, "
                "each by the code that pushed it; use 'with' to keep them in pairs."
            )
        if not self._tokens or self._tokens[-1] is None:
            raise ContextStackError(
                f"cannot pop {self!r}: it was not pushed here. Its mount, or the "
                "thread that this one was started by, made it current and ends it. "
                "Pop only what your own code has pushed."
            )
        try:
            if len(self._tokens) == 1:
                self.app.do_teardown_appcontext(exc)
        finally:
            current_app_context.reset(cast("Token[AppContext]", self._tokens.pop()))

    def __enter__(self) -> AppContext:
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
        return f"<AppContext {self.app.name!r} at {id(self):#x}>"


def top_request_context() -> RequestContext | None:
    """Return the request context on top, or ``None`` where no request is served.

    A foreign mount serves its request with an :class:`AppContext` on top that knows the
    environ; every other request context is pushed on a context that does not.
    """
    top = current_app_context.get(None)
    if top is not None and top.environ is not None:
        return top._request_context
    return current_request_context.get(None)


class RequestContext:
    """A request pushed as the current one: ``request`` and ``session``.

    The request object is built by the application when it is first asked for.

    :param app: the application that serves the request.
    :param environ: the WSGI environment as the application sees it.
    """

    __slots__ = ("__weakref__", "_tokens", "app", "environ", "request")

    def __init__(self, app: Application, environ: WSGIEnvironment) -> None:
        self.app = app
        self.environ = environ
        self._tokens: list[tuple[Token[RequestContext], AppContext | None]] = []

    def __getattr__(self, name: str) -> Any:
        # Reached while the slot is empty: by the first who asks for the request, or by
        # several threads of it at once, who must all get the same.
        if name != "request":
            raise AttributeError(name=name, obj=self)
        with _filling:
            try:
                return object.__getattribute__(self, name)
            except AttributeError:
                self.request = self.app.make_request(self.environ)
                return self.request

    @property
    def session(self) -> Any:
        """The session; only a native application has one here.

        :raises OutsideContextError: always, for a foreign mount.
        """
        raise OutsideContextError(
            f"the session of {self.app.name!r} is kept by its own framework, not by "
            "the gateway: use that framework's, such as flask.session or "
            "request.session in Django"
        )

    def push(self) -> None:
        """Make this context the current one, with an application context below."""
        app_context = current_app_context.get(None)
        pushed = None
        if app_context is None or app_context.app is not self.app:
            pushed = AppContext(self.app)
            pushed.push()
        self._tokens.append((current_request_context.set(self), pushed))

    def pop(self, exc: BaseException | None = None) -> None:
        """Undo one push, and the application context it brought along.

        :raises ContextStackError: another context is on top; nothing is popped.
        """
        top = current_request_context.get(None)
        if top is not self:
            raise ContextStackError(
                f"cannot pop {self!r}: the context on top is {top!r}. Contexts are "
                "popped in the reverse order of their pushes."
            )
        token, app_context = self._tokens.pop()
        current_request_context.reset(token)
        if app_context is not None:
            app_context.pop(exc)

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
        return f"<RequestContext {self.app.name!r} at {id(self):#x}>"
