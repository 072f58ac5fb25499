"""The modules under one import root, and the applications that each offers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from gateway.cli.discover.evaluate import (
    attribute_of,
    positional,
    returned,
    run,
    serving_function,
    settle,
)
from gateway.cli.discover.frameworks import (
    BOTTLE,
    BOTTLE_ROUTES,
    CONSTRUCTORS,
    DASH,
    DJANGO,
    PLAIN_ASGI,
    PLAIN_WSGI,
    PYRAMID,
    Made,
)
from gateway.cli.discover.layout import Trees
from gateway.cli.discover.scope import Binding, Function, Imported, Scope, Value

Form = Literal["object", "function", "factory"]

# Modules that exist to hand the application over, so what they import counts too.
_ENTRY_MODULES: Final = frozenset({"__init__", "wsgi", "asgi", "passenger_wsgi"})
# A function of one of these wraps an application; it does not make one.
_MIDDLEWARE_PARAMETERS: Final = frozenset(
    {"app", "application", "asgi_app", "handler", "inner", "wrapped", "wsgi_app"}
)
# Without a framework's name, the function's own must say that it makes applications:
# responses are callables of the same shape.
_FACTORY_NAME: Final = re.compile(r"(^|_)(app|application|wsgi|asgi)(_|$)")
_MAX_HOPS: Final = 24


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that a factory requires, with its annotation as written."""

    name: str
    annotation: str | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One application that a source file offers.

    :param reference: ``module:attribute``, counted from the import root.
    :param made: the framework and interface.
    :param form: an application object, a function that is itself the application,
        or a factory of one.
    :param required: what a factory must be given.
    :param explicit: its parameters do not tell that it is a factory, or is none.
    :param origin: the dotted name of its definition, for a re-export in another file.
    :param runs: the line at which its module runs a server when it is imported.
    """

    reference: str
    file: Path
    line: int
    made: Made
    form: Form
    required: tuple[Parameter, ...] = ()
    explicit: bool = False
    origin: str = ""
    runs: int | None = None

    @property
    def module(self) -> str:
        """The dotted name of the module."""
        return self.reference.partition(":")[0]

    @property
    def attribute(self) -> str:
        """The attribute of the module, which may be dotted."""
        return self.reference.partition(":")[2]

    @property
    def shared_imports(self) -> bool:
        """Whether its modules must be those of the process."""
        return self.made.framework == DJANGO

    @property
    def pyramid_main(self) -> bool:
        """Whether it is Pyramid's ``main(global_config, **settings)``.

        An empty mapping suits it: that is what a deployment file without globals gives.
        """
        names = [parameter.name for parameter in self.required]
        return self.made.framework == PYRAMID and names == ["global_config"]

    @property
    def needs_values(self) -> bool:
        """Whether somebody must say what to give the factory."""
        return bool(self.required) and not self.pyramid_main


class Project:
    """The modules that can be imported with one folder on the path."""

    def __init__(self, root: Path, trees: Trees) -> None:
        self.root = root
        self._trees = trees
        self._scopes: dict[str, Scope | None] = {}
        self._resolving = 0

    def resolve(self, dotted: str) -> Value | None:
        """What a dotted name stands for, if it is defined under this root."""
        parts = dotted.split(".")
        with self._hop() as is_near:
            if not is_near or dotted in CONSTRUCTORS:
                return None
            for length in range(len(parts) - 1, 0, -1):
                scope = self.scope(".".join(parts[:length]))
                if scope is not None:
                    return _walk(scope, parts[length:])
            return None

    def scope(self, name: str) -> Scope | None:
        """The names of one module; while it is evaluated, those known so far."""
        if name not in self._scopes:
            self._scopes[name] = None
            path = self._file(name)
            tree = self._trees.get(path) if path else None
            if path and tree:
                scope = Scope(
                    name, path.stem == "__init__", self.resolve, self._scope_within
                )
                self._scopes[name] = scope
                run(tree.body, scope)
        return self._scopes[name]

    def _scope_within(self, name: str) -> Scope | None:
        """The names of a module that another one needs, unless it is too far away."""
        with self._hop() as is_near:
            return self.scope(name) if is_near else None

    @contextmanager
    def _hop(self) -> Iterator[bool]:
        """Go from one module on to another; yield whether that is near enough."""
        is_near = self._resolving <= _MAX_HOPS
        self._resolving += 1
        try:
            yield is_near
        finally:
            self._resolving -= 1

    def _file(self, name: str) -> Path | None:
        parts = name.split(".")
        if not all(part.isidentifier() for part in parts):
            return None
        path = self.root.joinpath(*parts)
        for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
            if file.is_file():
                return file
        return None

    def candidates(self, name: str, file: Path) -> Iterator[Candidate]:
        """The applications that one module offers."""
        scope = self.scope(name)
        if scope is not None:
            yield from self._offered(name, file, scope)

    def unnamed(self, file: Path) -> Iterator[Candidate]:
        """The applications of a file whose name no import statement could hold."""
        tree = self._trees.get(file)
        if tree is not None:
            scope = Scope(file.stem, False, self.resolve, self._scope_within)
            run(tree.body, scope)
            yield from self._offered(file.stem, file, scope)

    def _offered(self, name: str, file: Path, scope: Scope) -> Iterator[Candidate]:
        entry = file.stem in _ENTRY_MODULES
        for attribute, binding in list(scope.names.items()):
            if binding is None or attribute.startswith("_"):
                continue
            imported = isinstance(binding.value, Imported)
            if entry or not imported:
                value, origin = _trace(binding.value, scope, f"{name}.{attribute}")
                for one in _offer(name, attribute, file, binding, value, origin):
                    yield replace(one, runs=scope.runs)
        yield from _bottle_default(name, file, scope)


def _trace(value: Value | None, scope: Scope, origin: str) -> tuple[Value | None, str]:
    """Follow an import to the definition; also the dotted name found last."""
    for _ in range(_MAX_HOPS):
        if not isinstance(value, Imported):
            break
        origin = value.dotted
        value = scope.resolve(origin)
    return value, origin


def _walk(scope: Scope, attributes: list[str]) -> Value | None:
    first, *rest = attributes
    binding = scope.names.get(first)
    value = binding.value if binding else scope.star(first)
    for attribute in rest:
        value = attribute_of(settle(value, scope), attribute)
    return value


def _offer(
    module: str,
    attribute: str,
    file: Path,
    binding: Binding,
    value: Value | None,
    origin: str,
) -> Iterator[Candidate]:
    def candidate(
        made: Made, form: Form, reference: str = f"{module}:{attribute}"
    ) -> Candidate:
        return Candidate(reference, file, binding.line, made, form, origin=origin)

    match value:
        case Made(interface="wsgi" | "asgi"):
            yield candidate(value, "object")
        case Made() if value == DASH:
            served = Made(DASH.framework)
            yield candidate(served, "object", f"{module}:{attribute}.server")
        case Function():
            if made := serving_function(value):
                # A decorator changes what it takes, and not what it seems to take.
                explicit = bool(value.node.decorator_list)
                yield replace(candidate(made, "function"), explicit=explicit)
            elif made := returned(value):
                yield from _factory(candidate(made, "factory"), value.node)


def _factory(
    candidate: Candidate, node: ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[Candidate]:
    keyword_only = [
        argument.arg
        for argument, default in zip(
            node.args.kwonlyargs, node.args.kw_defaults, strict=True
        )
        if default is None
    ]
    names = [*positional(node), *keyword_only]
    if _MIDDLEWARE_PARAMETERS & set(names):
        return
    if candidate.made in (PLAIN_WSGI, PLAIN_ASGI) and not _FACTORY_NAME.search(
        node.name.lower()
    ):
        return
    annotations = {
        argument.arg: ast.unparse(argument.annotation)
        for argument in ast.walk(node.args)
        if isinstance(argument, ast.arg) and argument.annotation is not None
    }
    required = tuple(Parameter(name, annotations.get(name)) for name in names)
    explicit = bool(required) or bool(node.decorator_list)
    yield replace(candidate, required=required, explicit=explicit)


def _bottle_default(module: str, file: Path, scope: Scope) -> Iterator[Candidate]:
    """Bottle's default application, which routes of a module are added to unnamed."""
    if not uses_bottle_default(scope):
        return
    places = {
        f"{attribute}.default_app": binding.line
        for attribute, binding in scope.names.items()
        if binding and binding.value == Imported("bottle")
    }
    if "bottle" in scope.stars:
        places["default_app"] = 1
    for attribute, line in places.items():
        reference = f"{module}:{attribute}"
        yield Candidate(
            reference,
            file,
            line,
            BOTTLE,
            "factory",
            explicit=True,
            origin=reference,
            runs=scope.runs,
        )


def uses_bottle_default(scope: Scope) -> bool:
    """Tell whether a module adds routes to Bottle's default application unnamed."""
    named = (binding.value for binding in scope.names.values() if binding)
    return bool(scope.decorators & BOTTLE_ROUTES) and BOTTLE not in named
