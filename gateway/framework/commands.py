"""Commands of an application: click groups whose callbacks have its context."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar, cast

import click

from gateway.context import current_app_context
from gateway.framework.flags import get_debug_flag, get_load_dotenv

F = TypeVar("F", bound=Callable[..., Any])


class ScriptInfo:
    """What a command line knows of its application; it is click's ``obj``.

    :param app_import_path: where it is, such as ``notes.web:create_app('x')``.
    :param create_app: returns it instead.
    :param set_debug_flag: make its debug flag that of the environment.
    :param load_dotenv_defaults: whether ``.flaskenv`` and ``.env`` are read.
    """

    def __init__(
        self,
        app_import_path: str | None = None,
        create_app: Callable[..., Any] | None = None,
        set_debug_flag: bool = True,
        load_dotenv_defaults: bool = True,
    ) -> None:
        self.app_import_path = app_import_path
        self.create_app = create_app
        self.set_debug_flag = set_debug_flag
        self.load_dotenv_defaults = get_load_dotenv(load_dotenv_defaults)
        #: For commands to keep what they like.
        self.data: dict[Any, Any] = {}
        self._loaded_app: Any = None

    def load_app(self) -> Any:
        """Return the application; it is loaded once.

        :raises NoAppException: there is none.
        """
        if self._loaded_app is None:
            app = self._find() if self.create_app is None else self.create_app()
            if app is None:
                from gateway.framework.locate import NoAppException

                raise NoAppException(
                    "Could not locate an application. Use the '--app' option, the "
                    "'FLASK_APP' environment variable, or a 'wsgi.py' or 'app.py' file "
                    "in the current directory."
                )
            if self.set_debug_flag:
                app.debug = get_debug_flag()
            self._loaded_app = app
        return self._loaded_app

    def _find(self) -> Any:
        from gateway.framework.locate import locate_app, prepare_import

        if self.app_import_path:
            # A colon before a slash belongs to a Windows path.
            path, *name = re.split(r":(?![\\/])", self.app_import_path, maxsplit=1)
            return locate_app(prepare_import(path), name[0] if name else None)
        for path in ("wsgi.py", "app.py"):
            app = locate_app(prepare_import(path), None, raise_if_not_found=False)
            if app is not None:
                return app
        return None


pass_script_info = click.make_pass_decorator(ScriptInfo, ensure=True)


def with_appcontext(f: F) -> F:
    """Run a command's callback within the application's context.

    Commands of an :class:`AppGroup` have it already.
    """

    @click.pass_context
    def decorator(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        if current_app_context.get(None) is None:
            app = ctx.ensure_object(ScriptInfo).load_app()
            ctx.with_resource(app.app_context())
        return ctx.invoke(f, *args, **kwargs)

    return cast("F", update_wrapper(decorator, f))


class AppGroup(click.Group):
    """A group whose commands run within the application's context."""

    def command(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> Callable[[Callable[..., Any]], click.Command]:
        """Make a command of the decorated function.

        :param with_appcontext: ``False`` leaves the context out.
        """
        wrap = kwargs.pop("with_appcontext", True)

        def decorate(function: Callable[..., Any]) -> click.Command:
            if wrap:
                function = with_appcontext(function)
            make: Any = super(AppGroup, self).command(*args, **kwargs)
            return cast("click.Command", make(function))

        return decorate

    def group(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> Callable[[Callable[..., Any]], click.Group]:
        """Make a group, of this class too, of the decorated function."""
        kwargs.setdefault("cls", AppGroup)
        decorate: Any = super().group(*args, **kwargs)
        return cast("Callable[[Callable[..., Any]], click.Group]", decorate)
