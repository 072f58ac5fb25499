"""Finds the object that a ``module:attribute`` reference names."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from gateway.errors import AppCrashedError, AppNotFoundError

_GATEWAY = str(Path(__file__).parents[1])

Importer = Callable[[str], ModuleType]


@contextmanager
def blaming_application(mount: str, what: str) -> Iterator[None]:
    """Turn what the application's own code raises into an :class:`AppCrashedError`.

    :param mount: the mount that is being loaded.
    :param what: what was being done, such as ``importing module 'app'``.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        message = f"{what} failed: {describe(error)}"
        raise AppCrashedError(mount, message, application_frames(error)) from error


def describe(error: BaseException) -> str:
    """Return the type and the first line of the message of *error*."""
    message = str(error).partition("\n")[0]
    return type(error).__name__ + (f": {message}" if message else "")


def application_frames(error: BaseException) -> str:
    """Return the traceback of *error* without the frames of the gateway's loading."""
    return "".join(
        traceback.format_exception(type(error), error, _outside(error.__traceback__))
    )


def _outside(tb: TracebackType | None) -> TracebackType | None:
    def is_ours(frame: TracebackType) -> bool:
        name = frame.tb_frame.f_code.co_filename
        return name.startswith((_GATEWAY, "<frozen importlib", importlib.__file__))

    while tb is not None and is_ours(tb):
        tb = tb.tb_next
    return tb


def find(
    mount: str, reference: str, import_module: Importer, searched: Path | None
) -> Any:
    """Return the object that *reference* names.

    :param mount: the mount that is being loaded.
    :param reference: ``module:attribute``; both may be dotted.
    :param import_module: imports the module by the name given.
    :param searched: the folder that the module is expected in, for messages.
    :raises AppNotFoundError: there is no such module or attribute.
    :raises AppCrashedError: the module exists, and raised while it was imported.
    """
    module_name, _, attribute = reference.partition(":")
    missing: AppNotFoundError | None = None
    with blaming_application(mount, f"importing {module_name!r}"):
        try:
            module = import_module(module_name)
        except ModuleNotFoundError as error:
            if not _is_missing(module_name, error):
                raise
            missing = AppNotFoundError(mount, _missing_module(module_name, searched))
    if missing is not None:
        raise missing
    return _attribute(mount, module, module_name, attribute)


def _is_missing(module_name: str, error: ModuleNotFoundError) -> bool:
    """Tell whether *module_name* itself was not found, or something it imports."""
    is_it = f"{module_name}.".startswith(f"{error.name}.")
    return is_it and _outside(error.__traceback__) is None


def _missing_module(module_name: str, searched: Path | None) -> str:
    if searched is None:
        return (
            f"there is no module {module_name!r} installed: is its package installed "
            "in this environment, or should 'path:' name the folder it is in?"
        )
    near = get_close_matches(module_name.partition(".")[0], _modules_in(searched), 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"there is no module {module_name!r} in {searched}{hint}"


def _modules_in(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return [
        entry.stem
        for entry in folder.iterdir()
        if entry.suffix == ".py" or (entry / "__init__.py").is_file()
    ]


def _attribute(mount: str, module: ModuleType, module_name: str, dotted: str) -> Any:
    found: Any = module
    path = module_name
    for name in dotted.split("."):
        with blaming_application(mount, f"looking up {path}:{dotted}"):
            missing = not hasattr(found, name)
        if missing:
            near = get_close_matches(name, dir(found), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise AppNotFoundError(mount, f"{path!r} has no attribute {name!r}{hint}")
        found = getattr(found, name)
        path = f"{path}.{name}"
    return found


def shared_importer(folder: Path | None) -> Importer:
    """Return a plain import, after putting *folder* on ``sys.path`` if given."""

    def import_module(name: str) -> ModuleType:
        if folder is not None and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
        return importlib.import_module(name)

    return import_module
