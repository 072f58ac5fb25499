"""Where an application's files are: its root folder and its instance folder."""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec

from gateway.errors import GatewayError


class RootPathError(GatewayError, RuntimeError):
    """The folder of a module cannot be found."""


def get_root_path(import_name: str) -> str:
    """Return the folder of a module or package; the working directory if unknown.

    :raises RootPathError: the module exists but has no file.
    """
    module = sys.modules.get(import_name)
    file: str | None = getattr(module, "__file__", None)
    if file is not None:
        return os.path.dirname(os.path.abspath(file))
    spec = _find_spec(import_name)
    loader = None if spec is None else spec.loader
    if loader is None:
        return os.getcwd()
    if hasattr(loader, "get_filename"):
        file = loader.get_filename(import_name)
    else:
        __import__(import_name)
        file = getattr(sys.modules[import_name], "__file__", None)
    if file is None:
        raise RootPathError(
            f"the module {import_name!r} has no file (an import hook or a namespace "
            "package provides it), so its folder is unknown: pass root_path"
        )
    return os.path.dirname(os.path.abspath(file))


def _find_spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):  # ValueError: __main__ has no spec
        return None


def _import_folder(import_name: str) -> str:
    """Return the folder that *import_name*'s top package is imported from."""
    top = _find_spec(import_name.partition(".")[0])
    if top is None:
        return os.getcwd()
    locations = list(top.submodule_search_locations or ())
    if not locations:
        return os.path.dirname(top.origin or "")
    if top.origin not in (None, "namespace"):
        return os.path.dirname(os.path.dirname(top.origin or ""))
    return os.path.dirname(_namespace_location(import_name, locations))


def _namespace_location(import_name: str, locations: list[str]) -> str:
    """Return which part of a namespace package holds *import_name*."""
    spec = _find_spec(import_name)
    if spec is not None and spec.submodule_search_locations:
        folder = os.path.commonpath(list(spec.submodule_search_locations))
        for location in locations:
            if _is_below(folder, location):
                return location
    return locations[0]


def _is_below(folder: str, other: str) -> bool:
    # Not pathlib: it would be imported for this alone.
    other = os.path.normcase(other).rstrip(os.sep)
    return f"{os.path.normcase(folder)}{os.sep}".startswith(f"{other}{os.sep}")


def find_package(import_name: str) -> tuple[str | None, str]:
    """Return the prefix a package is installed under, and its import folder.

    The prefix is ``None`` for a package that is not installed.
    """
    folder = _import_folder(import_name)
    prefix = os.path.abspath(sys.prefix)
    if _is_below(folder, prefix):
        return prefix, folder
    parent, name = os.path.split(folder)
    if name.lower() != "site-packages":
        return None, folder
    above, library = os.path.split(parent)
    if library.lower() == "lib":  # prefix/lib/site-packages
        return above, folder
    if os.path.basename(above).lower() == "lib":  # prefix/lib/pythonX.Y/site-packages
        return os.path.dirname(above), folder
    return parent, folder


def find_instance_path(import_name: str, name: str) -> str:
    """Return the folder for an application's own files that are no code."""
    prefix, folder = find_package(import_name)
    if prefix is None:
        return os.path.join(folder, "instance")
    return os.path.join(prefix, "var", f"{name}-instance")
