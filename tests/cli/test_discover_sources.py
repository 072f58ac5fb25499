"""Source files that are hard to read, and text that is no source at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.cli.discover.find import Discovery, Found, discover
from gateway.cli.discover.layout import Trees
from gateway.cli.discover.parse import MAX_BYTES
from gateway.cli.discover.project import Project

FLASK = b"from flask import Flask\napp = Flask(__name__)\n"

READABLE = {
    "latin-1": b"# -*- coding: latin-1 -*-\n" + FLASK + b"name = 'caf\xe9'\n",
    "byte-order-mark": b"\xef\xbb\xbf" + FLASK,
    "crlf": FLASK.replace(b"\n", b"\r\n"),
    "invalid-escape": FLASK + b"pattern = '\\d'\n",
    "is-literal": FLASK + b"if 1 is 1: pass\n",
    "many-elif": FLASK + b"if a: pass\n" + b"elif a: pass\n" * 150,
    "long-expression": FLASK + b"x = " + b"a." * 500 + b"b\n",
}

UNREADABLE = {
    "syntax": (b"app = = 1", "line 1: invalid syntax"),
    "python-2": (b"print 'hello'", "line 1: Missing parentheses"),
    "not-utf-8": (b"name = 'caf\xe9'", "utf-8"),
    "unknown-encoding": (b"# coding: klingon\n", "klingon"),
    "no-text-encoding": (b"# coding: hex\n", ""),
    "null": (b"a = 1\0", "null bytes"),
    "deep": (b"(" * 5000 + b")" * 5000, ""),
    "deep-expression": (b"x = " + b"-" * 100_000 + b"1", ""),
    "too-large": (b"#" * MAX_BYTES + b"\n", "larger than 512 KiB"),
    "huge-number": (b"x = " + b"9" * 5000, ""),
}


@pytest.mark.parametrize("name", READABLE)
def test_readable(name: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_bytes(READABLE[name])
    discovery = discover([tmp_path])
    assert [one.app.reference for one in discovery.found if one.app] == ["app:app"]
    assert discovery.skipped == ()


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_is_reported_and_the_rest_is_found(
    name: str, tmp_path: Path
) -> None:
    source, reason = UNREADABLE[name]
    (tmp_path / "app.py").write_bytes(source)
    (tmp_path / "main.py").write_bytes(FLASK)
    discovery = discover([tmp_path])
    assert [one.app.reference for one in discovery.found if one.app] == ["main:app"]
    (skipped,) = discovery.skipped
    assert skipped.path == tmp_path / "app.py"
    assert reason in skipped.reason


def test_what_is_called_app_py_and_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "app.py")
    (tmp_path / "main.py").mkdir()
    (tmp_path / "wsgi.py").symlink_to("nowhere.py")
    discovery = discover([tmp_path])
    assert discovery.found == ()
    assert [skipped.path.name for skipped in discovery.skipped] == ["app.py", "wsgi.py"]


def test_nothing_is_imported_or_run(
    find: Callable[[Mapping[str, str]], Discovery], tmp_path: Path
) -> None:
    mark = tmp_path / "it ran"
    run = f"open({os.fspath(mark)!r}, 'w')\n"
    find({"app.py": run + FLASK.decode(), "manage.py": run, "web/__init__.py": run})
    assert not mark.exists()


def test_doubling_calls_take_no_time(
    find_one: Callable[[Mapping[str, str]], Found],
) -> None:
    # Each function and class asks twice for the next: 2 ** 40 ways without memory.
    lines = ["import flask", "def f40(): return None", "class C40: pass"]
    for number in range(39, -1, -1):
        lines.append(f"def f{number}(): return f{number + 1}() or f{number + 1}()")
        lines.append(f"class C{number}(C{number + 1}, C{number + 1}): pass")
    lines += ["x = flask" + ".g()" * 40, "y = C0()", "z = f0()"]
    lines += ["app = flask.Flask(__name__)"]
    found = find_one({"app.py": "\n".join(lines)})
    assert found.app is not None
    assert found.app.reference == "app:app"


def test_modules_that_import_all_of_each_other_take_no_time(
    find_one: Callable[[Mapping[str, str]], Found],
) -> None:
    modules = [f"module{number}" for number in range(6)]
    stars = "".join(f"from {module} import *\n" for module in modules)
    sources = {f"{module}.py": stars + "x = y = missing()" for module in modules}
    found = find_one(sources | {"app.py": stars + FLASK.decode()})
    assert found.app is not None
    assert found.app.reference == "app:app"


def test_the_last_of_those_that_bring_all_their_names_counts(
    find_one: Callable[[Mapping[str, str]], Found],
) -> None:
    found = find_one(
        {
            "one.py": "from three import *\nimport bottle\napp = bottle.Bottle()",
            "two.py": "from three import *",
            "three.py": FLASK.decode(),
            "wsgi.py": "from one import *\nfrom two import *\napplication = app",
        }
    )
    assert found.app is not None
    assert (found.app.reference, found.app.made.framework) == (
        "wsgi:application",
        "Flask",
    )


def _scan(folder: Path, source: bytes) -> None:
    path = folder / "app.py"
    path.write_bytes(source)
    list(Project(folder, Trees()).candidates("app", path))


_unhurried = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@_unhurried
@given(st.binary(max_size=200))
@example(b"# coding: punycode\n\xff")
@example(b"# coding: undefined\nx")
@example(b"# coding: utf-16\nx")
@example(b"# coding: utf-7\n+AGE-")
def test_any_bytes(tmp_path: Path, source: bytes) -> None:
    _scan(tmp_path, source)


@_unhurried
@given(st.text(max_size=200))
def test_any_text(tmp_path: Path, source: str) -> None:
    _scan(tmp_path, source.encode("utf-8", "replace"))


_NAMES = st.sampled_from(["app", "a", "flask", "create_app", "self", "start_response"])
_EXPRESSIONS = st.recursive(
    st.one_of(_NAMES, st.sampled_from(["flask.Flask", "1", "'x'", "None", "web.y.z"])),
    lambda inner: st.one_of(
        st.builds("{}({})".format, inner, inner),
        st.builds("({}).{}".format, inner, _NAMES),
        st.builds("({} or {})".format, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({}, {})".format, inner, inner),
        st.builds("(lambda {}: {})".format, _NAMES, inner),
        st.builds("({} := {})".format, _NAMES, inner),
    ),
    max_leaves=6,
)
_SIMPLE = st.one_of(
    st.builds("{} = {}".format, _NAMES, _EXPRESSIONS),
    st.builds("{0}, {1} = {2}, {2}".format, _NAMES, _NAMES, _EXPRESSIONS),
    st.builds("{}: {} = {}".format, _NAMES, _EXPRESSIONS, _EXPRESSIONS),
    st.builds("from {} import {} as {}".format, _NAMES, _NAMES, _NAMES),
    st.builds("from . import {}".format, _NAMES),
    st.builds("from ...{} import *".format, _NAMES),
    st.builds("from app import {} as {}".format, _NAMES, _NAMES),
    st.builds("import {}.{}".format, _NAMES, _NAMES),
    st.builds("del {}".format, _NAMES),
    _EXPRESSIONS,
)
_HEADS = st.one_of(
    st.builds("def {}({}, *, a=1) -> {}:".format, _NAMES, _NAMES, _EXPRESSIONS),
    st.builds("@{}\n{{}}async def {}():".format, _EXPRESSIONS, _NAMES),
    st.builds("class {}({}):".format, _NAMES, _EXPRESSIONS),
    st.builds("with {} as {}:".format, _EXPRESSIONS, _NAMES),
    st.builds("if {}:".format, _EXPRESSIONS),
    st.builds("for {} in {}:".format, _NAMES, _EXPRESSIONS),
    st.builds("while {}:".format, _EXPRESSIONS),
)


@st.composite
def _programs(draw: st.DrawFn) -> str:
    lines, indent = [], ""
    for _ in range(draw(st.integers(1, 12))):
        if draw(st.booleans()) and len(indent) < 6:
            lines.append(indent + draw(_HEADS).replace("{}", indent))
            indent += " "
        elif indent and draw(st.booleans()):
            lines.append(f"{indent}return {draw(_EXPRESSIONS)}")
            indent = indent[:-1]
        else:
            lines.append(indent + draw(_SIMPLE))
    return "\n".join([*lines, f"{indent}pass"])


@_unhurried
@given(_programs())
def test_any_program(tmp_path: Path, source: str) -> None:
    _scan(tmp_path, source.encode())
