"""Environment variables from files, through python-dotenv where it is installed."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

_DEFAULTS = (".flaskenv", ".env")


def load_dotenv(
    path: str | os.PathLike[str] | None = None, load_defaults: bool = True
) -> bool:
    """Set the variables that files define and the environment does not.

    :param path: a file that wins over the default ones.
    :param load_defaults: read the nearest ``.flaskenv`` and ``.env``; the latter wins.
    :returns: whether any file defined a variable.
    """
    try:
        dotenv: Any = import_module("dotenv")
    except ImportError:
        if path or any(map(os.path.isfile, _DEFAULTS)):
            _tip()
        return False
    found: dict[str, str | None] = {}
    for name in _DEFAULTS if load_defaults else ():
        file = dotenv.find_dotenv(name, usecwd=True)
        if file:
            found.update(dotenv.dotenv_values(file, encoding="utf-8"))
    if path is not None and os.path.isfile(path):
        found.update(dotenv.dotenv_values(path, encoding="utf-8"))
    for key, value in found.items():
        if value is not None:
            os.environ.setdefault(key, value)
    return bool(found)


def _tip() -> None:
    import click

    click.secho(
        " * Tip: There are .env files present. Install python-dotenv to use them.",
        fg="yellow",
        err=True,
    )
