"""Folders to applications: which file of which folder to serve, and what else is there.

Of the applications that one folder offers, the first by this order is chosen:

1. what can be served as it is, before factories that must be given something;
2. a module made for it (``wsgi``), then the usual names (``app``, ``application``,
   ``main``, the package itself, ``asgi`` …), then any other;
3. modules nearer to the import root;
4. the attribute ``application``, then ``app``, then the factories ``create_app`` and
   ``make_app``, then any other object, function or factory;
5. the one that stands first.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.cli.discover.folders import Skipped, Walk
from gateway.cli.discover.frameworks import DJANGO
from gateway.cli.discover.layout import Layout, Trees
from gateway.cli.discover.project import (
    Candidate,
    Project,
    uses_bottle_default,
)

_MODULES: Final = (
    ("wsgi", "passenger_wsgi"),
    ("app", "application"),
    ("main",),
    ("__init__",),
    ("asgi",),
    ("server", "web", "site", "index", "api", "run"),
)
_ATTRIBUTES: Final = ("application", "app", "create_app", "make_app", "server")
_FORMS: Final = ("object", "function", "factory")

# Names of folders that say nothing about the application in them.
_NAMELESS: Final = frozenset(
    {"app", "application", "apps", "backend", "code", "html", "out", "project"}
    | {"python", "src", "build", "dist", "wsgi", "_site"}
)


@dataclass(frozen=True, slots=True)
class Found:
    """One application, or one folder of static files, that a mount can serve.

    :param label: what to call it: the name of its folder, or of the folder above
        where that says nothing.
    :param folder: its import root, or the static folder.
    :param app: the application to serve; ``None`` for static files.
    :param others: further applications of the same folder, the next best first.
    """

    label: str
    folder: Path
    app: Candidate | None = None
    others: tuple[Candidate, ...] = ()

    @property
    def shown(self) -> Path:
        """The file or folder that people would point at."""
        return self.app.file if self.app else self.folder


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a scan found, in the order of the folders, and what it left out."""

    found: tuple[Found, ...]
    skipped: tuple[Skipped, ...]


def discover(folders: Iterable[Path]) -> Discovery:
    """Find the applications in and below *folders*, reading and never running them."""
    walk = Walk()
    for folder in folders:
        walk.add(folder)
    trees = Trees()
    layout = Layout(walk, trees)
    found: list[Found] = []
    homes: set[Path] = set()
    hints: list[Skipped] = []
    for root, modules in _by_root(walk, layout).items():
        project = Project(root, trees)
        offers = {
            name: list(project.candidates(name, source))
            for name, source in modules.items()
        }
        groups = _groups(root, offers, walk)
        homes.update(root / package for package in groups)
        found.extend(
            Found(_label(root, package, walk), root, best, tuple(others))
            for package, (best, *others) in groups.items()
        )
        hints.extend(_hints(project, modules, offers, walk))
    hints.extend(_unnamed(walk, layout, trees))
    found.extend(_static(walk, homes))
    skipped = (*walk.skipped, *trees.skipped, *hints)
    return Discovery(tuple(found), skipped)


def _by_root(walk: Walk, layout: Layout) -> dict[Path, dict[str, Path]]:
    """Every import root, and the modules under it by their dotted names."""
    roots: dict[Path, dict[str, Path]] = {}
    for folder in walk.folders.values():
        root = layout.root(folder.path)
        inside = folder.path.relative_to(root).parts
        for source in folder.sources:
            parts = inside if source.stem == "__init__" else (*inside, source.stem)
            if parts:
                roots.setdefault(root, {})[".".join(parts)] = source
    return roots


def _groups(
    root: Path, offers: dict[str, list[Candidate]], walk: Walk
) -> dict[str, list[Candidate]]:
    """Sort what the modules of one root offer by application, the best first.

    Packages beside each other are applications of their own, unless the root itself
    has a module that offers one: then everything under it belongs to that.
    """
    folder = walk.folders.get(root)
    whole = (folder is not None and folder.manage) or any(
        "." not in candidate.module and candidate.file.parent == root
        for candidates in offers.values()
        for candidate in candidates
    )
    groups: dict[str, list[Candidate]] = {}
    for name, candidates in offers.items():
        package = "" if whole else name.partition(".")[0]
        if candidates:
            groups.setdefault(package, []).extend(candidates)
    return {package: _ranked(candidates) for package, candidates in groups.items()}


def _ranked(candidates: list[Candidate]) -> list[Candidate]:
    """The best first, and of several names for one application only the best."""
    by_origin: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=_rank):
        by_origin.setdefault(candidate.origin, candidate)
    return list(by_origin.values())


def _rank(candidate: Candidate) -> tuple[int, int, int, int, int, int]:
    stem, attribute = candidate.file.stem, candidate.attribute
    listed = _ATTRIBUTES.index(attribute) if attribute in _ATTRIBUTES else 99
    named = (index for index, stems in enumerate(_MODULES) if stem in stems)
    return (
        int(candidate.needs_values),
        next(named, 99),
        candidate.module.count("."),
        listed,
        _FORMS.index(candidate.form),
        candidate.line,
    )


def _label(root: Path, package: str, walk: Walk) -> str:
    names = [folder.name for folder in (root, *root.parents)]
    if package:
        # The folder that was asked for names its only package less well than the
        # package does; a folder below it was named for the application.
        names.insert(
            1 if root in walk.folders and root not in walk.tops else 0, package
        )
    return next((name for name in names if name and name not in _NAMELESS), names[0])


def _hints(
    project: Project,
    modules: dict[str, Path],
    offers: dict[str, list[Candidate]],
    walk: Walk,
) -> Iterator[Skipped]:
    """Applications that are there, and what keeps them from being served."""
    made = [c.made for candidates in offers.values() for c in candidates]
    folder = walk.folders.get(project.root)
    django = any(one.framework == DJANGO and one.interface == "wsgi" for one in made)
    if folder is not None and folder.manage and not django:
        yield Skipped(
            project.root / "manage.py",
            "a Django project without a wsgi module: add one with "
            "'application = get_wsgi_application()', as startproject does",
        )
    for name, source in modules.items():
        scope = project.scope(name)
        if scope and not offers[name] and uses_bottle_default(scope):
            yield Skipped(
                source,
                "routes of Bottle's default application, which has no name here: "
                "add 'application = bottle.default_app()'",
            )


def _unnamed(walk: Walk, layout: Layout, trees: Trees) -> Iterator[Skipped]:
    """Applications in files that cannot be imported, such as ``my-app.py``."""
    for folder in walk.folders.values():
        project = Project(layout.root(folder.path), trees)
        for file in folder.unnamed:
            if any(True for _ in project.unnamed(file)):
                better = re.sub(r"\W", "_", file.stem)
                if not better.isidentifier() or keyword.iskeyword(better):
                    better = f"{better}_app" if better.isidentifier() else "app"
                yield Skipped(
                    file,
                    "an application in a file whose name Python cannot import: rename "
                    f"it, to {better}.py for one",
                )


def _static(walk: Walk, homes: set[Path]) -> Iterator[Found]:
    """Folders of pages: an index.html, no Python, and not part of an application."""
    python = {folder.path for folder in walk.folders.values() if folder.python}
    served: set[Path] = set()
    for folder in walk.folders.values():
        site = folder.site
        if site is None or any(site == p or site in p.parents for p in python):
            continue
        around = {site, *site.parents}
        if around & served or (around & homes and folder.path not in walk.tops):
            continue
        served.add(site)
        names = (path.name for path in (site, *site.parents))
        label = next((n for n in names if n and n not in _NAMELESS), site.name)
        yield Found(label, site)
