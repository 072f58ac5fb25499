"""Libraries that a mount has for itself, from its own virtual environment."""

from __future__ import annotations

import builtins
import dataclasses
import gc
import importlib
import importlib.util
import inspect
import json
import logging
import sys
import textwrap
import threading
import typing
import warnings
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from isolation_support import MakeEnvironment, MakeMount, metadata, write

from gateway.isolation.modules import Namespace
from gateway.isolation.private_member import NamespaceError

PARCEL = {
    "parcel/__init__.py": """
        import sys
        from parcel import core
        from .core import Box
        version = "own"
        """,
    "parcel/core.py": "import parcel\nclass Box: pass\ndef me(): return __name__",
    "parcel/extra.py": "loaded = True",
    "parcel/data.txt": "text",
    "single.py": "import parcel",
}


@pytest.fixture
def notes(mount: MakeMount, environment: MakeEnvironment) -> Namespace:
    files = {"app.py": "import parcel, single", "models.py": "name = 'notes'"}
    return mount(files, environment=environment(PARCEL))


def evaluate(namespace: Namespace, code: str, *imports: str) -> Any:
    """Evaluate *code* as a module of the mount would."""
    scope: dict[str, Any] = {"__builtins__": namespace.builtins.live}
    with namespace.active():
        exec("\n".join(f"import {name}" for name in imports), scope)
        return eval(code, scope)


def test_a_library_is_the_mounts_own(notes: Namespace, library: Path) -> None:
    write(library, {"parcel/__init__.py": "version = 'process'"})
    app = notes.import_module("app")
    process_s: Any = importlib.import_module("parcel")
    assert (app.parcel.version, process_s.version) == ("own", "process")
    assert app.parcel is app.single.parcel is app.parcel.core.parcel
    assert app.parcel.core.me() == f"{app.parcel.__name__}.core"
    assert sys.modules[app.parcel.__name__] is app.parcel
    assert not hasattr(sys.modules["mounts.notes"], "parcel")
    assert notes.owns("parcel")


def test_two_mounts_have_two_versions(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    apps = [
        mount(
            {"app.py": "import parcel, late_user"},
            name,
            environment=environment(
                {
                    "parcel.py": f"version = {version}",
                    "late_user.py": "def go():\n    import parcel\n    return parcel",
                }
            ),
        ).import_module("app")
        for version, name in enumerate(["notes", "links"], 1)
    ]
    assert [app.parcel.version for app in apps] == [1, 2]
    assert [app.late_user.go().version for app in apps] == [1, 2]


def test_by_its_full_name_a_library_is_found_too(notes: Namespace) -> None:
    app = notes.import_module("app")
    box = importlib.import_module("mounts.notes.parcel.core").Box
    assert box is app.parcel.Box
    assert importlib.import_module("mounts.notes.parcel").version == "own"
    assert notes.modules().keys() >= {"app"}
    notes.close()
    assert "mounts.notes.parcel" not in sys.modules


# What comes first


def test_the_mounts_own_folder_comes_before_its_environment(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    made = environment(PARCEL)
    namespace = mount({"parcel.py": "version = 'mine'"}, environment=made)
    assert namespace.import_module("parcel").version == "mine"
    # A library's own import statements get the library.
    assert namespace.import_module("single").parcel.version == "own"
    # And its strings what the mount's strings name.
    code = "importlib.import_module('parcel').version"
    assert evaluate(namespace, code, "importlib") == "mine"


def test_the_standard_library_stays_shared(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    made = environment({"json.py": "", "dataclasses.py": "", "gateway.py": ""})
    namespace = mount({"app.py": "import json, dataclasses"}, environment=made)
    app = namespace.import_module("app")
    assert (app.json, app.dataclasses) == (json, dataclasses)
    assert not namespace.owns("gateway")


def test_what_the_environment_lacks_is_the_processs(
    mount: MakeMount, environment: MakeEnvironment, library: Path
) -> None:
    write(library, {"widely_used.py": "", "chosen.py": ""})
    made = environment({"parcel.py": "import widely_used, json", "chosen.py": ""})
    namespace = mount(
        {"app.py": "import parcel, chosen, logging"},
        environment=made,
        shared=["chosen"],
    )
    app = namespace.import_module("app")
    assert app.parcel.widely_used is sys.modules["widely_used"]
    assert app.chosen is sys.modules["chosen"]
    assert namespace.borrowed() == ("widely_used",)


def test_a_mount_without_an_environment_borrows_nothing(mount: MakeMount) -> None:
    namespace = mount({"app.py": "import flask"})
    namespace.import_module("app")
    assert namespace.borrowed() == ()


def test_a_namespace_package_may_have_parts_in_both(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    made = environment({"acme/core.py": "n = 1", "solid/__init__.py": "n = 2"})
    files = {"acme/app.py": "from acme import core", "solid/data.txt": ""}
    namespace = mount(files, environment=made)
    assert namespace.import_module("acme.app").core.n == 1
    importlib.invalidate_caches()
    assert namespace.import_module("acme.core").__name__ == "mounts.notes.acme.core"
    assert namespace.import_module("solid").n == 2


def test_editable_libraries_are_found(
    mount: MakeMount, environment: MakeEnvironment, tmp_path: Path
) -> None:
    write(tmp_path, {"source/edited.py": "n = 1"})
    made = environment({"__editable__.edited.pth": str(tmp_path / "source")})
    assert mount({}, environment=made).import_module("edited").n == 1


# How libraries look names up


LOOKUPS = [
    "sys.modules['parcel'] is parcel",
    "sys.modules['parcel.core'] is parcel.core",
    "sys.modules.get('parcel.absent') is None",
    "'parcel' in sys.modules and 'absent' not in sys.modules",
    "importlib.import_module('parcel.core') is parcel.core",
    "importlib.import_module('.core', 'parcel') is parcel.core",
    "__import__('parcel.core') is parcel",
    "builtins.__import__('parcel.core') is parcel",
    "importlib.util.find_spec('parcel.extra').name == parcel.__name__ + '.extra'",
    "importlib.resources.files('parcel').joinpath('data.txt').read_text() == 'text'",
    "importlib.resources.files(parcel).joinpath('data.txt').read_text() == 'text'",
    "pkgutil.get_data('parcel', 'data.txt') == b'text'",
    "pkgutil.resolve_name('parcel.core:Box') is parcel.Box",
    "[m.name for m in pkgutil.iter_modules(parcel.__path__)] == ['core', 'extra']",
    "importlib.import_module('models').name == 'notes'",
    "__import__('models').name == 'notes'",
    "sys.modules['models'].name == 'notes'",
    "sys.modules[__name__].__name__ == __name__",
    "pickle.loads(pickle.dumps(parcel.Box())).__class__ is parcel.Box",
    "pickle.loads(b'cparcel.core\\nBox\\n.') is parcel.Box",
    "typing.get_type_hints(Held)['box'] is parcel.Box",
    "inspect.getsource(Held).startswith('@dataclasses')",
    "inspect.getmodule(Held).__name__ == __name__",
]


@pytest.mark.parametrize("expression", LOOKUPS)
def test_a_library_finds_its_own_modules(
    mount: MakeMount, environment: MakeEnvironment, expression: str
) -> None:
    code = f"""
from __future__ import annotations
import builtins, dataclasses, importlib, importlib.resources, importlib.util, inspect
import pickle, pkgutil, sys, typing
import parcel

@dataclasses.dataclass
class Held:
    box: parcel.Box

def found():
    return {expression}
"""
    files = {"app.py": "import models, asker", "models.py": "name = 'notes'"}
    made = environment({**PARCEL, "asker.py": code})
    namespace = mount(files, environment=made)
    namespace.import_module("app")
    asker: Any = namespace.import_module("asker")
    assert asker.__name__ == "mounts.notes+venv.asker"
    with namespace.active():
        assert asker.found() is True
    # Outside of any request too: the library is this mount's.
    assert asker.found() is True


def test_sys_modules_is_a_mapping_of_what_the_mount_sees(
    mount: MakeMount, environment: MakeEnvironment, library: Path
) -> None:
    write(library, {"parcel/__init__.py": "", "parcel/hidden.py": ""})
    importlib.import_module("parcel.hidden")
    code = "import sys, parcel, models\ndef view(): return sys.modules"
    files = {"app.py": code, "models.py": ""}
    app: Any = mount(files, environment=environment(PARCEL)).import_module("app")
    view = app.view()
    assert dict(view)["parcel"] is app.parcel
    assert dict(view)["models"] is view["mounts.notes.models"] is app.models
    assert {"parcel.core", "json", "app"} <= set(view)
    assert "parcel.hidden" not in view
    assert "parcel.hidden" not in set(view)
    assert len(view) == len(set(view))
    fake = ModuleType("fake")
    view["parcel.made"] = view["made_for_all"] = fake
    assert sys.modules[f"{app.parcel.__name__}.made"] is fake
    assert sys.modules["made_for_all"] is fake
    assert view.pop("parcel.made") is view.pop("made_for_all") is fake
    assert "made_for_all" not in sys.modules
    for gone in ("parcel.made", "made_for_all"):
        with pytest.raises(KeyError, match=gone):
            del view[gone]
        with pytest.raises(KeyError, match=gone):
            view[gone]


def test_the_rest_of_sys_is_the_interpreters(
    mount: MakeMount, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
    import sys
    def set_it(): sys.gateway_test = 1
    def delete(): del sys.gateway_test
    modules = sys.modules
    """
    app: Any = mount({"app.py": code}).import_module("app")
    assert app.sys is not sys
    assert app.sys.path is sys.path
    assert vars(app.sys) is vars(sys)
    assert dir(app.sys) == dir(sys)
    assert repr(app.sys) == repr(sys)
    app.set_it()
    assert sys.gateway_test == 1  # type: ignore[attr-defined]
    app.delete()
    assert not hasattr(sys, "gateway_test")
    with pytest.raises(AttributeError):
        app.delete()


def test_code_that_does_not_speak_of_modules_has_sys_itself(mount: MakeMount) -> None:
    code = """
    import sys
    def plain():
        import sys
        return sys
    def told():
        import sys
        return sys, sys.modules
    """
    app: Any = mount({"app.py": code, "b.py": "import sys"}).import_module("app")
    assert app.plain() is sys
    assert app.told()[1] is app.sys.modules
    assert mount({"b.py": "import sys, builtins"}).import_module("b").sys is sys


def test_a_name_is_extended_over_all_its_folders(
    mount: MakeMount, environment: MakeEnvironment, tmp_path: Path
) -> None:
    extend = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)"
    write(tmp_path, {"more/plugins/__init__.py": extend, "more/plugins/b.py": "n = 2"})
    made = environment(
        {
            "plugins/__init__.py": extend,
            "plugins/a.py": "n = 1",
            "more.pth": str(tmp_path / "more"),
        }
    )
    namespace = mount({"app.py": "from plugins import a, b"}, environment=made)
    app = namespace.import_module("app")
    assert (app.a.n, app.b.n) == (1, 2)


def test_lazy_attributes_and_submodules(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    lazy = """
        import importlib
        def __getattr__(name):
            if name == "heavy":
                return importlib.import_module(f"{__name__}.heavy")
            if name == "by_hand":
                return importlib.import_module("lazy.heavy")
            raise AttributeError(name)
        """
    made = environment({"lazy/__init__.py": lazy, "lazy/heavy.py": "n = 1"})
    code = "import lazy\nfrom lazy import heavy\nagain = lazy.by_hand"
    app = mount({"app.py": code}, environment=made).import_module("app")
    assert app.again is app.heavy is app.lazy.heavy


def test_warnings_name_the_line_of_the_mount(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    made = environment(
        {
            "old.py": "import warnings\ndef go():\n"
            "    warnings.warn('gone soon', DeprecationWarning, stacklevel=2)"
        }
    )
    app: Any = mount(
        {"app.py": "import old\ndef go():\n    old.go()"}, environment=made
    ).import_module("app")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        app.go()
    assert caught[0].filename == app.__file__


def test_a_library_in_a_thread_of_its_own_finds_the_mount(notes: Namespace) -> None:
    code = "def go(): return importlib.import_module('models')"
    core = notes.import_module("parcel.core")
    exec(f"import importlib\n{code}", vars(core))
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(core.go()))
    thread.start()
    thread.join()
    assert found[0].name == "notes"


def test_import_string_of_a_private_copy(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    import werkzeug.utils

    source = inspect.getsource(werkzeug.utils.import_string)
    utils = f"from __future__ import annotations\nimport sys, typing as t\n{source}"
    made = environment({"werkzeug/__init__.py": "", "werkzeug/utils.py": utils})
    code = "from werkzeug.utils import import_string"
    files = {"app.py": code, "config.py": "class Production: level = 3"}
    app: Any = mount(files, environment=made).import_module("app")
    assert app.import_string("config.Production").level == 3
    assert app.import_string("config:Production").level == 3
    assert app.import_string("werkzeug.utils").__name__.startswith("mounts.notes+venv.")
    assert app.import_string is not werkzeug.utils.import_string


# Which distributions there are

ASKER = """
import importlib.metadata as md
def version(name): return md.version(name)
def names(): return {found.metadata["Name"] for found in md.distributions()}
def load(group): return plugins(group)["own"].load()
def plugins(group): return {point.name: point for point in md.entry_points(group=group)}
"""


def test_distributions_are_those_of_the_environment(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    points = "[gateway.tests]\nown = plugin:Own\n[console_scripts]\nx = plugin:go\n"
    made = environment(
        {
            "asker.py": ASKER,
            "plugin.py": "class Own: pass",
            **metadata("Flask", "2.0.9", points),
        }
    )
    namespace = mount({"app.py": f"{ASKER}\nimport asker"}, environment=made)
    app: Any = namespace.import_module("app")
    for asker in (app, app.asker):
        assert asker.version("flask") == "2.0.9"
        assert asker.names() == {"Flask", "made"}
        assert asker.load("gateway.tests") is namespace.import_module("plugin").Own
        # What the environment lacks is the process's, and so is its version.
        assert asker.version("pytest") == pytest.__version__
        assert asker.plugins("pytest11") == {}
    assert importlib.metadata.version("flask") != "2.0.9"
    assert "pytest" in {
        found.metadata["Name"] for found in importlib.metadata.distributions()
    }


def test_a_shared_library_has_the_version_that_the_process_has(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    made = environment({"flask/__init__.py": "", **metadata("Flask", "2.0.9")})
    code = f"{ASKER}\nimport flask"
    namespace = mount({"app.py": code}, environment=made, shared=["flask"])
    app: Any = namespace.import_module("app")
    assert app.flask is sys.modules["flask"]
    assert app.version("flask") == importlib.metadata.version("flask")


def test_a_distribution_in_the_mounts_folder_is_found(mount: MakeMount) -> None:
    app: Any = mount({"app.py": ASKER, **metadata("notes", "7.1")}).import_module("app")
    assert app.version("notes") == "7.1"
    assert app.version("flask") == importlib.metadata.version("flask")
    assert "Flask" in {name.title() for name in app.names()}
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("notes")


def test_a_path_that_is_given_is_searched(mount: MakeMount, tmp_path: Path) -> None:
    code = "import importlib.metadata as md\n"
    code += "def go(path): return list(md.distributions(path=[path]))"
    app: Any = mount({"app.py": code}).import_module("app")
    assert app.go(str(tmp_path)) == []


# From one generation to the next


def test_libraries_survive_a_reload_of_the_source(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    made = environment({**PARCEL, "asker.py": "def go():\n    import models\n    "})
    files = {"app.py": "import parcel, models", "models.py": "n = 1"}
    old = mount(files, environment=made, generation=1)
    first = old.import_module("app")
    new = mount(files, environment=made, generation=2, predecessor=old)
    second = new.import_module("app")
    assert second.parcel is first.parcel
    assert second.models is not first.models
    assert new.libraries is old.libraries
    old.close()
    # What was not loaded yet is loaded into the same package.
    assert new.import_module("parcel.extra") is first.parcel.extra
    assert new.import_module("parcel.extra").__name__ == (
        "mounts.notes+venv.parcel.extra"
    )
    libraries = new.libraries
    assert libraries is not None
    assert not libraries.closed
    new.close()
    assert libraries.closed
    assert not [name for name in sys.modules if name.startswith("mounts.")]


def test_a_surviving_library_finds_the_generation_that_is_served(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    look = """
        from importlib import import_module
        def go():
            import app
            assert __import__("app") is app
            return import_module("app")
        """
    made = environment({"looker.py": look})
    old = mount({"app.py": "import looker"}, environment=made, generation=1)
    first = old.import_module("app")
    new = mount(
        {"app.py": "import looker"}, environment=made, generation=2, predecessor=old
    )
    second = new.import_module("app")
    assert first.looker is second.looker
    for namespace, app in ((old, first), (new, second)):
        with namespace.active():
            assert app.looker.go() is app
    assert first.looker.go() is second
    old.close()
    with old.active():
        assert first.looker.go() is first
    assert first.looker.go() is second


@pytest.mark.parametrize(
    "change", ["environment", "private", "shared", "closed", "tied", "none"]
)
def test_libraries_are_loaded_anew_where_something_has_changed(
    mount: MakeMount, environment: MakeEnvironment, library: Path, change: str
) -> None:
    write(library, {"other.py": ""})
    files = {"app.py": "import parcel, single", "models.py": ""}
    made = environment({**PARCEL, "tied.py": "import models", "other.py": ""})
    old = mount(files, environment=made, generation=1)
    first = old.import_module("app")
    options: dict[str, Any] = {"environment": made, "predecessor": old}
    if change == "environment":
        options["environment"] = dataclasses.replace(made, fingerprint="another")
    elif change in ("private", "shared"):
        options[change] = ["other"]
    elif change == "closed":
        old.close()
    elif change == "tied":
        old.import_module("tied")
    new = mount(files, generation=2, **options)
    second = new.import_module("app")
    assert (second.parcel is first.parcel) is (change == "none")
    if change != "none":
        assert second.parcel.__name__ == "mounts.notes@2+venv.parcel"


def test_a_failed_generation_leaves_the_libraries_to_the_one_before(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    made = environment(PARCEL)
    old = mount({"app.py": "import parcel"}, environment=made, generation=1)
    app = old.import_module("app")
    bad = mount(
        {"app.py": "import parcel\n1 / 0"},
        environment=made,
        generation=2,
        predecessor=old,
    )
    with pytest.raises(ZeroDivisionError):
        bad.import_module("app")
    bad.close()
    assert old.import_module("parcel.extra") is app.parcel.extra


def test_code_of_closed_libraries_still_imports(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    late = """
        def relative():
            from . import core
            return core
        def fresh():
            from parcel import extra
            import parcel.extra
            return extra
        def mounts_own():
            import models
            return models
        def modules():
            import sys
            return sys.modules["parcel"], sys.modules["models"], sys.modules[__name__]
        """
    made = environment({**PARCEL, "parcel/late.py": late})
    files = {"app.py": "import parcel.late, models", "models.py": ""}
    old = mount(files, environment=made, generation=1)
    app: Any = old.import_module("app")
    old.close()
    assert app.parcel.late.relative() is app.parcel.core
    assert app.parcel.late.fresh().loaded
    assert app.parcel.late.mounts_own() is app.models
    assert app.parcel.late.modules() == (app.parcel, app.models, app.parcel.late)
    assert not [name for name in sys.modules if name.startswith("mounts.")]


def test_a_package_that_is_taken_leaves_nothing_open(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    made = environment(PARCEL)
    old = mount({}, environment=made, generation=1)
    old.import_module("parcel")
    mount({}, environment=made, generation=2, predecessor=old).import_module("parcel")
    old.close()
    # Its libraries are still in use, under the name of the first generation.
    with pytest.raises(NamespaceError, match=r"'mounts\.notes\+venv' is in use"):
        mount({}, environment=made, generation=1)
    assert "mounts.notes" not in sys.modules
    assert mount({}, environment=made).generation == 3
    with pytest.raises(NamespaceError, match=r"'mounts\.notes@2' is in use"):
        mount({}, generation=2, environment=made, predecessor=old)


def test_loggers_of_private_libraries_are_the_mounts(notes: Namespace) -> None:
    core = notes.import_module("parcel.core")
    exec("import logging\nlog = logging.getLogger(__name__)", vars(core))
    assert core.log is logging.getLogger("mounts.notes+venv.parcel.core")


def test_nothing_keeps_closed_libraries_alive(
    environment: MakeEnvironment, tmp_path: Path
) -> None:
    code = """
        import importlib.metadata, sys, typing
        import flask  # its hooks are led, in a private copy too
        @typing.overload
        def f(x: int) -> int: ...
        @typing.overload
        def f(x: str) -> str: ...
        def f(x): return x
        class Held: pass
        view = sys.modules
        names = list(view)
        """
    helpers = "def get_root_path(import_name): return import_name"
    scaffold = "def _find_package_path(import_name): return import_name"
    made = environment(
        {
            "holder.py": code,
            "flask/__init__.py": "from flask import helpers, scaffold",
            "flask/helpers.py": helpers,
            "flask/scaffold.py": scaffold,
        }
    )
    write(tmp_path / "app", {"app.py": "import holder"})
    namespace = Namespace("notes", tmp_path / "app", environment=made)
    app: Any = namespace.import_module("app")
    assert len(typing.get_overloads(app.holder.f)) == 2
    assert {"holder", "app", "mounts.notes.app"} <= set(app.holder.names)
    namespace.close()
    everything: list[Any] = [namespace, namespace.libraries, app, app.holder.Held]
    dead = [weakref.ref(each) for each in everything]
    everything.clear()
    del app, namespace
    gc.collect()
    assert [each() for each in dead] == [None] * 4


def test_the_rest_of_builtins_is_the_processs(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    code = """
        import builtins
        taken = builtins.__import__
        length = builtins.len
        builtins.gateway_test_name = "set"
        read = gateway_test_name
        """
    made = environment({"library.py": textwrap.dedent(code)})
    namespace = mount({"app.py": "import library"}, environment=made)
    try:
        library = namespace.import_module("app").library
        assert (library.length, library.read) == (len, "set")
        assert vars(builtins)["gateway_test_name"] == "set"
    finally:
        vars(builtins).pop("gateway_test_name", None)


LAZY = """
    import builtins

    seen = []
    previous = builtins.__import__

    def hook(name, *args, **kwargs):
        seen.append(name)
        return previous(name, *args, **kwargs)

    class Hooked:
        def __enter__(self):
            {put}

        def __exit__(self, *exc_info):
            assert builtins.__import__ is vars(builtins)["__import__"] is hook
            assert vars(builtins).copy()["__import__"] is hook
            {back}
            assert builtins.__import__ == previous
    """


@pytest.mark.parametrize(
    ("put", "back"),
    [
        ("builtins.__import__ = hook", "builtins.__import__ = previous"),
        (
            "vars(builtins)['__import__'] = hook",
            "vars(builtins)['__import__'] = previous",
        ),
    ],
    ids=["attribute", "vars"],
)
def test_a_library_replaces_the_import_function_for_its_mount_only(
    mount: MakeMount, environment: MakeEnvironment, put: str, back: str
) -> None:
    made = environment(
        {
            "hooks.py": textwrap.dedent(LAZY).format(put=put, back=back),
            "inner.py": "import json",
            "user.py": """
                import hooks
                with hooks.Hooked():
                    import inner
                    import wave
                import colorsys
                """,
        }
    )
    before = builtins.__import__
    namespace = mount({"app.py": "import user"}, environment=made)
    app = namespace.import_module("app")
    assert builtins.__import__ is before
    assert app.user.hooks.seen == ["inner", "json", "wave"]
    assert app.user.inner.__name__.startswith("mounts.")
    with app.user.hooks.Hooked():
        assert builtins.__import__ is before
        import json as process_json

        assert process_json.__name__ == "json"
        namespace.close()
        assert app.user.hooks.builtins.__import__("inner") is app.user.inner
    assert builtins.__import__ is before
    with pytest.raises(AttributeError):
        _ = app.user.hooks.builtins.nothing
    names = vars(app.user.hooks.builtins)
    assert set(names) == set(vars(builtins))
    assert len(names) == len(vars(builtins))
