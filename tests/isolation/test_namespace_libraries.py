"""What the standard library does with modules, done with a mount's."""

from __future__ import annotations

import copy
import importlib.resources
import inspect
import linecache
import pickle
import pkgutil
import sys
import traceback
import typing
from pathlib import Path

import pytest
from isolation_support import MakeMount, run


def test_dataclasses_and_type_hints_with_string_annotations(mount: MakeMount) -> None:
    code = """
from __future__ import annotations
import dataclasses, typing
from typing import TYPE_CHECKING, NamedTuple
import models
if TYPE_CHECKING:
    from nowhere_at_all import Absent

@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    note: models.Note
    later: list[Order] = dataclasses.field(default_factory=list)
    count: typing.ClassVar[int] = 0
    def check(self, thing: Absent) -> None: ...

class Order(NamedTuple):
    line: Line
"""
    app = run(mount, code, {"models.py": "class Note: pass"})
    note = app.models.Note
    hints = typing.get_type_hints(app.Line)
    assert hints["note"] is note
    assert typing.get_args(hints["later"]) == (app.Order,)
    line = app.Line(note())
    assert app.dataclasses.replace(line, later=[app.Order(line)]).later[0].line == line
    assert [field.name for field in app.dataclasses.fields(line)] == ["note", "later"]


def test_pickle_and_copy(mount: MakeMount) -> None:
    code = """
import enum
class Colour(enum.Enum):
    RED = 1
class Note:
    class Inner:
        pass
    def __init__(self): self.colour, self.inner = Colour.RED, Note.Inner()
def function(): pass
"""
    app = run(mount, code)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        note = pickle.loads(pickle.dumps(app.Note(), protocol))
        assert type(note) is app.Note
        assert type(note.inner) is app.Note.Inner
        assert note.colour is app.Colour.RED
        assert pickle.loads(pickle.dumps(app.function, protocol)) is app.function
    assert type(copy.deepcopy(note)) is app.Note


def test_inspect_finds_the_source(mount: MakeMount) -> None:
    app = run(mount, "x = 1\ndef f():\n    return x\nclass C:\n    y = 2\n")
    assert inspect.getsource(app.f) == "def f():\n    return x\n"
    assert inspect.getsource(app.C) == "class C:\n    y = 2\n"
    assert inspect.getsource(app).startswith("x = 1")
    assert inspect.getfile(app.C) == app.__file__
    assert app.__loader__.get_source(app.__name__).startswith("x = 1")
    linecache.clearcache()
    assert linecache.getline(app.__file__, 2, vars(app)) == "def f():\n"
    assert inspect.getmodule(app.f) is app


def test_resources_of_packages_of_both_kinds(mount: MakeMount) -> None:
    code = """
import importlib.resources, pkgutil
import shop, parts
def texts():
    return [
        importlib.resources.files(shop).joinpath("a.txt").read_text(),
        importlib.resources.files("shop.deep").joinpath("b.txt").read_text(),
        importlib.resources.files("parts").joinpath("c.txt").read_text(),
        importlib.resources.files(shop.__name__).joinpath("a.txt").read_text(),
        pkgutil.get_data(shop.__name__, "a.txt").decode(),
        pkgutil.get_data("shop.deep", "b.txt").decode(),
        shop.here(),
    ]
"""
    here = "from importlib.resources import files\ndef here(): "
    extra = {
        "shop/__init__.py": f"{here}return files(__package__).name",
        "shop/a.txt": "A",
        "shop/deep/__init__.py": "",
        "shop/deep/b.txt": "B",
        "parts/c.txt": "C",
    }
    app = run(mount, code, extra)
    assert app.texts() == ["A", "B", "C", "A", "A", "B", "shop"]
    deep = app.importlib.import_module("mounts.notes.shop.deep")
    assert sys.modules["mounts.notes.shop"].deep is deep
    found = importlib.resources.files("mounts.notes.shop").joinpath("a.txt")
    assert found.read_text() == "A"


def test_pkgutil_lists_and_walks_packages(mount: MakeMount) -> None:
    namespace = mount(
        {
            "shop/__init__.py": "",
            "shop/b.py": "",
            "shop/c/__init__.py": "",
            "shop/c/d.py": "found = True",
            "app.py": "",
        }
    )
    shop = namespace.import_module("shop")
    assert [m.name for m in pkgutil.iter_modules(shop.__path__)] == ["b", "c"]
    walked = [m.name for m in pkgutil.walk_packages(shop.__path__, f"{shop.__name__}.")]
    assert walked == [f"mounts.notes.shop.{name}" for name in ("b", "c", "c.d")]
    top = sys.modules["mounts.notes"].__path__
    assert [m.name for m in pkgutil.iter_modules(top)] == ["app", "shop"]


def test_module_getattr_and_dir(mount: MakeMount) -> None:
    extra = {
        "lazy.py": "def __getattr__(name):\n"
        "    if name == 'heavy':\n        import heavy\n        return heavy.load()\n"
        "    raise AttributeError(name)\ndef __dir__(): return ['heavy']",
        "heavy.py": "def load(): return 'loaded'",
    }
    app = run(
        mount,
        "import lazy\ndef go():\n    from lazy import heavy\n    return heavy",
        extra,
    )
    assert app.go() == "loaded"
    assert dir(app.lazy) == ["heavy"]
    with pytest.raises(AttributeError, match="absent"):
        _ = app.lazy.absent


def test_what_sys_modules_holds(mount: MakeMount) -> None:
    code = """
import sys, models
me = sys.modules[__name__]
plain = sys.modules.get("models")
class Fake: pass
sys.modules["made_by_hand"] = Fake
import made_by_hand
del sys.modules["made_by_hand"]
"""
    app = run(mount, code, {"models.py": ""})
    assert app.me is app
    assert app.plain is app.models
    assert sys.modules[app.models.__name__] is app.models
    assert app.made_by_hand is app.Fake


def test_a_traceback_shows_the_mounts_lines(mount: MakeMount) -> None:
    extra = {"deep.py": "def boom():\n    raise KeyError('lost')\nboom()\n"}
    app = run(mount, "def go():\n    import deep\n", extra)
    with pytest.raises(KeyError) as caught:
        app.go()
    folder = Path(app.__file__).parent
    frames = [
        (Path(frame.filename).name, frame.lineno, frame.line)
        for frame in traceback.extract_tb(caught.value.__traceback__)
        if Path(frame.filename).parent == folder
    ]
    assert frames == [
        ("app.py", 2, "import deep"),
        ("deep.py", 3, "boom()"),
        ("deep.py", 2, "raise KeyError('lost')"),
    ]
    # As for an ordinary import, nothing of the import system itself is shown.
    text = "".join(traceback.format_exception(caught.value))
    assert "importlib" not in text


def test_main_is_not_the_mounts_name(mount: MakeMount) -> None:
    app = run(mount, "ran = False\nif __name__ == '__main__':\n    ran = True")
    assert not app.ran


def test_generated_code_imports_as_its_module_does(mount: MakeMount) -> None:
    code = """
import collections, functools, types
source = "def made():\\n    import models\\n    return models.n\\n"
exec(compile(source, "<made>", "exec"))
again = types.FunctionType(made.__code__, globals())
@functools.lru_cache
def cached():
    import models
    return models.n
async def awaited():
    import models
    return models.n
def steps():
    import models
    yield models.n
"""
    app = run(mount, code, {"models.py": "n = 4"})
    coroutine = app.awaited()
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    results = [app.made(), app.again(), app.cached(), *app.steps(), stopped.value.value]
    assert results == [4] * 5


def test_the_type_of_modules_may_be_taken_from_sys(mount: MakeMount) -> None:
    code = """
import sys

class Lazy(type(sys)):
    @property
    def answer(self):
        return 42

made = type(sys)("made", "its text")
sys.modules[__name__].__class__ = Lazy
me = sys.modules[__name__]
kinds = isinstance(me, type(sys)), isinstance(1, type(sys)), issubclass(Lazy, type(sys))
sys.ps9 = "prompt"
"""
    app = run(mount, code)
    try:
        assert (app.answer, app.me.answer) == (42, 42)
        assert "answer" in dir(type(app))
        assert sorted(vars(app)) == sorted(app.__dict__)
        assert type(app).__mro__[1] is type(sys)
        assert type(app.made) is type(sys)
        assert (app.made.__name__, app.made.__doc__) == ("made", "its text")
        assert app.kinds == (True, False, True)
        assert app.sys is not sys
        assert vars(sys)["ps9"] == "prompt"
    finally:
        del vars(sys)["ps9"]
