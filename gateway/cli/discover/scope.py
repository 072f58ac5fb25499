"""What names can stand for, and the names that are visible in one place."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.cli.discover.frameworks import KNOWN_NAMES, Made


@dataclass(frozen=True, slots=True)
class Imported:
    """A name that an import statement bound: the full dotted name behind it."""

    dotted: str


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function definition and the scope it stands in."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    scope: Scope


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    """A class definition and the scope it stands in."""

    node: ast.ClassDef
    scope: Scope


Value: TypeAlias = Made | Imported | Function | Class
Resolve: TypeAlias = Callable[[str], "Value | None"]
FindScope: TypeAlias = Callable[[str], "Scope | None"]


@dataclass(frozen=True, slots=True)
class Binding:
    """What a name was last bound to, and where."""

    value: Value
    line: int


@dataclass(slots=True, eq=False)
class Scope:
    """The names of a module or of a function.

    :param module: the module's dotted name, which relative imports count from.
    :param package: whether the module is a package's ``__init__``.
    :param resolve: finds what a dotted name of another module stands for.
    :param scope_of: finds the names of another module, if it is one of the project's.
    """

    module: str
    package: bool
    resolve: Resolve
    scope_of: FindScope
    parent: Scope | None = None
    names: dict[str, Binding | None] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    decorators: set[str] = field(default_factory=set)
    # The line at which a server is run, not only in a script.
    runs: int | None = None
    # What each function and class gives when called: told once, so that code that
    # calls itself, or one function many times, costs no more than its length.
    gives: dict[ast.AST, Made | None] = field(default_factory=dict)

    def lookup(self, name: str) -> Value | None:
        """What *name* stands for here."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                binding = scope.names[name]
                return binding.value if binding else None
            scope = scope.parent
        return self.star(name)

    def star(self, name: str) -> Value | None:
        """What a ``from module import *`` brings under *name*; the last one wins."""
        # Each module once: those that import one another's names may do so in circles.
        seen: set[str] = set()
        modules = [*self.stars]
        while modules:
            module = modules.pop()
            if module in seen:
                continue
            seen.add(module)
            scope = self.scope_of(module)
            if scope is None:
                if (dotted := f"{module}.{name}") in KNOWN_NAMES:
                    return Imported(dotted)
            elif binding := scope.names.get(name):
                return binding.value
            else:
                modules += scope.stars
        return None

    def inner(self) -> Scope:
        """A scope for the body of a function that stands in this one."""
        return Scope(self.module, self.package, self.resolve, self.scope_of, self)

    def absolute(self, module: str | None, level: int) -> str:
        """The dotted name of a module that is imported here (:pep:`328`)."""
        if not level:
            return module or ""
        parts = self.module.split(".")
        keep = len(parts) - level + (1 if self.package else 0)
        base = parts[: max(keep, 0)]
        return ".".join([*base, *([module] if module else [])])
