"""The folders to look at: a bounded walk that survives whatever a disk holds."""

from __future__ import annotations

import keyword
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MAX_DEPTH: Final = 6
MAX_SOURCES: Final = 1_000
MAX_ENTRIES: Final = 100_000

# Folders that hold other people's code, tests or what tools made.
_SKIPPED: Final = frozenset(
    {
        "__pycache__",
        "__pypackages__",
        "_build",
        "_vendor",
        "benchmark",
        "benchmarks",
        "bower_components",
        "build",
        "coverage",
        "dist",
        "htmlcov",
        "migrations",
        "node_modules",
        "site-packages",
        "test",
        "tests",
        "third_party",
        "vendor",
        "venv",
    }
)
_SKIPPED_SUFFIXES: Final = (".egg-info", ".dist-info", ".egg")
_ENVIRONMENT_MARKS: Final = frozenset({"pyvenv.cfg", "conda-meta"})
# Modules that a project has for its tools; none serves.
_TOOL_MODULES: Final = frozenset(
    {"__main__", "conftest", "fabfile", "noxfile", "setup", "tasks"}
)
_BUILT: Final = ("dist", "build", "out")


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not used, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder as the scanner sees it.

    :param sources: its Python files that could hold an application.
    :param unnamed: those of them whose names cannot be imported.
    :param python: whether it holds any Python file at all.
    :param site: the folder with its ``index.html``: itself, or what its build made.
    """

    path: Path
    sources: tuple[Path, ...]
    unnamed: tuple[Path, ...]
    python: bool
    manage: bool
    site: Path | None


@dataclass(slots=True)
class Walk:
    """The folders found, parents before children, and what was left out."""

    tops: list[Path] = field(default_factory=list)
    folders: dict[Path, Folder] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)
    _sources: int = 0
    _entries: int = 0
    _full: bool = False

    def add(self, top: Path) -> None:
        """Walk one folder that was asked for; its own name is never a reason to skip.

        Each folder is entered once. Symbolic links are followed where they stay within
        the folder that was asked for.
        """
        top = Path(os.path.abspath(top))
        self.tops.append(top)
        inside = os.path.realpath(top)
        stack = [(top, 0)]
        while stack and not self._full:
            path, depth = stack.pop()
            if depth and path.is_symlink() and self._leads_away(path, inside):
                continue
            names = self._names(path)
            if names is None or (depth and _ENVIRONMENT_MARKS & names.keys()):
                continue
            self._take(path, names)
            if depth < MAX_DEPTH:
                children = sorted(n for n, d in names.items() if d and not _skip(n))
                stack.extend((path / n, depth + 1) for n in reversed(children))

    def _leads_away(self, link: Path, inside: str) -> bool:
        """Tell whether a symbolic link leaves the folder asked for, or goes back up."""
        target = os.path.realpath(link)
        below = os.path.join(target, "")
        if os.path.join(os.path.realpath(link.parent), "").startswith(below):
            reason = f"a link to a folder that it is in itself, {target}"
        elif not target.startswith(os.path.join(inside, "")):
            reason = f"a link out of the folder, to {target}: name that folder as well"
        else:
            return False
        self.skipped.append(Skipped(link, reason))
        return True

    def _names(self, path: Path) -> dict[str, bool] | None:
        """The entries of a folder: name, and whether it is a folder."""
        try:
            status = path.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in self._seen:
                return None
            self._seen.add(identity)
            names: dict[str, bool] = {}
            with os.scandir(path) as entries:
                for entry in entries:
                    self._entries += 1
                    if self._entries > MAX_ENTRIES:
                        self._stop(path, f"{MAX_ENTRIES} directory entries")
                        break
                    names[entry.name] = _is_folder(entry)
            return names
        except OSError as error:
            self.skipped.append(Skipped(path, error.strerror or str(error)))
            return None

    def _take(self, path: Path, names: dict[str, bool]) -> None:
        python = [n for n, is_dir in names.items() if not is_dir and n.endswith(".py")]
        sources = sorted(name for name in python if _may_serve(name))
        unnamed = sorted(name for name in python if not _can_be_imported(name))
        room = MAX_SOURCES - self._sources
        if len(sources) > room:
            self._stop(path, f"{MAX_SOURCES} Python files")
            sources = sources[:room]
        self._sources += len(sources)
        self.folders[path] = Folder(
            path=path,
            sources=tuple(path / name for name in sources),
            unnamed=tuple(path / name for name in unnamed[:room]),
            python=bool(python),
            manage="manage.py" in names,
            site=_site(path, names),
        )

    def _stop(self, path: Path, limit: str) -> None:
        self._full = True
        reason = f"the scan stopped here after {limit}; name the apps' folders instead"
        self.skipped.append(Skipped(path, reason))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A symbolic link to itself, for one.
        return False


def _skip(name: str) -> bool:
    return name.startswith(".") or name in _SKIPPED or name.endswith(_SKIPPED_SUFFIXES)


def _can_be_imported(name: str) -> bool:
    stem = name.removesuffix(".py")
    return stem.isidentifier() and not keyword.iskeyword(stem)


def _may_serve(name: str) -> bool:
    stem = name.removesuffix(".py")
    return (
        _can_be_imported(name)
        and stem not in _TOOL_MODULES
        and not stem.startswith("test_")
        and not stem.endswith("_test")
    )


def _site(path: Path, names: dict[str, bool]) -> Path | None:
    if "package.json" in names:
        # The index.html beside it is a source; the built one can be served.
        built = (path / n for n in _BUILT if names.get(n))
        return next((b for b in built if os.path.isfile(b / "index.html")), None)
    if path.name == "templates" or names.get("index.html", True):
        return None
    return path
