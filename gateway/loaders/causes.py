"""What often lies behind an application's crash, for the message about it."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.errors import AppCrashedError, chain
from gateway.isolation.private_copies import private_copy_for
from gateway.isolation.private_extensions import refusal_in
from gateway.loaders.django import is_in_django


def with_cause(
    error: AppCrashedError, folder: Path | None, private: bool
) -> AppCrashedError:
    """Return *error* with its likely cause and the cure, where one can be told.

    :param folder: the one that the mount's modules are in.
    :param private: whether they are the mount's own.
    """
    added = ""
    if private and is_in_django(error.frames):
        added += (
            "; a Django project needs 'imports: shared', for Django finds its parts by "
            "the names of their modules"
        )
    missing = None if folder is None else _relative_file(error, folder)
    if missing is not None:
        added += (
            f"; {missing!r} is there in {folder}, but relative paths start at the "
            f"working directory, {os.getcwd()}: start this one at the module, as in "
            f"Path(__file__).parent / {os.path.basename(missing)!r}"
        )
    refusal = refusal_in(error.__cause__)
    if refusal is not None and str(refusal) not in error.message:
        added += f"; {refusal}"
    library = private_copy_for(error.__cause__)
    if library is not None:
        added += (
            f"; {library} has it from another mount, or from this one before a reload: "
            f"give this one a copy of its own, 'private: [{library}]'"
        )
    if not added:
        return error
    return AppCrashedError(error.mount, error.message + added, error.frames)


def _relative_file(error: BaseException, folder: Path) -> str | None:
    """Return the relative path that was not found, and would be from *folder*."""
    for cause in chain(error):
        name = cause.filename if isinstance(cause, FileNotFoundError) else None
        if isinstance(name, bytes):
            name = os.fsdecode(name)
        if isinstance(name, str) and not os.path.isabs(name):
            return name if os.path.exists(folder / name) else None
    return None
