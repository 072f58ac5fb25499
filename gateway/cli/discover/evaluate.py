"""What the names of one source file stand for, told from its text alone.

A small abstract interpreter: it walks a module's statements in order, keeps for each
name what it was last bound to (as far as that matters here) and follows calls into
functions of the same project. It never imports and never runs anything.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from gateway.cli.discover.frameworks import (
    ATTRIBUTES,
    CONSTRUCTORS,
    DECORATORS,
    METHODS,
    PLAIN_ASGI,
    PLAIN_WSGI,
    SERVERS,
    SOCKETIO,
    WRAPPERS,
    Interface,
    Made,
)
from gateway.cli.discover.parse import (
    UnreadableSourceError,
    flatten,
    parse_expression,
)
from gateway.cli.discover.scope import Binding, Class, Function, Imported, Scope, Value

# Expressions and calls are followed this far; real applications need five or so.
_MAX_DEPTH: Final = 24


def run(body: list[ast.stmt], scope: Scope) -> None:
    """Bind the names that the statements of *body* bind."""
    for statement, conditional in flatten(body):
        _bind_statement(statement, scope, conditional)


def _bind_statement(statement: ast.stmt, scope: Scope, conditional: bool) -> None:
    match statement:
        case ast.Import(names=names):
            for alias in names:
                top = alias.name.partition(".")[0]
                dotted = alias.name if alias.asname else top
                _bind(scope, alias.asname or top, Imported(dotted), statement)
        case ast.ImportFrom(module=module, names=names, level=level):
            base = scope.absolute(module, level)
            for alias in names:
                if alias.name == "*":
                    scope.stars.append(base)
                    continue
                dotted = f"{base}.{alias.name}".lstrip(".")
                _bind(scope, alias.asname or alias.name, Imported(dotted), statement)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            scope.decorators.update(_decorators(statement, scope))
            _bind(scope, name, Function(statement, scope), statement)
        case ast.ClassDef(name=name):
            _bind(scope, name, Class(statement, scope), statement)
        case ast.Assign(targets=targets, value=expression):
            for target in targets:
                _assign(target, expression, scope, conditional)
        case ast.AnnAssign(target=target, value=ast.expr() as expression):
            _assign(target, expression, scope, conditional)
        case ast.With(items=items) | ast.AsyncWith(items=items):
            for item in items:
                if item.optional_vars is not None:
                    _assign(item.optional_vars, item.context_expr, scope, conditional)
        case ast.Expr(value=ast.Call(func=function)) if _serves(function, scope):
            scope.runs = scope.runs or statement.lineno


def _serves(function: ast.expr, scope: Scope) -> bool:
    """Tell ``app.run()``, ``uvicorn.run()`` and their like, which do not return."""
    called = infer(function, scope)
    if isinstance(called, Imported):
        return called.dotted in SERVERS
    match function:
        case ast.Attribute(value=base, attr="run" | "run_server"):
            return isinstance(settle(infer(base, scope), scope), Made)
    return False


def _bind(scope: Scope, name: str, value: Value, node: ast.AST) -> None:
    scope.names[name] = Binding(value, getattr(node, "lineno", 0))


def _assign(
    target: ast.expr, expression: ast.expr, scope: Scope, conditional: bool
) -> None:
    match target, expression:
        case ast.Tuple(elts=names), ast.Tuple(elts=values) if len(names) == len(values):
            for name, value in zip(names, values, strict=True):
                if isinstance(name, ast.Name):
                    _assign_name(name, value, scope, conditional)
        case ast.Name(), _:
            _assign_name(target, expression, scope, conditional)


def _assign_name(
    target: ast.Name, expression: ast.expr, scope: Scope, conditional: bool
) -> None:
    value = infer(expression, scope)
    if value is None and _wraps_itself(target.id, expression):
        value = scope.lookup(target.id)
    if value is not None:
        _bind(scope, target.id, value, target)
    elif not conditional:
        # "app = None" in one branch does not undo "app = Flask(...)" in another.
        scope.names[target.id] = None


def _wraps_itself(name: str, expression: ast.expr) -> bool:
    """Tell ``app = AnyMiddleware(app)``: what rebinds its own name wraps it."""
    match expression:
        case ast.Call(args=args, keywords=keywords):
            given = [*args, *(keyword.value for keyword in keywords)]
            return any(isinstance(a, ast.Name) and a.id == name for a in given)
    return False


def infer(expression: ast.expr, scope: Scope, depth: int = 0) -> Value | None:
    """Tell what an expression gives, or ``None`` where that does not matter here."""
    if depth > _MAX_DEPTH:
        return None
    match expression:
        case ast.Name(id=name):
            return scope.lookup(name)
        case ast.Attribute(value=base, attr=attribute):
            return attribute_of(infer(base, scope, depth + 1), attribute)
        case ast.Call():
            return _call(expression, scope, depth + 1)
        case ast.IfExp(body=body, orelse=orelse):
            return infer(body, scope, depth + 1) or infer(orelse, scope, depth + 1)
        case ast.BoolOp(values=values):
            found = (infer(value, scope, depth + 1) for value in values)
            return next((value for value in found if value), None)
        case ast.NamedExpr(value=value):
            return infer(value, scope, depth + 1)
    return None


def attribute_of(base: Value | None, attribute: str) -> Value | None:
    """Tell what an attribute of something is."""
    match base:
        case Imported(dotted=dotted):
            return Imported(f"{dotted}.{attribute}")
        case Made(framework=framework):
            return ATTRIBUTES.get((framework, attribute))
    return None


def _call(call: ast.Call, scope: Scope, depth: int) -> Value | None:
    callee: Value | None
    if isinstance(call.func, ast.Attribute):
        base = infer(call.func.value, scope, depth)
        made = settle(base, scope)
        if isinstance(made, Made):
            return METHODS.get((made.framework, call.func.attr))
        callee = attribute_of(base, call.func.attr)
    else:
        callee = infer(call.func, scope, depth)
    if isinstance(callee, Imported):
        if known := CONSTRUCTORS.get(callee.dotted):
            return known
        if callee.dotted in WRAPPERS:
            return _wrapped(call, WRAPPERS[callee.dotted], scope, depth)
        if callee.dotted in SOCKETIO:
            return Made("Socket.IO", SOCKETIO[callee.dotted])
        callee = scope.resolve(callee.dotted)
    match callee:
        case Function():
            return returned(callee, depth)
        case Class():
            return instance(callee, depth)
    return None


def _wrapped(call: ast.Call, interface: Interface, scope: Scope, depth: int) -> Made:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    inner = settle(infer(given[0], scope, depth), scope) if given else None
    if isinstance(inner, Made):
        return Made(inner.framework, interface)
    return PLAIN_ASGI if interface == "asgi" else PLAIN_WSGI


def settle(value: Value | None, scope: Scope) -> Value | None:
    """Follow an imported name to what it stands for in its own module."""
    for _ in range(_MAX_DEPTH):
        if not isinstance(value, Imported):
            return value
        value = scope.resolve(value.dotted)
    return None


def instance(cls: Class, depth: int = 0) -> Made | None:
    """Tell what calling a class gives: by its bases, else by its ``__call__``."""
    gives = cls.scope.gives
    if cls.node not in gives:
        gives[cls.node] = None
        gives[cls.node] = _instance(cls, depth) if depth <= _MAX_DEPTH else None
    return gives[cls.node]


def _instance(cls: Class, depth: int) -> Made | None:
    for base in cls.node.bases:
        match infer(base, cls.scope, depth + 1):
            case Imported(dotted=dotted):
                if known := CONSTRUCTORS.get(dotted):
                    return known
                parent = cls.scope.resolve(dotted)
                if isinstance(parent, Class) and (made := instance(parent, depth + 1)):
                    return made
            case Class() as parent:
                if made := instance(parent, depth + 1):
                    return made
    for statement in cls.node.body:
        match statement:
            case (
                ast.FunctionDef(name="__call__") | ast.AsyncFunctionDef(name="__call__")
            ):
                return _by_signature(statement, positional(statement)[1:])
    return None


def returned(function: Function, depth: int = 0) -> Made | None:
    """Tell which application calling a function gives, if any."""
    gives = function.scope.gives
    if function.node not in gives:
        gives[function.node] = None
        gives[function.node] = _returned(function, depth)
    return gives[function.node]


def _returned(function: Function, depth: int) -> Made | None:
    node = function.node
    if depth > _MAX_DEPTH or isinstance(node, ast.AsyncFunctionDef):
        return None
    if node.returns is not None and (made := _annotated(node.returns, function.scope)):
        return made
    scope = function.scope.inner()
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg):
            scope.names[argument.arg] = None
    for statement, conditional in flatten(node.body):
        _bind_statement(statement, scope, conditional)
        if isinstance(statement, ast.Return) and statement.value is not None:
            value = settle(infer(statement.value, scope, depth + 1), scope)
            match value:
                case Made(interface="wsgi" | "asgi"):
                    return value
                case Function() if made := serving_function(value):
                    return made
    return None


def _annotated(annotation: ast.expr, scope: Scope) -> Made | None:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = parse_expression(annotation.value)
        except UnreadableSourceError:
            return None
    value = infer(annotation, scope)
    if isinstance(value, Imported) and (made := CONSTRUCTORS.get(value.dotted)):
        return made if made.interface else None
    cls = settle(value, scope)
    return instance(cls) if isinstance(cls, Class) else None


def serving_function(function: Function) -> Made | None:
    """Tell whether a function is itself an application, by its parameters.

    WSGI (:pep:`3333`) calls it with an environment and ``start_response``, ASGI with
    scope, receive and send.
    """
    decorators = set(_decorators(function.node, function.scope))
    if decorators & DECORATORS:
        return PLAIN_WSGI
    return _by_signature(function.node, positional(function.node))


def _by_signature(
    node: ast.FunctionDef | ast.AsyncFunctionDef, names: list[str]
) -> Made | None:
    names = [name.strip("_").lower() for name in names]
    if isinstance(node, ast.AsyncFunctionDef):
        return PLAIN_ASGI if names == ["scope", "receive", "send"] else None
    match names:
        case [first, second] if first in (
            "environ",
            "env",
            "environment",
        ) and second.startswith("start"):
            return PLAIN_WSGI
        case [_, "start_response"]:
            return PLAIN_WSGI
    return None


def positional(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The names of the parameters that a call must give by position or name."""
    arguments = [*node.args.posonlyargs, *node.args.args]
    required = arguments[: len(arguments) - len(node.args.defaults)]
    return [argument.arg for argument in required]


def _decorators(
    node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope
) -> Iterator[str]:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        value = infer(called, scope)
        if isinstance(value, Imported):
            yield value.dotted
