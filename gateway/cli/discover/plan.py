"""From what was found to mounts: each with a name, a prefix, and room beside others.

A mount is called like its folder and answers at ``/`` and its name. At ``/`` itself
answers the only application; of several, the first that is called like a home page
(``portal``, ``home``, ``site``, ``www``, ``main`` …), if one is.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.cli.discover.find import Discovery, Found
from gateway.cli.discover.frameworks import DJANGO

_HOME_PAGES: Final[tuple[str, ...]] = (
    "portal",
    "home",
    "homepage",
    "site",
    "website",
    "www",
    "main",
    "root",
    "index",
    "landing",
    "frontend",
)
_LONGEST_NAME: Final = 40
_UNWRITABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Planned:
    """One mount to write.

    :param prefix: as it is written; ``/`` for the root.
    :param obstacle: why it is written as a comment only, and the cure.
    """

    name: str
    prefix: str
    found: Found
    obstacle: str | None = None


def plan(discovery: Discovery) -> tuple[Planned, ...]:
    """Give everything that was found a name and a prefix of its own, the root first."""
    names = _unique(_name(found.label) for found in discovery.found)
    obstacles = _obstacles(discovery.found)
    usable = [name for name, why in zip(names, obstacles, strict=True) if why is None]
    home = next((name for name in _HOME_PAGES if name in usable), None)
    if len(usable) == 1:
        home = usable[0]
    mounts = [
        Planned(name, "/" if name == home else f"/{name}", found, obstacle)
        for name, found, obstacle in zip(names, discovery.found, obstacles, strict=True)
    ]
    return tuple(sorted(mounts, key=lambda mount: mount.name != home))


def _name(label: str) -> str:
    """A mount's name: what a URL and a log line can show as it is."""
    ascii_only = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9_]+", "-", ascii_only.lower()).strip("-_")
    return name[:_LONGEST_NAME].strip("-_") or "app"


def _unique(names: Iterable[str]) -> list[str]:
    taken: list[str] = []
    for name in names:
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name}-{number}"
        taken.append(free)
    return taken


def _obstacles(found: Iterable[Found]) -> list[str | None]:
    """Why each cannot be mounted as it is; ``None`` where it can."""
    obstacles: list[str | None] = []
    django = False
    for one in found:
        obstacle = None
        is_django = one.app is not None and one.app.made.framework == DJANGO
        if _UNWRITABLE.search(os.fspath(one.folder)):
            obstacle = (
                "its path has control characters or is not Unicode: rename the folder"
            )
        elif is_django and django:
            obstacle = (
                "Django keeps one set of settings for the whole process, and a "
                "project above has it: serve this one from a process of its own"
            )
        elif one.app is not None and one.app.needs_values:
            obstacle = (
                f"{one.app.attribute}() must be given its 'args:': fill them in, and "
                "take away the '#'"
            )
        else:
            django = django or is_django
        obstacles.append(obstacle)
    return obstacles
