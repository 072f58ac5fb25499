"""Finding an application from what a command line says."""

from __future__ import annotations

import ast
import inspect
import os
import sys
import traceback
from types import FunctionType, ModuleType
from typing import Any

import click

from gateway.errors import GatewayError
from gateway.framework.marker import ApplicationMarker

_NAMES = ("app", "application")
_FACTORIES = ("create_app", "make_app")


class NoAppException(GatewayError, click.UsageError):
    """An application cannot be found or loaded."""


def find_best_app(module: ModuleType) -> Any:
    """Return the application of a module, by its usual names or as the only one.

    :raises NoAppException: there is none, or one cannot be told from others.
    """
    for name in _NAMES:
        app = getattr(module, name, None)
        if isinstance(app, ApplicationMarker):
            return app
    apps = [
        value for value in vars(module).values() if isinstance(value, ApplicationMarker)
    ]
    if len(apps) == 1:
        return apps[0]
    if apps:
        raise NoAppException(
            f"Detected multiple applications in module '{module.__name__}'. Use "
            f"'{module.__name__}:name' to specify the correct one."
        )
    for name in _FACTORIES:
        factory = getattr(module, name, None)
        if isinstance(factory, FunctionType):
            app = _call_factory(module, factory, name)
            if isinstance(app, ApplicationMarker):
                return app
    raise NoAppException(
        f"Failed to find an application or factory in module '{module.__name__}'. Use "
        f"'{module.__name__}:name' to specify one."
    )


def _call_factory(module: ModuleType, factory: FunctionType, name: str) -> Any:
    try:
        return factory()
    except TypeError as error:
        if not _called_with_wrong_args(factory):
            raise
        raise NoAppException(
            f"Detected factory '{name}' in module '{module.__name__}', but could not "
            f"call it without arguments. Use '{module.__name__}:{name}(args)' to "
            "specify arguments."
        ) from error


def _called_with_wrong_args(function: FunctionType) -> bool:
    """Tell whether the ``TypeError`` being handled came from the call itself."""
    step = sys.exc_info()[2]
    while step is not None:
        if step.tb_frame.f_code is function.__code__:
            return False
        step = step.tb_next
    return True


def find_app_by_string(module: ModuleType, app_name: str) -> Any:
    """Return the application that a name or a call such as ``make("x")`` gives.

    :raises NoAppException: it gives none.
    """
    name, args, kwargs = _parse(app_name)
    try:
        found = getattr(module, name)
    except AttributeError as error:
        raise NoAppException(
            f"Failed to find attribute {name!r} in {module.__name__!r}."
        ) from error
    if inspect.isfunction(found):
        try:
            found = found(*args, **kwargs)
        except TypeError as error:
            if not _called_with_wrong_args(getattr(module, name)):
                raise
            raise NoAppException(
                f"The factory {app_name!r} in module {module.__name__!r} could not be "
                "called with the specified arguments."
            ) from error
    if isinstance(found, ApplicationMarker):
        return found
    raise NoAppException(
        "A valid application was not obtained from "
        f"'{module.__name__}:{app_name}': it is a {type(found).__name__}."
    )


def _parse(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Return name and arguments; these are literals, so nothing is evaluated."""
    try:
        expression = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        expression = None
    match expression:
        case ast.Name(name):
            return name, [], {}
        case ast.Call(ast.Name(name), args, keywords):
            try:
                return (
                    name,
                    [ast.literal_eval(arg) for arg in args],
                    {
                        word.arg: ast.literal_eval(word.value)
                        for word in keywords
                        if word.arg is not None
                    },
                )
            except ValueError:
                raise NoAppException(
                    f"Failed to parse arguments as literal values: {text!r}."
                ) from None
        case ast.Call():
            raise NoAppException(f"Function reference must be a simple name: {text!r}.")
    raise NoAppException(
        f"Failed to parse {text!r} as an attribute name or function call."
    )


def prepare_import(path: str) -> str:
    """Return the import name of a file, with the folder that it needs in ``sys.path``.

    :param path: of a module or package, or a dotted name, which is returned as it is.
    """
    path = os.path.realpath(path)
    if os.path.splitext(path)[1] == ".py":
        path = os.path.splitext(path)[0]
    if os.path.basename(path) == "__init__":
        path = os.path.dirname(path)
    names: list[str] = []
    while True:  # up to the first folder that is no package
        path, name = os.path.split(path)
        names.append(name)
        if not os.path.exists(os.path.join(path, "__init__.py")):
            break
    if sys.path[0] != path:
        sys.path.insert(0, path)
    return ".".join(reversed(names))


def locate_app(
    module_name: str, app_name: str | None, raise_if_not_found: bool = True
) -> Any:
    """Import a module and return its application.

    :param app_name: its name there or a call; ``None`` for the usual ones.
    :param raise_if_not_found: without it a missing module gives ``None``.
    :raises NoAppException: there is none.
    """
    try:
        __import__(module_name)
    except ImportError as error:
        # A traceback that goes on means that the module was found, and failed itself.
        if error.__traceback__ is not None and error.__traceback__.tb_next:
            raise NoAppException(
                f"While importing {module_name!r}, an ImportError was raised:\n\n"
                f"{traceback.format_exc()}"
            ) from None
        if raise_if_not_found:
            raise NoAppException(f"Could not import {module_name!r}.") from None
        return None
    module = sys.modules[module_name]
    if app_name is None:
        return find_best_app(module)
    return find_app_by_string(module, app_name)
