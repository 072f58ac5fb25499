"""What an application and a blueprint share: routes, hooks, handlers, files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from werkzeug.exceptions import HTTPException, default_exceptions

from gateway.errors import SetupError
from gateway.framework.lazy import lazy
from gateway.framework.paths import get_root_path
from gateway.globals import current_app

if TYPE_CHECKING:
    from jinja2 import BaseLoader

    from gateway.framework.commands import AppGroup

F = TypeVar("F", bound=Callable[..., Any])
Handlers = dict[str | None, dict[int | None, dict[type[Exception], Any]]]
Hooks = dict[str | None, list[Callable[..., Any]]]


def setupmethod(method: F) -> F:
    """Refuse a call once the application has served its first request."""
    name = method.__name__

    @wraps(method)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._check_setup_finished(name)
        return method(self, *args, **kwargs)

    return cast("F", checked)


def endpoint_of(view_func: Callable[..., Any] | None) -> str:
    """Return the endpoint that a view gets when none is given: its name.

    :raises SetupError: there is no view either.
    """
    if view_func is None:
        raise SetupError(
            "expected view func if endpoint is not provided: pass view_func or endpoint"
        )
    return view_func.__name__


def class_and_code(target: type[Exception] | int) -> tuple[type[Exception], int | None]:
    """Return the exception class of a handler, and its HTTP status if it has one.

    :param target: an exception class or an HTTP status of 400 or more.
    :raises ValueError: it is another class or number.
    :raises TypeError: it is neither a class nor a number, such as an instance.
    """
    cure = "Handlers can only be registered for Exception classes or HTTP error codes."
    if isinstance(target, int):
        try:
            return default_exceptions[target], target
        except KeyError:
            raise ValueError(
                f"'{target}' is not a recognized HTTP error code. Use a subclass of "
                f"HTTPException with that code instead. {cure}"
            ) from None
    if isinstance(target, Exception):
        raise TypeError(f"{target!r} is an instance, not a class. {cure}")
    if not isinstance(target, type):
        raise TypeError(f"{target!r} is neither a class nor a number. {cure}")
    if not issubclass(target, Exception):
        raise ValueError(f"{target.__name__!r} is not a subclass of Exception. {cure}")
    return target, target.code if issubclass(target, HTTPException) else None


class Scaffold:
    """Routes, hooks, error handlers, static files and templates.

    :param import_name: the name of the module that defines it, ``__name__``.
    :param static_folder: the folder of static files, relative to *root_path*.
    :param static_url_path: where they are served; by default the folder's name.
    :param template_folder: the folder of templates, relative to *root_path*.
    :param root_path: the folder that the others start from; by default the module's.
    """

    name: str
    _static_folder: str | None = None
    _static_url_path: str | None = None

    def __init__(
        self,
        import_name: str,
        static_folder: str | os.PathLike[str] | None = None,
        static_url_path: str | None = None,
        template_folder: str | os.PathLike[str] | None = None,
        root_path: str | None = None,
    ) -> None:
        self.import_name = import_name
        self.static_folder = static_folder
        self.static_url_path = static_url_path
        self.template_folder = template_folder
        self.root_path = get_root_path(import_name) if root_path is None else root_path
        self.view_functions: dict[str, Callable[..., Any]] = {}
        # Keyed by the blueprint's name; None stands for the whole application.
        self.error_handler_spec: Handlers = defaultdict(lambda: defaultdict(dict))
        self.before_request_funcs: Hooks = defaultdict(list)
        self.after_request_funcs: Hooks = defaultdict(list)
        self.teardown_request_funcs: Hooks = defaultdict(list)
        self.template_context_processors: Hooks = defaultdict(list)
        self.url_value_preprocessors: Hooks = defaultdict(list)
        self.url_default_functions: Hooks = defaultdict(list)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def _check_setup_finished(self, name: str) -> None:
        raise NotImplementedError

    @lazy
    def cli(self) -> AppGroup:
        """The group of its commands; click is imported when it is first used."""
        from gateway.framework.commands import AppGroup

        return AppGroup(name=self.name)

    # Files

    @property
    def static_folder(self) -> str | None:
        """The folder of static files as an absolute path, or ``None``."""
        if self._static_folder is None:
            return None
        return os.path.join(self.root_path, self._static_folder)

    @static_folder.setter
    def static_folder(self, value: str | os.PathLike[str] | None) -> None:
        self._static_folder = None if value is None else os.fspath(value).rstrip("\\/")

    @property
    def has_static_folder(self) -> bool:
        """Whether there is a folder of static files."""
        return self._static_folder is not None

    @property
    def static_url_path(self) -> str | None:
        """Where static files are served; by default the name of their folder."""
        if self._static_url_path is not None:
            return self._static_url_path
        if self.static_folder is None:
            return None
        return f"/{os.path.basename(self.static_folder)}".rstrip("/")

    @static_url_path.setter
    def static_url_path(self, value: str | None) -> None:
        self._static_url_path = None if value is None else value.rstrip("/")

    @lazy
    def jinja_loader(self) -> BaseLoader | None:
        """What finds the templates of the template folder."""
        if self.template_folder is None:
            return None
        from jinja2 import FileSystemLoader

        return FileSystemLoader(os.path.join(self.root_path, self.template_folder))

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """Return for how many seconds a file may be cached; override it to choose.

        :param filename: the name, or ``None`` for an open file without one.
        """
        value = current_app.config["SEND_FILE_MAX_AGE_DEFAULT"]
        if isinstance(value, timedelta):
            return int(value.total_seconds())
        return cast("int | None", value)

    def send_static_file(self, filename: str) -> Any:
        """Answer with a file of the static folder.

        :raises RuntimeError: there is no static folder.
        """
        folder = self.static_folder
        if folder is None:
            raise RuntimeError("'static_folder' must be set to serve static files.")
        from gateway.framework.files import send_from_directory

        max_age = self.get_send_file_max_age(filename)
        return send_from_directory(folder, filename, max_age=max_age)

    def open_resource(
        self, resource: str, mode: str = "rb", encoding: str | None = "utf-8"
    ) -> IO[Any]:
        """Open a file next to the code, for reading.

        :param resource: its path, relative to *root_path*.
        :param encoding: that of a text.
        :raises ValueError: *mode* would write.
        """
        if mode not in {"r", "rt", "rb"}:
            raise ValueError(
                f"Resources can only be opened for reading, not with {mode!r}: "
                "use one of r, rt and rb"
            )
        path = os.path.join(self.root_path, resource)
        return open(path, mode, encoding=None if "b" in mode else encoding)

    # Routes

    def _method_route(
        self, method: str, rule: str, options: dict[str, Any]
    ) -> Callable[[F], F]:
        if "methods" in options:
            raise TypeError(
                "Use the 'route' decorator to use the 'methods' argument: "
                f"{method.lower()}() already says its method"
            )
        return self.route(rule, methods=[method], **options)

    @setupmethod
    def get(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Route GET (and HEAD) to the decorated view."""
        return self._method_route("GET", rule, options)

    @setupmethod
    def post(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Route POST to the decorated view."""
        return self._method_route("POST", rule, options)

    @setupmethod
    def put(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Route PUT to the decorated view."""
        return self._method_route("PUT", rule, options)

    @setupmethod
    def delete(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Route DELETE to the decorated view."""
        return self._method_route("DELETE", rule, options)

    @setupmethod
    def patch(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Route PATCH to the decorated view."""
        return self._method_route("PATCH", rule, options)

    @setupmethod
    def route(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Route a URL to the decorated view.

        :param rule: such as ``/notes/<int:id>``.
        :param options: those of :meth:`add_url_rule`.
        """

        def decorate(view: F) -> F:
            endpoint = options.pop("endpoint", None)
            self.add_url_rule(rule, endpoint, view, **options)
            return view

        return decorate

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Route a URL to a view.

        :param rule: such as ``/notes/<int:id>``.
        :param endpoint: the name to build the URL by; by default the view's.
        :param view_func: the view; it may also be named later by :meth:`endpoint`.
        :param provide_automatic_options: answer OPTIONS (RFC 9110) for the view.
        :param options: of the rule: ``methods``, ``defaults``, ``strict_slashes`` …
        """
        raise NotImplementedError

    @setupmethod
    def endpoint(self, endpoint: str) -> Callable[[F], F]:
        """Name the decorated view as the one of *endpoint*."""

        def decorate(view: F) -> F:
            self.view_functions[endpoint] = view
            return view

        return decorate

    # Hooks

    @setupmethod
    def before_request(self, f: F) -> F:
        """Run *f* before each request; what it returns is the answer, if anything."""
        self.before_request_funcs.setdefault(None, []).append(f)
        return f

    @setupmethod
    def after_request(self, f: F) -> F:
        """Run *f* on each response; it returns that or another one."""
        self.after_request_funcs.setdefault(None, []).append(f)
        return f

    @setupmethod
    def teardown_request(self, f: F) -> F:
        """Run *f* when the request context goes, with the error or ``None``."""
        self.teardown_request_funcs.setdefault(None, []).append(f)
        return f

    @setupmethod
    def context_processor(self, f: F) -> F:
        """Let *f* return a dict of names for every template."""
        self.template_context_processors.setdefault(None, []).append(f)
        return f

    @setupmethod
    def url_value_preprocessor(self, f: F) -> F:
        """Run *f* on the endpoint and the view's arguments, which it may change."""
        self.url_value_preprocessors.setdefault(None, []).append(f)
        return f

    @setupmethod
    def url_defaults(self, f: F) -> F:
        """Let *f* add values to those that a URL is built from."""
        self.url_default_functions.setdefault(None, []).append(f)
        return f

    @setupmethod
    def errorhandler(
        self, code_or_exception: type[Exception] | int
    ) -> Callable[[F], F]:
        """Let the decorated function answer for an error.

        :param code_or_exception: an exception class, or an HTTP status.
        """

        def decorate(handler: F) -> F:
            self.register_error_handler(code_or_exception, handler)
            return handler

        return decorate

    @setupmethod
    def register_error_handler(
        self, code_or_exception: type[Exception] | int, f: Callable[..., Any]
    ) -> None:
        """Let *f* answer for an error, as :meth:`errorhandler` does."""
        error_class, code = self._get_exc_class_and_code(code_or_exception)
        self.error_handler_spec[None][code][error_class] = f

    _get_exc_class_and_code = staticmethod(class_and_code)
