"""The part of an application that has templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from gateway.context import current_app_context, current_request_context
from gateway.framework.lazy import lazy
from gateway.framework.scaffold import Scaffold, setupmethod

F = TypeVar("F", bound=Callable[..., Any])


class Late:
    """A class attribute whose default is imported when it is first read.

    :param module: the module of the default.
    :param name: its name there.
    """

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __get__(self, app: object | None, owner: type | None = None) -> Any:
        from importlib import import_module

        return getattr(import_module(self.module), self.name)


def current_objects() -> dict[str, Any]:
    """Return the names that every template has: ``g`` and, in a request, ``request``.

    They are the objects themselves, which templates read faster than the proxies.
    """
    names: dict[str, Any] = {}
    app_context = current_app_context.get(None)
    if app_context is not None:
        names["g"] = app_context.g
    request_context = current_request_context.get(None)
    if request_context is not None:
        names["request"] = request_context.request
    return names


class TemplateSupport(Scaffold):
    """An application's Jinja environment; Jinja is imported when it is first used."""

    #: The class of the environment.
    jinja_environment: Any = Late("gateway.framework.templating", "Environment")
    #: Options for it.
    jinja_options: dict[str, Any] = {}  # noqa: RUF012 - assigned, as in Flask

    config: Any
    debug: bool
    json: Any

    def ensure_sync(self, func: Any) -> Any:
        """Return a function that can be called without awaiting it."""
        raise NotImplementedError

    def url_for(self, /, endpoint: str, **values: Any) -> str:
        """Build the URL of an endpoint."""
        raise NotImplementedError

    @lazy
    def jinja_env(self) -> Any:
        """The Jinja environment; made when it is first read."""
        return self.create_jinja_environment()

    def create_jinja_environment(self) -> Any:
        """Build the environment from the options and the configuration."""
        from gateway.framework.helpers import get_flashed_messages
        from gateway.globals import g, request, session

        options = dict(self.jinja_options)
        options.setdefault("autoescape", self.select_jinja_autoescape)
        if "auto_reload" not in options:
            reload = self.config["TEMPLATES_AUTO_RELOAD"]
            options["auto_reload"] = self.debug if reload is None else reload
        environment = self.jinja_environment(self, **options)
        environment.globals.update(
            url_for=self.url_for,
            get_flashed_messages=get_flashed_messages,
            config=self.config,
            request=request,
            session=session,
            g=g,
        )
        environment.policies["json.dumps_function"] = self.json.dumps
        return environment

    def create_global_jinja_loader(self) -> Any:
        """Return what finds the templates of the application and its blueprints."""
        from gateway.framework.templating import DispatchingJinjaLoader

        return DispatchingJinjaLoader(self)

    def select_jinja_autoescape(self, filename: str | None) -> bool:
        """Tell whether a template is escaped: text and markup are, by its suffix."""
        if filename is None:
            return True
        return filename.endswith((".html", ".htm", ".xml", ".xhtml", ".svg"))

    def update_template_context(self, context: dict[str, Any]) -> None:
        """Add what the context processors return; the names already there win."""
        names: list[str | None] = [None]
        current = current_request_context.get(None)
        if current is not None:
            names.extend(reversed(current.request.blueprints))
        given = dict(context)
        for name in names:
            for function in self.template_context_processors.get(name, ()):
                context.update(self.ensure_sync(function)())
        context.update(given)

    def _for_templates(self, kind: str, name: str | None) -> Callable[[F], F]:
        def decorate(function: F) -> F:
            getattr(self, f"add_template_{kind}")(function, name=name)
            return function

        return decorate

    @setupmethod
    def template_filter(self, name: str | None = None) -> Callable[[F], F]:
        """Make the decorated function a filter of the templates.

        :param name: its name there; by default its own.
        """
        return self._for_templates("filter", name)

    @setupmethod
    def add_template_filter(
        self, f: Callable[..., Any], name: str | None = None
    ) -> None:
        """Make *f* a filter of the templates."""
        self.jinja_env.filters[name or f.__name__] = f

    @setupmethod
    def template_test(self, name: str | None = None) -> Callable[[F], F]:
        """Make the decorated function a test of the templates."""
        return self._for_templates("test", name)

    @setupmethod
    def add_template_test(self, f: Callable[..., Any], name: str | None = None) -> None:
        """Make *f* a test of the templates."""
        self.jinja_env.tests[name or f.__name__] = f

    @setupmethod
    def template_global(self, name: str | None = None) -> Callable[[F], F]:
        """Make the decorated function a global of the templates."""
        return self._for_templates("global", name)

    @setupmethod
    def add_template_global(
        self, f: Callable[..., Any], name: str | None = None
    ) -> None:
        """Make *f* a global of the templates."""
        self.jinja_env.globals[name or f.__name__] = f
