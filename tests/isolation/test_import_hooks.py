"""Import hooks that a mount's code adds: they end with its modules."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from textwrap import dedent
from typing import Any, NoReturn

import pytest
from composing import PLAIN, composed, failure
from isolation_support import MakeEnvironment, MakeMount, metadata, write

from gateway.errors import LoadErrors
from gateway.isolation.audit import process_audit
from gateway.isolation.finder import NamespaceFinder
from gateway.isolation.import_hooks import ImportHooks
from gateway.isolation.modules import Namespace


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before, finds = all_hooks(), vars(PathFinder).copy()
    yield
    assert [*map(id, all_hooks())] == [*map(id, before)]
    assert vars(PathFinder) == finds


def all_hooks() -> list[object]:
    found = [*sys.meta_path, *sys.path_hooks]
    return [each for each in found if type(each) is not NamespaceFinder]


def hooks_of(name: str) -> list[object]:
    """Return the hooks that come from a mount, by the text that shows it."""
    return [each for each in all_hooks() if f"mounts.{name}" in str(each)]


# Finds the module `virtual`, and needs one of its own library's whenever it is asked.
FINDER = """
    import sys
    from importlib.machinery import ModuleSpec

    asked = []

    class Finder:
        def find_spec(self, fullname, path=None, target=None):
            from finding import rules
            asked.append(fullname)
            if fullname in rules.NAMES:
                return ModuleSpec(fullname, self)

        def create_module(self, spec):
            return None

        def exec_module(self, module):
            module.found = True

    sys.meta_path.insert(1, Finder())
    """
LIBRARY = {
    "finding/__init__.py": FINDER,
    "finding/rules.py": "NAMES = {__package__ + '.virtual'}",
    "late.py": "",
}


@pytest.fixture(params=["mount", "venv", "private"])
def finding(
    request: pytest.FixtureRequest,
    mount: MakeMount,
    environment: MakeEnvironment,
    library: Path,
) -> Namespace:
    """A mount whose own code, or a library of its own, adds a finder."""
    files = {"app.py": "import finding, finding.virtual", "broken.py": "import finding"}
    if request.param == "mount":
        return mount({**files, **LIBRARY})
    if request.param == "venv":
        return mount(files, environment=environment(LIBRARY))
    write(library, LIBRARY)
    return mount(files, private=["finding", "late"])


def test_a_finder_ends_with_the_mount(finding: Namespace, mount: MakeMount) -> None:
    app = finding.import_module("app")
    assert app.finding.virtual.found
    assert len(hooks_of("notes")) == 1
    finding.close()
    assert not hooks_of("notes")
    app.finding.asked.clear()
    other = mount({"app.py": "import inner", "inner.py": ""}, "other")
    other.import_module("app")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("gateway_test_missing")
    assert app.finding.asked == []


def test_code_that_still_runs_has_its_finder(finding: Namespace) -> None:
    broken = finding.import_module("broken")
    finding.retire()
    assert not hooks_of("notes")
    late = finding.import_module("finding.virtual")
    assert late.found
    assert broken.finding.asked
    assert not hooks_of("notes")
    finding.close()


def test_libraries_that_are_handed_on_keep_their_finder(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    files = {"app.py": "import finding"}
    made = environment(LIBRARY)
    first = mount(files, environment=made)
    first.import_module("app")
    second = mount(files, environment=made, generation=2, predecessor=first)
    first.close()
    assert len(hooks_of("notes")) == 1
    assert second.import_module("finding.virtual").found
    second.close()
    assert not hooks_of("notes")


PATH_HOOK = """
    import sys
    from importlib.machinery import FileFinder

    class Nothing:
        def find_spec(self, fullname, target=None):
            return None

    def hook(entry):
        if entry == "nothing://own":
            return Nothing()
        if entry == "nothing://standard":
            return FileFinder(entry)
        raise ImportError

    sys.path_hooks.insert(0, hook)
    """


def test_a_path_hook_ends_with_the_mount(mount: MakeMount) -> None:
    entries = ["nothing://own", "nothing://standard"]
    namespace = mount({"app.py": PATH_HOOK, "late.py": ""})
    app = namespace.import_module("app")
    assert PathFinder.find_spec("anything", entries) is None
    assert sys.path_importer_cache[entries[1]] is not None
    assert isinstance(sys.path_importer_cache[entries[0]], app.Nothing)
    assert sys.path_hooks[0] is app.hook
    namespace.close()
    assert app.hook not in sys.path_hooks
    assert not {*entries} & {*sys.path_importer_cache}
    namespace.import_module("late")
    assert app.hook not in sys.path_hooks


@pytest.mark.parametrize(
    "added",
    [
        "Finder",
        "Finder()",
        "types.SimpleNamespace(find_spec=Finder.find_spec)",
        "functools.partial(hook)",
        "Uneven()",
    ],
)
def test_whatever_comes_from_a_mounts_code_is_the_mounts(
    mount: MakeMount, added: str
) -> None:
    code = f"""
        import functools, sys, types

        class Finder:
            @classmethod
            def find_spec(cls, *args):
                return None

        class Uneven(Finder):
            def __eq__(self, other):
                raise RuntimeError

            def __getattr__(self, name):
                raise RuntimeError

        def hook(entry):
            raise ImportError

        kept = {added}
        (sys.path_hooks if callable(kept) else sys.meta_path).append(kept)
        """
    namespace = mount({"app.py": code})
    app = namespace.import_module("app")
    assert any(each is app.kept for each in all_hooks())
    namespace.close()
    assert not any(each is app.kept for each in all_hooks())


def test_hooks_of_others_stay(mount: MakeMount) -> None:
    class Finder:
        __module__: Any = 1

        def find_spec(self, *args: object) -> None:
            return None

    def refuse(entry: str) -> NoReturn:
        raise ImportError

    finder: Any = Finder()
    sys.meta_path.append(finder)
    hook = functools.partial(refuse)
    sys.path_hooks.append(hook)
    code = "import sys, finding\nsys.meta_path.append(finding.Finder())"
    namespaces = [mount({**LIBRARY, "app.py": code}, name) for name in ("ab", "a")]
    for each in namespaces:
        each.import_module("app")
    namespaces[1].close()
    assert len(hooks_of("ab.")) == 2
    assert not hooks_of("a.")
    namespaces[0].close()
    assert sys.meta_path.pop() is finder
    assert sys.path_hooks.pop() is hook


# As importlib_metadata does.
BACKPORT = """
    import sys
    from importlib.metadata import MetadataPathFinder as Standard

    class MetadataPathFinder:
        @staticmethod
        def find_spec(*args, **kwargs):
            return None

        def find_distributions(self, *args, **kwargs):
            return Standard.find_distributions(*args, **kwargs)

    sys.meta_path.append(MetadataPathFinder())
    for finder in sys.meta_path:
        if finder.__module__ == "_frozen_importlib_external":
            if hasattr(finder, "find_distributions"):
                del finder.find_distributions
    """


def test_distributions_are_found_after_a_backport_is_gone(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    files = {"app.py": "import backport"}
    namespaces = [
        mount(files, name, environment=environment({"backport.py": BACKPORT}))
        for name in ("notes", "other")
    ]
    version = importlib.metadata.version("pytest")
    for each in namespaces:
        each.import_module("app")
    for each in namespaces:
        assert not hasattr(PathFinder, "find_distributions")
        assert importlib.metadata.version("pytest") == version
        each.close()
    assert hasattr(PathFinder, "find_distributions")
    assert importlib.metadata.version("pytest") == version


def test_where_the_process_has_the_backport_nothing_is_restored(
    mount: MakeMount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.isolation.import_hooks._STANDARD", None)
    kept = vars(PathFinder)["find_distributions"]
    namespace = mount({"app.py": BACKPORT})
    namespace.import_module("app")
    namespace.close()
    assert not hasattr(PathFinder, "find_distributions")
    PathFinder.find_distributions = kept  # type: ignore[method-assign]


def test_a_finder_that_is_there_is_not_put_back_twice() -> None:
    class Finder:
        find_spec = staticmethod(lambda *args: None)

    Finder.__module__ = "mounts.alone.app"
    hooks, finder = ImportHooks("mounts.alone"), Finder()
    sys.meta_path.append(finder)  # type: ignore[arg-type]
    hooks.take_out()
    sys.meta_path.append(finder)  # type: ignore[arg-type]
    hooks.put_back()
    assert [each is finder for each in sys.meta_path].count(True) == 1
    hooks.take_out()


# Mounts of a gateway

THREE = """
    charts: {app: app:application, path: charts, venv: env}
    healthy: {app: app:application, path: healthy}
    last: {app: app:application, path: last, venv: env}
    """
INSTALLED = {f"env/{name}": dedent(text) for name, text in LIBRARY.items()}
INSTALLED |= {f"env/{name}": text for name, text in metadata("made", "1.0").items()}
FILES = {
    **INSTALLED,
    "charts/app.py": f"import finding\n{PLAIN}",
    "healthy/app.py": f"import inner\n{PLAIN}",
    "healthy/inner.py": "",
    "last/app.py": f"import finding.virtual\n{PLAIN}",
}


def test_a_mount_that_fails_to_load_keeps_no_other_from_loading(
    tmp_path: Path,
) -> None:
    # What it is asked for, it does with modules that are gone after the failure.
    late = BACKPORT.replace(
        "return Standard", "import_module(__name__); return Standard"
    )
    files = {
        **FILES,
        "env/backport.py": f"from importlib import import_module\n{dedent(late)}",
        "charts/app.py": f"import backport\n{PLAIN}\n1 / 0",
        "healthy/app.py": f"from importlib.metadata import version\n{PLAIN}\n"
        "version('pytest')",
    }
    error = failure(tmp_path, THREE, files)
    assert error.mount == "charts"
    assert not hooks_of("")


def test_a_reload_has_the_hooks_of_what_serves(tmp_path: Path) -> None:
    own = f"{dedent(FINDER)}\n{PLAIN}".replace("from finding", "from .")
    files = {**FILES, "charts/app.py": own, "charts/rules.py": "NAMES = ()"}
    with composed(tmp_path, THREE, files) as gateway:
        assert [str(each).split(" ")[0] for each in hooks_of("charts")] == [
            "<mounts.charts.app.Finder"
        ]
        process_audit.start_serving()
        write(tmp_path, {"charts/app.py": f"{own}\n1 / 0"})
        with pytest.raises(LoadErrors):
            gateway.reload()
        assert len(hooks_of("charts.")) == 1
        assert not hooks_of("charts@")
        write(tmp_path, {"charts/app.py": f"{own}\n# changed"})
        assert gateway.reload().replaced == ("charts",)
        assert len(hooks_of("charts@2.")) == 1
        assert not hooks_of("charts.")
        assert len(hooks_of("last")) == 1
        # That it is gone is no doing of the mounts that serve.
        assert process_audit.serving_changes(["healthy"]) == ()
    assert not hooks_of("")
