"""The structure: floors, no import cycles, files of a readable size, no face inside."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "gateway"

# From the ground up: a file imports only from its own floor and from those before it.
FLOORS = [
    ["_version", "errors"],
    ["types", "paths", "explain", "tracebacks", "bodies"],
    ["context", "pages"],
    ["globals", "settings", "site", "joint_context"],
    ["framework"],
    ["config"],
    ["isolation"],
    ["loaders"],
    ["policies"],
    ["dispatch"],
    ["subrequests"],
    ["mount"],
    ["fingerprint", "probing", "failing", "shares"],
    ["generation"],
    ["draining", "reloaded"],
    ["lifecycle"],
    ["forking"],
    ["offline"],
    ["servers"],
    ["admin"],
    ["proof"],
    ["urlmap"],
    ["testing"],
    # The last row: other names for ported import lines, which nothing inside uses.
    [
        *["cli", "__init__", "__main__"],
        *["app", "blueprints", "ctx", "debughelpers", "helpers", "json", "logging"],
        *["sessions", "signals", "templating", "typing", "views"],
        *["wrappers", "wsgi"],
    ],
]
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
LONGEST = 420


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(module: str) -> set[str]:
    """Return the files of the package that *module* imports, type-only ones too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(FILES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in FILES}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{module}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in FILES else node.module)
    return found & set(FILES) - {module}


IMPORTS = {module: imports_of(module) for module in FILES}


@pytest.mark.parametrize("module", FILES)
def test_arrows_point_down(module: str) -> None:
    floor = FLOOR_OF[room_of(module)]
    above = {name for name in IMPORTS[module] if FLOOR_OF[room_of(name)] > floor}
    assert not above, f"{module} imports from floors above its own"


@pytest.mark.parametrize("module", [name for name in FILES if name != "gateway"])
def test_nothing_inside_imports_the_face(module: str) -> None:
    assert "gateway" not in IMPORTS[module] or module == "gateway.__main__"


def test_there_is_no_import_cycle() -> None:
    done: set[str] = set()
    path: list[str] = []

    def visit(module: str) -> None:
        if module in done:
            return
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        path.append(module)
        for imported in sorted(IMPORTS[module]):
            visit(imported)
        path.pop()
        done.add(module)

    for module in FILES:
        visit(module)


@pytest.mark.parametrize("module", FILES)
def test_a_file_is_of_readable_size(module: str) -> None:
    assert len(FILES[module].read_text().splitlines()) <= LONGEST


def test_flask_and_other_frameworks_are_imported_inside_functions_only() -> None:
    optional = {"flask", "django", "bottle", "whitenoise", "rich", "asgiref", "gevent"}
    for module, path in FILES.items():
        for node in ast.parse(path.read_text()).body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {name.partition(".")[0] for name in names} & optional, module
