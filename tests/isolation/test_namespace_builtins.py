"""What code of a mount finds among its builtins."""

from __future__ import annotations

import builtins
import dis
import gettext
import json.decoder
import tokenize
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from isolation_support import MakeMount, run, write

from gateway.isolation import modules
from gateway.isolation.builtins import _code_within, undefined_names


@pytest.fixture
def _no_underscore(monkeypatch: pytest.MonkeyPatch) -> None:
    # Registered for removal: the tests add it as an application would.
    monkeypatch.setattr(builtins, "_", None, raising=False)
    monkeypatch.delattr(builtins, "_")


@pytest.mark.usefixtures("_no_underscore")
def test_a_name_added_later_is_seen_at_once(mount: MakeMount) -> None:
    code = """
    import gettext, views
    gettext.install("notes")
    TITLE = _("Notes")
    class View:
        label = _("Label")
    """
    views = {"views.py": "def view(): return [_(word) for word in ('a', 'b')]"}
    app = run(mount, code, views)
    assert (app.TITLE, app.View.label) == ("Notes", "Label")
    assert app.views.view() == ["a", "b"]


@pytest.mark.usefixtures("_no_underscore")
def test_a_name_that_a_library_adds_is_seen_in_every_mount(
    mount: MakeMount, library: Path
) -> None:
    write(library, {"shouting.py": "import builtins\nbuiltins._ = str.upper"})
    code = "def view(): return _('hi')"
    first, second = run(mount, code), run(mount, f"import shouting\n{code}")
    assert (first.view(), second.view()) == ("HI", "HI")


@pytest.mark.usefixtures("_no_underscore")
def test_a_name_that_is_taken_away_is_an_error_again(mount: MakeMount) -> None:
    app = run(mount, "def view(): return _('x')")
    gettext.install("notes")
    assert app.view() == "x"
    del builtins._  # type: ignore[attr-defined]
    with pytest.raises(NameError, match="name '_' is not defined"):
        app.view()


def test_code_that_asks_for_an_absent_builtin_gets_a_name_error(
    mount: MakeMount,
) -> None:
    code = """
    try:
        text = unicode
    except NameError:
        text = str
    """
    assert run(mount, code).text is str


def test_a_replaced_builtin_reaches_modules_imported_afterwards(
    mount: MakeMount, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = run(
        mount,
        "import early\ndef go():\n    import late",
        {
            "early.py": "def call(): return input()",
            "late.py": "",
        },
    )
    monkeypatch.setattr(builtins, "input", lambda: "replaced")
    app.go()
    assert app.early.call() == "replaced"


@pytest.mark.usefixtures("_no_underscore")
@pytest.mark.parametrize("also", ["", "; _('x')"])
def test_a_name_put_into_the_mapping_itself_is_the_mounts(
    mount: MakeMount, also: str
) -> None:
    code = f"__builtins__['_'] = str.upper{also}\nimport views"
    app = run(mount, code, {"views.py": "def view(): return _('hi')"})
    assert app.views.view() == "HI"
    assert not hasattr(builtins, "_")


def test_ordinary_modules_have_an_exact_dict(mount: MakeMount) -> None:
    code = """
    import json
    from typing import TYPE_CHECKING
    if TYPE_CHECKING:
        from elsewhere import Thing
    count = 0
    def f(x: Thing) -> Thing:
        global made
        made = len(str(x)) + count
        return [y for y in range(made)]
    class C:
        size = 1
        twice = size * 2
        def g(self): return made, C, json
    """
    app = run(mount, "from __future__ import annotations\n" + _dedent(code))
    assert type(app.f.__globals__["__builtins__"]) is dict
    assert type(app.f.__builtins__) is dict


def _dedent(code: str) -> str:
    return "\n".join(line[4:] for line in code.splitlines())


def test_only_the_import_function_differs(mount: MakeMount) -> None:
    app = run(mount, "")
    mine, process = vars(app)["__builtins__"], vars(builtins)
    assert {key for key in process if mine[key] is not process[key]} == {"__import__"}
    assert mine.keys() == process.keys()


def test_exec_and_eval_are_the_mounts_too(mount: MakeMount) -> None:
    code = """
    found = {}
    exec("import models\\nn = models.n", found)
    inner = eval("__import__('models').n")
    exec("def lazy():\\n    from models import n\\n    return n")
    compiled = eval(compile("__import__('models')", "<made>", "eval"), {})
    """
    app = run(mount, _dedent(code), {"models.py": "n = 4"})
    assert (app.found["n"], app.inner, app.lazy(), app.compiled.n) == (4, 4, 4, 4)


def test_code_that_is_run_outside_is_not(mount: MakeMount) -> None:
    run(mount, "", {"only_mine.py": ""})
    with pytest.raises(ModuleNotFoundError):
        exec("import only_mine", {})


def test_a_script_can_be_run_with_the_live_builtins(mount: MakeMount) -> None:
    namespace = mount({"models.py": "n = 4"})
    script: dict[str, Any] = {"__builtins__": namespace.builtins.live}
    exec("import models, json\nclass C: n = len([models.n])", script)
    assert script["C"].n == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print(x)", {"print", "x"}),
        ("x = 1\ndef f(): return x, y", {"y"}),
        ("def f():\n    global x\n    x = y\nprint(x)", {"y", "print"}),
        ("class C:\n    x = 1\n    y = x + z", {"z"}),
        ("class C:\n    x = 1\n    def f(self): return x", {"x"}),
        ("from a import *\nuse(b)", {"use", "b"}),
        ("import a.b, c as d\na, d, c", {"c"}),
        ("f = lambda x: (x, y)\n[v for v in w]", {"y", "w"}),
        ("def f(a): return a.b.c(d)", {"d"}),
        ("try: pass\nexcept E as e: e", {"E"}),
        ("print(__file__, __name__, __path__)", {"print", "__name__"}),
    ],
)
def test_undefined_names(code: str, expected: set[str]) -> None:
    compiled = compile(code, "<code>", "exec")
    assert undefined_names(compiled) - {"__module__", "__qualname__"} == expected | (
        {"__name__"} if "class" in code else set()
    )


def _undefined_by_dis(module: ModuleType) -> set[str]:
    source = Path(module.__file__ or "").read_text(encoding="utf-8")
    loads: set[str] = set()
    stores: set[str] = set()
    for code in _code_within(compile(source, "<module>", "exec")):
        by_name: dict[str, set[str]] = {}
        for step in dis.get_instructions(code):
            by_name.setdefault(step.opname, set()).add(str(step.argval))
        bound = by_name.get("STORE_NAME", set())
        free = by_name.get("LOAD_NAME", set())
        free |= by_name.get("LOAD_FROM_DICT_OR_GLOBALS", set())
        is_module = code.co_name == "<module>"
        stores |= by_name.get("STORE_GLOBAL", set()) | (bound if is_module else set())
        loads |= by_name.get("LOAD_GLOBAL", set()) | (
            free if is_module else free - bound
        )
    return loads - stores - {"__annotations__", "__file__"}


@pytest.mark.parametrize("module", [tokenize, dis, json.decoder, modules, pytest])
def test_the_bytecode_is_read_as_the_disassembler_reads_it(module: ModuleType) -> None:
    source = Path(module.__file__ or "").read_text(encoding="utf-8")
    assert undefined_names(compile(source, "<module>", "exec")) == _undefined_by_dis(
        module
    )


def test_more_names_than_fit_in_one_byte() -> None:
    names = [f"name{number}" for number in range(700)]
    body = "".join(f"{name} = 0\n" for name in names)
    code = compile(f"{body}def f(): return {', '.join(names)}, last", "<code>", "exec")
    assert undefined_names(code) == {"last"}
