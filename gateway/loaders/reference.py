"""Finds the object that a ``module:attribute`` reference names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from traceback import StackSummary, TracebackException
from types import ModuleType
from typing import Any

from gateway.errors import (
    AppCrashedError,
    AppNotFoundError,
    LoadError,
    is_for_the_server,
)
from gateway.tracebacks import is_machinery

# What the attribute is often called, for when nothing of a similar name is there.
_USUAL = ("app", "application", "create_app", "make_app")

Importer = Callable[[str], ModuleType]


@contextmanager
def blaming_application(mount: str, what: str) -> Iterator[None]:
    """Turn what the application's own code raises into an :class:`AppCrashedError`.

    :param mount: the mount that is being loaded.
    :param what: what was being done, such as ``importing module 'app'``.
    """
    try:
        yield
    except LoadError:
        raise  # it says already what is wrong
    except BaseException as error:
        if is_for_the_server(error):
            raise
        message = f"{what} failed: {describe(error)}"
        if isinstance(error, ModuleNotFoundError):
            message += ": is it installed in this environment, and spelt right?"
        raise AppCrashedError(mount, message, application_frames(error)) from error


def describe(error: BaseException) -> str:
    """Return the type and the first line of the message of *error*."""
    try:
        message = str(error).strip().partition("\n")[0]
    except Exception:  # an error of the application's own that has a broken __str__
        message = ""
    return type(error).__name__ + (f": {message}" if message else "")


def application_frames(error: BaseException) -> str:
    """Return the traceback of *error* without our frames and the import system's.

    The errors that led to it are shown in the same way.
    """
    report = TracebackException.from_exception(error)
    pending = [report]
    while pending:
        each = pending.pop()
        frames = [frame for frame in each.stack if not is_machinery(frame.filename)]
        # Without a stack there is no line that announces one.
        each.stack = StackSummary.from_list(frames) if frames else None  # type: ignore[assignment]
        causes = (each.__cause__, each.__context__, *(each.exceptions or ()))
        pending += [cause for cause in causes if cause is not None]
    return "".join(report.format())


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
    if not f"{module_name}.".startswith(f"{error.name}."):
        return False
    tb = error.__traceback__
    while tb is not None and is_machinery(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    return tb is None


def _missing_module(module_name: str, searched: Path | None) -> str:
    message = f"there is no module {module_name!r} "
    if searched is None:
        return message + (
            "installed: is its package installed in this environment, or should "
            "'path:' name the folder it is in?"
        )
    # The part that is missing, and the folder that it should be in.
    *parents, last = module_name.split(".")
    folder, package = searched, ""
    for name in parents:
        if not (folder / name).is_dir():
            last = name
            break
        folder, package = folder / name, f"{package}{name}."
    near = get_close_matches(last, _modules_in(folder) - {last}, 1)
    hint = f"; did you mean {package + near[0]!r}?" if near else ""
    return f"{message}in {searched}{hint}"


def _modules_in(folder: Path) -> set[str]:
    try:
        entries = list(folder.iterdir())
    except OSError:
        return set()
    return {
        entry.stem
        for entry in entries
        if entry.suffix == ".py" or (entry / "__init__.py").is_file()
    }


def _attribute(mount: str, module: ModuleType, module_name: str, dotted: str) -> Any:
    found: Any = module
    path = module_name
    for name in dotted.split("."):
        missing: AppNotFoundError | None = None
        with blaming_application(mount, f"looking up {name!r} in {path!r}"):
            try:
                inner = getattr(found, name)
            except AttributeError as error:
                # Another attribute's absence, in a property for example, is a crash.
                if error.name != name or error.obj is not found:
                    raise
                missing = AppNotFoundError(mount, _no_attribute(found, path, name))
        if missing is not None:
            raise missing
        found = inner
        path = f"{path}.{name}"
    return found


def _no_attribute(found: Any, path: str, name: str) -> str:
    file = getattr(found, "__file__", None) if isinstance(found, ModuleType) else None
    where = f" ({file})" if file else ""
    names = dir(found)
    near = get_close_matches(name, names, 1) or [n for n in _USUAL if n in names]
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{path!r}{where} has no attribute {name!r}{hint}"
