"""Reports files that a mount would have found in its own folder, run alone.

An application that is started in its folder may open ``data/countries.json``. Mounted,
the working directory is another one, and there is one for all mounts. The names that
Python opens files by are told by its audit events (:pep:`578`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Any, Final

from gateway.isolation.private_member import Member, current, namespace_of
from gateway.isolation.private_names import has_libraries

# The events whose first argument is the path of a file or folder that is to exist.
_EVENTS: Final = frozenset({"open", "os.listdir", "os.scandir", "sqlite3.connect"})


@dataclass(frozen=True, slots=True)
class RelativePath:
    """A path that a mount has opened relative to the working directory.

    :param mount: the mount's name.
    :param path: as it was opened.
    :param exists: where it is in the folder of the mount.
    :param place: the line of the mount that led to it, as ``file:line``; empty where a
        library did it by itself.
    """

    mount: str
    path: str
    exists: Path
    place: str

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return (
            f"{where}mount {self.mount!r} opens {self.path!r}, which is looked for in "
            f"the working directory, and that is the gateway's; {self.exists} exists. "
            "Build the path from the module's own: Path(__file__).parent / ..."
        )


class Watch:
    """What was found while it was on, once for each mount and path."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], RelativePath] = {}

    @property
    def findings(self) -> tuple[RelativePath, ...]:
        """What was found so far, in the order in which it was opened."""
        return tuple(self._found.copy().values())

    def look(self, path: str, asker: FrameType | None) -> None:
        """Note *path*, a relative one, if the mount that opens it has such a file."""
        frame, mount = _mount_code(asker)
        if mount is None or (mount.name, path) in self._found:
            return
        own = mount.path / path
        if os.path.exists(path) or not own.exists():
            return
        place = ""
        if frame is not None:
            place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        found = RelativePath(mount.name, path, own, place)
        self._found.setdefault((mount.name, path), found)


def _mount_code(frame: FrameType | None) -> tuple[FrameType | None, Member | None]:
    """Return the nearest frame that runs a mount's own code, and whose that is."""
    while frame is not None:
        member = namespace_of(frame)
        if member is not None and _is_own(frame, member):
            return frame, member
        frame = frame.f_back
    return None, current()


def _is_own(frame: FrameType, member: Member) -> bool:
    is_below = frame.f_code.co_filename.startswith(f"{member.path}{os.sep}")
    return is_below and not has_libraries(member.package)


_watches: Final[list[Watch]] = []
_lock: Final = Lock()
_is_hooked = False


@contextmanager
def watching() -> Iterator[Watch]:
    """Report what mounts open by relative paths.

    The hook behind it stays in the process, as audit hooks do, and does nothing more
    when nobody watches.
    """
    global _is_hooked
    watch = Watch()
    with _lock:
        if not _is_hooked:
            sys.addaudithook(_hook)
            _is_hooked = True
        _watches.append(watch)
    try:
        yield watch
    finally:
        with _lock:
            _watches.remove(watch)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watches or event not in _EVENTS:
        return
    path = arguments[0]
    # What a hook raises is raised by what is audited, which is none of its business.
    with suppress(Exception):
        if not isinstance(path, int) and path is not None:
            text = os.fsdecode(path)
            if text and not os.path.isabs(text) and text != ":memory:":
                for watch in tuple(_watches):
                    watch.look(text, sys._getframe(1))
