"""The names of the packages that mounts have their modules in."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

PARENT: Final = "mounts"
_LIBRARIES: Final = "+venv"
_GENERATION: Final = re.compile(r"@\d+")


def package_name(mount: str, generation: int = 1) -> str:
    """Return the name of the package that a mount's modules are in.

    What cannot stand in a module's name is percent-encoded (:rfc:`3986`), and so is
    the dot, which separates modules: mount ``v1.2`` has ``mounts.v1%2E2``.

    :param mount: the mount's name.
    :param generation: from the second on it is part of the name: ``mounts.notes@2``.
    """
    spelled = quote(mount, safe="").replace(".", "%2E")
    suffix = "" if generation == 1 else f"@{generation}"
    return f"{PARENT}.{spelled}{suffix}"


def libraries_name(mount: str, generation: int = 1) -> str:
    """Return the name of the package that a mount's libraries are in.

    It is one of its own, since libraries may outlive the generation that loaded them.

    :param generation: the one that loaded them.
    """
    return package_name(mount, generation) + _LIBRARIES


def has_libraries(package: str) -> bool:
    """Tell whether *package* is the one of a mount's libraries."""
    return package.endswith(_LIBRARIES)


def base_of(package: str) -> str:
    """Return the name of a package without the generation."""
    return _GENERATION.sub("", package)


def split(fullname: str) -> tuple[str, str]:
    """Return the package that a private module is in, and its name within that."""
    parent, _, rest = fullname.partition(".")
    child, _, relative_name = rest.partition(".")
    return f"{parent}.{child}", relative_name
