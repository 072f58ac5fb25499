"""Templates: Jinja's environment for an application, and rendering with its context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import BaseLoader, Template, TemplateNotFound
from jinja2 import Environment as BaseEnvironment

from gateway.context import current_request_context
from gateway.framework.helpers import stream_with_context
from gateway.framework.signals import before_render_template, template_rendered
from gateway.globals import current_app

Source = tuple[str, str | None, Callable[[], bool] | None]


class Environment(BaseEnvironment):
    """A Jinja environment that knows its application.

    :param app: the application.
    :param options: those of Jinja's environment.
    """

    def __init__(self, app: Any, **options: Any) -> None:
        if "loader" not in options:
            options["loader"] = app.create_global_jinja_loader()
        super().__init__(**options)
        self.app = app


class DispatchingJinjaLoader(BaseLoader):
    """Looks for a template in the application's folder, then in its blueprints'.

    :param app: the application.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    def get_source(self, environment: BaseEnvironment, template: str) -> Source:
        """Return the first source found.

        :raises TemplateNotFound: there is none.
        """
        if self.app.config["EXPLAIN_TEMPLATE_LOADING"]:
            return self._explain(environment, template)
        for _, loader in self._loaders():
            try:
                return loader.get_source(environment, template)
            except TemplateNotFound:
                continue
        raise TemplateNotFound(template)

    def _explain(self, environment: BaseEnvironment, template: str) -> Source:
        """Try every loader, log what each said, and return the first source."""
        attempts: list[tuple[Any, BaseLoader, Source | None]] = []
        for owner, loader in self._loaders():
            try:
                source: Source | None = loader.get_source(environment, template)
            except TemplateNotFound:
                source = None
            attempts.append((owner, loader, source))
        from gateway.framework.debugging import explain_template_loading

        explain_template_loading(self.app, template, attempts)
        for _, _, source in attempts:
            if source is not None:
                return source
        raise TemplateNotFound(template)

    def _loaders(self) -> Iterator[tuple[Any, BaseLoader]]:
        for owner in (self.app, *self.app.iter_blueprints()):
            if owner.jinja_loader is not None:
                yield owner, owner.jinja_loader

    def list_templates(self) -> list[str]:
        """Return the names of all templates."""
        return list(
            {name for _, loader in self._loaders() for name in loader.list_templates()}
        )


def _render(app: Any, template: Template, context: dict[str, Any]) -> str:
    app.update_template_context(context)
    about = {"template": template, "context": context}
    if before_render_template.receivers:
        before_render_template.send(app, _async_wrapper=app.ensure_sync, **about)
    text = template.render(context)
    if template_rendered.receivers:
        template_rendered.send(app, _async_wrapper=app.ensure_sync, **about)
    return text


def _stream(app: Any, template: Template, context: dict[str, Any]) -> Iterator[str]:
    app.update_template_context(context)
    about = {"template": template, "context": context}
    before_render_template.send(app, _async_wrapper=app.ensure_sync, **about)

    def pieces() -> Iterator[str]:
        yield from template.generate(context)
        template_rendered.send(app, _async_wrapper=app.ensure_sync, **about)

    if current_request_context.get(None) is None:
        return pieces()
    return stream_with_context(pieces())


def render_template(template_name_or_list: Any, **context: Any) -> str:
    """Render a template of the current application.

    :param template_name_or_list: its name, or several of which the first that exists
        is taken.
    :param context: the names that it sees.
    """
    app = current_app._get_current_object()
    template = app.jinja_env.get_or_select_template(template_name_or_list)
    return _render(app, template, context)


def render_template_string(source: str, **context: Any) -> str:
    """Render a template that is given as text.

    :param source: the template.
    :param context: the names that it sees.
    """
    app = current_app._get_current_object()
    return _render(app, app.jinja_env.from_string(source), context)


def stream_template(template_name_or_list: Any, **context: Any) -> Iterator[str]:
    """Render a template piece by piece, for a streamed response."""
    app = current_app._get_current_object()
    template = app.jinja_env.get_or_select_template(template_name_or_list)
    return _stream(app, template, context)


def stream_template_string(source: str, **context: Any) -> Iterator[str]:
    """Render a template that is given as text piece by piece."""
    app = current_app._get_current_object()
    return _stream(app, app.jinja_env.from_string(source), context)


def get_template_attribute(template_name: str, attribute: str) -> Any:
    """Return a macro or variable of a template, to use it from Python."""
    template = current_app.jinja_env.get_template(template_name)
    return getattr(template.module, attribute)
