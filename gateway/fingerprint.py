"""What tells whether the sources of a mount have changed: their content.

Never their time: an edit that keeps a file's size within the same second keeps its
time too on many file systems.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# Code, templates and settings. Data that an application writes is no source of it.
_SUFFIXES: Final = frozenset(
    {
        *(".py", ".pyi", ".html", ".htm", ".xml", ".txt", ".css", ".js"),
        *(".jinja", ".jinja2", ".j2", ".mako", ".tpl"),
        *(".toml", ".ini", ".cfg", ".yaml", ".yml"),
    }
)
# Hidden files that applications read when they are loaded, by load_dotenv().
_SETTINGS: Final = frozenset({".env", ".flaskenv"})
_SKIPPED: Final = frozenset({"__pycache__", "node_modules", "var", "instance"})

# Larger files than this, in bytes, are told apart by their size and time only.
_READ_WHOLE = 1 << 20


def fingerprint(folder: Path) -> str:
    """Return a digest of the sources below *folder*.

    Hidden folders, virtual environments, ``var``, ``instance`` and the like are left
    out, and so are files that are no sources by their suffix, and what a symbolic link
    to a folder leads to.
    """
    digest = hashlib.blake2b(digest_size=16)
    for file in _sources(folder):
        digest.update(os.fsencode(file.relative_to(folder)) + b"\0")
        try:
            digest.update(_content(file) + b"\0")
        except OSError:
            # It vanished, or may not be read: importing it will tell.
            digest.update(b"?")
    return digest.hexdigest()


def is_source(file: Path, folder: Path) -> bool:
    """Tell whether *file* would count as a source below *folder*, by its name."""
    try:
        *folders, name = file.relative_to(folder).parts
    except ValueError:
        return False
    return (
        _is_source(name)
        and not any(part.startswith(".") for part in folders)
        and _SKIPPED.isdisjoint(folders)
    )


def _is_source(name: str) -> bool:
    if name.startswith("."):
        return name in _SETTINGS
    return os.path.splitext(name)[1] in _SUFFIXES


def _content(file: Path) -> bytes:
    status = file.stat()
    if status.st_size > _READ_WHOLE:
        return f"{status.st_size} {status.st_mtime_ns}".encode()
    return hashlib.blake2b(file.read_bytes()).digest()


def _sources(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in _SKIPPED
            and not name.startswith(".")
            and not os.path.exists(os.path.join(where, name, "pyvenv.cfg"))
        )
        for name in sorted(files):
            if _is_source(name):
                yield Path(where, name)
