"""Every form of import, as the code of a mount writes it."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from isolation_support import MakeMount
from isolation_support import run as run_app

PACKAGE = {
    "shop/__init__.py": "",
    "shop/cart/__init__.py": "TOTAL = 3",
    "shop/cart/lines.py": "COUNT = 7",
    "models.py": "class Note: pass",
}


def run(mount: MakeMount, code: str, extra: dict[str, str] | None = None) -> Any:
    return run_app(mount, code, {**PACKAGE, **(extra or {})})


@pytest.mark.parametrize(
    ("statement", "expression", "expected"),
    [
        ("import models", "models.__name__", "mounts.notes.models"),
        ("import models as m", "m.__name__", "mounts.notes.models"),
        ("import shop", "shop.__name__", "mounts.notes.shop"),
        ("import shop.cart.lines", "shop.__name__", "mounts.notes.shop"),
        ("import shop.cart.lines", "shop.cart.lines.COUNT", 7),
        ("import shop.cart.lines as c", "c.COUNT", 7),
        ("from shop import cart", "cart.TOTAL", 3),
        ("from shop.cart import lines as c", "c.COUNT", 7),
        ("from shop.cart.lines import COUNT as n", "n", 7),
        ("from . import models", "models.__name__", "mounts.notes.models"),
        ("from .shop.cart import lines", "lines.COUNT", 7),
        ("from .models import Note", "Note.__module__", "mounts.notes.models"),
        ("import json, models", "json.__name__", "json"),
        ("import os.path as p", "p.join('a', 'b')", "a/b"),
        ("from xml.dom import minidom", "minidom.__name__", "xml.dom.minidom"),
    ],
)
def test_a_statement_binds_what_it_binds_elsewhere(
    mount: MakeMount, statement: str, expression: str, expected: object
) -> None:
    assert run(mount, f"{statement}\nvalue = {expression}").value == expected


def test_a_star_import_takes_public_names(mount: MakeMount) -> None:
    app = run(mount, "from names import *", {"names.py": "a = 1\n_b = 2"})
    assert app.a == 1
    assert not hasattr(app, "_b")


def test_a_star_import_follows_all_and_imports_its_submodules(mount: MakeMount) -> None:
    extra = {
        "names/__init__.py": "__all__ = ['_b', 'sub']\n_b = 2\nc = 3",
        "names/sub.py": "deep = 4",
    }
    app = run(mount, "from names import *", extra)
    assert (app._b, app.sub.deep) == (2, 4)
    assert not hasattr(app, "c")


def test_the_module_knows_who_it_is(mount: MakeMount) -> None:
    lines = run(mount, "import shop.cart.lines").shop.cart.lines
    assert lines.__name__ == "mounts.notes.shop.cart.lines"
    assert lines.__package__ == "mounts.notes.shop.cart"
    assert lines.__spec__.name == lines.__name__
    assert lines.__spec__.parent == lines.__package__
    assert lines.__spec__.loader is lines.__loader__
    assert lines.__spec__.origin == lines.__file__
    assert sys.modules[lines.__name__] is lines


def test_a_lazy_import_works_in_a_function_and_in_a_thread(mount: MakeMount) -> None:
    app = run(mount, "def lazy():\n    import shop.cart.lines as c\n    return c.COUNT")
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(app.lazy()))
    thread.start()
    thread.join()
    assert [*seen, app.lazy()] == [7, 7]


def test_modules_may_import_each_other(mount: MakeMount) -> None:
    extra = {
        "first.py": "import second\nname = 'first'\nfrom second import name as other",
        "second.py": "import first\nname = 'second'\ndef ask(): return first.name",
    }
    app = run(mount, "import first, second", extra)
    assert app.first.other == "second"
    assert app.second.ask() == "first"


def test_a_namespace_package_has_its_parts_imported(mount: MakeMount) -> None:
    app = run(mount, "import parts.one\nimport parts", {"parts/one.py": "N = 1"})
    assert app.parts.one.N == 1
    assert app.parts.__name__ == "mounts.notes.parts"
    assert list(app.parts.__path__) == [str(app.__file__).replace("app.py", "parts")]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("__import__('models')", ".models"),
        ("__import__(name='models')", ".models"),
        ("__import__('shop.cart.lines')", ".shop"),
        ("__import__('shop.cart', fromlist=['lines'])", ".shop.cart"),
        ("__import__('shop.cart', globals(), locals(), ('lines',), 0)", ".shop.cart"),
        ("__import__('shop.cart', None, None, [], 0)", ".shop"),
        ("__import__('lines', vars(cart), level=1)", ".shop.cart.lines"),
        ("__import__('models', globals(), None, (), 1)", ".models"),
        ("__import__('', globals(), None, ('models',), 1)", ""),
    ],
)
def test_the_import_function_may_be_called(
    mount: MakeMount, call: str, expected: str
) -> None:
    app = run(mount, f"from shop import cart\nfound = {call}")
    assert app.found.__name__ == f"mounts.notes{expected}"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("__import__('')", ValueError),
        ("__import__(7)", TypeError),
        ("__import__('models', level=-1)", ValueError),
        ("__import__('no_such_module')", ModuleNotFoundError),
        ("__import__('x', {'__package__': ''}, level=1)", ImportError),
    ],
)
def test_a_wrong_call_raises_what_it_raises_elsewhere(
    mount: MakeMount, call: str, error: type[Exception]
) -> None:
    app = run(mount, f"def call(): return {call}")
    with pytest.raises(error) as caught:
        app.call()
    with pytest.raises(error) as plain:
        eval(call)
    assert str(caught.value) == str(plain.value)


def test_two_mounts_have_modules_of_the_same_name(mount: MakeMount) -> None:
    apps = [
        mount({"app.py": "import models", "models.py": f"N = {n}"}, name).import_module(
            "app"
        )
        for n, name in enumerate(["notes", "links"])
    ]
    assert [app.models.N for app in apps] == [0, 1]
    assert apps[0].models is not apps[1].models


def test_a_failed_import_leaves_nothing_behind(mount: MakeMount) -> None:
    bad = {"bad/__init__.py": "import models\nfrom bad.worse import x"}
    extra = {**bad, "bad/worse.py": "x = 1\nraise RuntimeError('half done')"}
    app = run(mount, "def go():\n    import bad\n    return bad", extra)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="half done"):
            app.go()
        assert "mounts.notes.bad" not in sys.modules
        assert "mounts.notes.bad.worse" not in sys.modules
        assert not hasattr(sys.modules["mounts.notes"], "bad")
    folder = app.__file__.removesuffix("app.py")
    with open(f"{folder}bad/worse.py", "w") as file:
        file.write("x = 1")
    assert app.go().x == 1


def test_a_syntax_error_names_file_and_line(mount: MakeMount) -> None:
    app = run(mount, "def go():\n    import bad", {"bad.py": "x = 1\ny = (\n"})
    with pytest.raises(SyntaxError) as caught:
        app.go()
    assert caught.value.filename == app.__file__.replace("app.py", "bad.py")
    assert caught.value.lineno == 2
    assert "mounts.notes.bad" not in sys.modules


@pytest.mark.parametrize("asked", ["shop.missing", "shop.missing.deeper"])
@pytest.mark.parametrize("form", ["import {}", "from {} import x"])
def test_a_missing_module_is_named_as_it_was_asked_for(
    mount: MakeMount, form: str, asked: str
) -> None:
    app = run(mount, f"def go():\n    {form.format(asked)}")
    with pytest.raises(ModuleNotFoundError) as caught:
        app.go()
    assert caught.value.name == "shop.missing"
    assert str(caught.value) == "No module named 'shop.missing'"


def test_an_error_from_within_keeps_its_own_name(mount: MakeMount) -> None:
    extra = {"outer.py": "import inner", "inner.py": "from . import absent_\nimport xx"}
    app = run(mount, "def go():\n    import outer", extra | {"absent_.py": "import yy"})
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'yy'$"):
        app.go()


def test_threads_that_import_at_once_get_one_module(mount: MakeMount) -> None:
    slow = "import time\ntime.sleep(0.05)\nruns = []\nruns.append(1)\nready = True"
    code = "def go():\n    import slow\n    return slow, slow.ready, slow.runs"
    app = run(mount, code, {"slow.py": slow})
    with ThreadPoolExecutor(8) as pool:
        results = [
            future.result() for future in [pool.submit(app.go) for _ in range(8)]
        ]
    assert len({id(module) for module, _, _ in results}) == 1
    assert all(ready and runs == [1] for _, ready, runs in results)


def test_threads_that_import_in_a_circle_do_not_wait_for_ever(
    mount: MakeMount,
) -> None:
    circle = "import time\ntime.sleep(0.02)\nimport {}\ndone = True"
    extra = {"left.py": circle.format("right"), "right.py": circle.format("left")}
    code = "def left():\n    import left\n    return left\n"
    app = run(mount, code + code.replace("left", "right"), extra)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(app.left), pool.submit(app.right)]
        assert all(future.result(timeout=10).done for future in futures)


def test_a_module_may_replace_itself(mount: MakeMount) -> None:
    extra = {"odd.py": "import sys\nclass Odd: n = 5\nsys.modules[__name__] = Odd()"}
    assert run(mount, "import odd\nfrom odd import n", extra).odd.n == 5


def test_reload_executes_the_changed_source(mount: MakeMount) -> None:
    app = run(mount, "import state", {"state.py": "import models\nn = 1"})
    before = app.state
    with open(before.__file__, "w") as file:
        file.write("import models\nn = 2")
    assert importlib.reload(before) is before
    assert before.n == 2
    assert before.models is sys.modules["mounts.notes.models"]


def test_a_file_written_later_is_found(mount: MakeMount) -> None:
    app = run(mount, "def go():\n    import later\n    return later.n")
    with pytest.raises(ModuleNotFoundError, match="No module named 'later'"):
        app.go()
    with open(app.__file__.replace("app.py", "later.py"), "w") as file:
        file.write("n = 9")
    importlib.invalidate_caches()
    assert app.go() == 9


def test_a_file_that_was_missing_and_is_written_then(mount: MakeMount) -> None:
    app = run(mount, "import sys\ndef go():\n    import made\n    return made.n")
    with pytest.raises(ModuleNotFoundError):
        app.go()
    folder = app.__file__.removesuffix("app.py")
    with open(f"{folder}made.py", "w") as file:
        file.write("n = 9")
    # The path-based finder goes by the folder's time of change.
    os.utime(folder, (0, 0))
    assert app.go() == 9
