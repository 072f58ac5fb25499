"""What a namespace leaves when it is closed."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from isolation_support import MakeMount, write

from gateway.isolation.modules import Namespace
from gateway.isolation.private_member import NamespaceError, current_namespace

FILES = {
    "app.py": """
import models, shop.cart
def loaded():
    import models, shop.cart as cart
    from shop import cart as again
    from . import models as relative
    import shop
    assert cart is again is shop.cart and relative is models
    return models
def late():
    import fresh
    from shop.extra import n
    return fresh, n
def absent():
    import no_such_module
def standard():
    import json
    return json
def by_name(name):
    from importlib import import_module
    return import_module(name)
""",
    "models.py": "class Note: pass",
    "shop/__init__.py": "",
    "shop/cart.py": "",
    "shop/extra.py": "n = 2",
    "fresh.py": "import models\nfrom shop import cart",
}


def test_closing_takes_everything_out_of_sys_modules(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    Namespace("warm-up", tmp_path).close()
    before = set(sys.modules)
    with opened(tmp_path) as namespace:
        namespace.import_module("app")
        assert set(sys.modules) - before == {
            "mounts.notes",
            *(f"mounts.notes.{name}" for name in namespace.modules()),
        }
        assert sys.modules["mounts"].notes is sys.modules["mounts.notes"]
    namespace.close()
    assert set(sys.modules) == before
    assert not hasattr(sys.modules["mounts"], "notes")
    assert set(namespace.modules()) == {"app", "models", "shop", "shop.cart"}


@contextmanager
def opened(folder: Path, generation: int | None = None) -> Iterator[Namespace]:
    namespace = Namespace("notes", folder, generation=generation)
    try:
        yield namespace
    finally:
        namespace.close()


def test_code_that_still_runs_may_take_modules_out_while_it_is_closed(
    tmp_path: Path,
) -> None:
    class Running(str):
        """A module's name that does what a thread would do in between."""

        def startswith(self, *args: Any) -> bool:
            sys.modules.pop("mounts.notes.models", None)
            return super().startswith(*args)

    write(tmp_path, FILES)
    with opened(tmp_path) as notes:
        app = notes.import_module("app")
        models = sys.modules.pop("mounts.notes.models")
        sys.modules[Running("mounts.notes.made")] = app
        sys.modules["mounts.notes.models"] = models
        notes.close()
    assert not [name for name in sys.modules if name.startswith("mounts.notes")]


def test_old_code_keeps_its_modules(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    with opened(tmp_path, 1) as old:
        app = old.import_module("app")
    with opened(tmp_path, 2) as new:
        assert new.import_module("app").loaded() is new.modules()["models"]
        assert app.loaded() is app.models
        assert app.by_name("models") is app.models
        assert app.models is not new.modules()["models"]


def test_old_code_imports_late_beside_the_new_one(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    with opened(tmp_path, 1) as old:
        app = old.import_module("app")
    with opened(tmp_path, 2) as new:
        before = set(sys.modules)
        fresh, n = app.late()
        assert (fresh.models, fresh.cart, n) == (app.models, app.shop.cart, 2)
        assert app.late() == (fresh, n)
        assert app.standard() is sys.modules["json"]
        with pytest.raises(ModuleNotFoundError, match="'no_such_module'"):
            app.absent()
        assert set(sys.modules) - before <= {"json"}
        assert "fresh" not in new.modules()
        assert "fresh" in old.modules()


def test_old_code_never_gets_modules_of_a_successor_in_its_place(
    tmp_path: Path,
) -> None:
    write(tmp_path, FILES)
    with opened(tmp_path) as old:
        app = old.import_module("app")
    with opened(tmp_path) as new:
        assert new.package == old.package
        new.import_module("fresh")
        assert app.loaded() is app.models
        with pytest.raises(NamespaceError, match="notes' is in use by another"):
            app.late()
        assert isinstance(NamespaceError(), ImportError)
    assert app.late()[0].models is app.models


def test_threads_of_old_code_import_late_at_once(tmp_path: Path) -> None:
    write(tmp_path, FILES | {"fresh.py": "import time\ntime.sleep(0.05)\ndone = True"})
    with opened(tmp_path, 1) as old:
        app = old.import_module("app")
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(app.late()[0])) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len({id(module) for module in found}) == 1
    assert not [name for name in sys.modules if name.startswith("mounts.")]


def test_nothing_keeps_a_closed_namespace_alive(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    with opened(tmp_path) as namespace:
        app = namespace.import_module("app")
    app.late()
    everything: list[object] = [namespace, app, app.models.Note]
    dead = [weakref.ref(each) for each in everything]
    everything.clear()
    del app, namespace
    gc.collect()
    assert [reference() for reference in dead] == [None, None, None]


def test_hundreds_of_generations_leave_nothing(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    sizes = []
    for generation in range(1, 301):
        with opened(tmp_path, generation) as namespace:
            namespace.import_module("app").late()
        if generation % 100 == 0:
            del namespace
            gc.collect()
            sizes.append((len(sys.modules), len(gc.get_objects())))
    assert {modules for modules, _ in sizes} == {sizes[0][0]}
    assert abs(sizes[2][1] - sizes[1][1]) < 50


def test_the_current_namespace_is_the_innermost(mount: MakeMount) -> None:
    outer, inner = mount({}), mount({}, "links")
    assert current_namespace.get() is None
    with outer.active():
        with inner.active():
            assert current_namespace.get() is inner
        assert current_namespace.get() is outer
        with pytest.raises(ZeroDivisionError), inner.active():
            raise ZeroDivisionError
        assert current_namespace.get() is outer
    assert current_namespace.get() is None


def test_the_repr_says_which_and_whether_it_is_open(tmp_path: Path) -> None:
    with opened(tmp_path) as namespace:
        assert repr(namespace) == f"<Namespace 'mounts.notes' of {str(tmp_path)!r}>"
    assert repr(namespace).endswith(" closed>")


def test_a_relative_path_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"apps/notes/models.py": ""})
    monkeypatch.chdir(tmp_path)
    namespace = Namespace("notes", "apps/notes")
    monkeypatch.undo()
    models = namespace.import_module("models")
    namespace.close()
    assert models.__file__ == str(tmp_path / "apps" / "notes" / "models.py")
