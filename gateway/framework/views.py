"""Views that are classes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, ClassVar

from gateway.errors import GatewayError
from gateway.globals import current_app, request

http_method_funcs = frozenset(
    {"get", "post", "head", "options", "delete", "put", "trace", "patch"}
)


class UnimplementedMethodError(GatewayError, AssertionError):
    """A method was routed to a :class:`MethodView` that does not have it."""


class View:
    """A view as a class; :meth:`as_view` makes the function to route to."""

    #: The methods that it answers; by default GET.
    methods: ClassVar[Collection[str] | None] = None
    #: Whether OPTIONS is answered for it; ``None`` means as usual.
    provide_automatic_options: ClassVar[bool | None] = None
    #: Applied to the function, the first one innermost.
    decorators: ClassVar[list[Callable[..., Any]]] = []
    #: Make an instance for each request; without it, one instance serves them all.
    init_every_request: ClassVar[bool] = True

    def dispatch_request(self, *args: Any, **kwargs: Any) -> Any:
        """Answer the request; its arguments are those of the rule."""
        raise NotImplementedError

    @classmethod
    def as_view(cls, name: str, *class_args: Any, **class_kwargs: Any) -> Any:
        """Return the view function.

        :param name: the name of the function, which is the default endpoint.
        :param class_args: given to the constructor, as are *class_kwargs*.
        """
        function: Any
        if cls.init_every_request:

            def view(**kwargs: Any) -> Any:
                instance = function.view_class(*class_args, **class_kwargs)
                return current_app.ensure_sync(instance.dispatch_request)(**kwargs)

        else:
            shared = cls(*class_args, **class_kwargs)

            def view(**kwargs: Any) -> Any:
                return current_app.ensure_sync(shared.dispatch_request)(**kwargs)

        function = view
        function.__name__ = name
        function.__module__ = cls.__module__
        for decorator in cls.decorators:
            function = decorator(function)
        function.__name__ = name
        function.__doc__ = cls.__doc__
        function.__module__ = cls.__module__
        # The class stays reachable, for instance to replace it in a test.
        function.view_class = cls
        function.methods = cls.methods
        function.provide_automatic_options = cls.provide_automatic_options
        return function


class MethodView(View):
    """A view that has a method for each HTTP method: ``get``, ``post`` …"""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "methods" in cls.__dict__:
            return
        methods = {name.upper() for name in http_method_funcs if hasattr(cls, name)}
        for base in cls.__bases__:
            methods.update(getattr(base, "methods", None) or ())
        if methods:
            cls.methods = methods

    def dispatch_request(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method of the request's; GET's stands in for HEAD's."""
        method = getattr(self, request.method.lower(), None)
        if method is None and request.method == "HEAD":
            method = getattr(self, "get", None)
        if method is None:
            raise UnimplementedMethodError(
                f"Unimplemented method {request.method!r}: {type(self).__name__} has "
                f"no {request.method.lower()}()"
            )
        return current_app.ensure_sync(method)(**kwargs)
