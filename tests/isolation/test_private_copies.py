"""Libraries of the process of which a mount has a copy of its own."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from isolation_support import MakeEnvironment, MakeMount, write

from gateway.isolation.private_copies import LibraryNameError, private_copy_for

REGISTRY = {
    "registry/__init__.py": "from registry.store import register, names",
    "registry/store.py": "names = []\ndef register(name):\n    names.append(name)",
    "needs_registry.py": "import registry",
}
APP = "import registry\nregistry.register(__name__)"


def test_each_mount_has_a_registry_of_its_own(mount: MakeMount, library: Path) -> None:
    write(library, REGISTRY)
    options: dict[str, Any] = {"private": ["registry"]}
    first = mount({"app.py": APP}, **options).import_module("app")
    second = mount({"app.py": APP}, "links", **options).import_module("app")
    shared: Any = importlib.import_module("registry")
    assert first.registry.names == ["mounts.notes.app"]
    assert second.registry.names == ["mounts.links.app"]
    assert shared.names == []
    assert first.registry.__name__ == "mounts.notes.registry"


def test_what_uses_it_is_shared_until_it_is_private_too(
    mount: MakeMount, library: Path
) -> None:
    write(library, REGISTRY)
    code = "import registry, needs_registry"
    one = mount({"app.py": code}, private=["registry"]).import_module("app")
    both = mount({"app.py": code}, private=["registry", "needs_registry"])
    assert one.needs_registry.registry is sys.modules["registry"]
    app = both.import_module("app")
    assert app.needs_registry.registry is app.registry


def test_each_generation_has_a_copy_of_its_own(
    mount: MakeMount, library: Path, environment: MakeEnvironment
) -> None:
    write(library, {"at_large.py": ""})
    made = environment(REGISTRY)
    options: dict[str, Any] = {
        "private": ["registry", "at_large"],
        "environment": made,
    }
    code = f"{APP}\nimport at_large"
    old = mount({"app.py": code}, generation=1, **options)
    first = old.import_module("app")
    new = mount({"app.py": code}, generation=2, predecessor=old, **options)
    second = new.import_module("app")
    assert first.registry.names == ["mounts.notes.app"]
    assert second.registry.names == ["mounts.notes@2.app"]
    assert first.at_large is not second.at_large
    # A library of the environment that uses it cannot be handed on either.
    user = new.import_module("needs_registry")
    assert user.registry is second.registry
    last = mount({"app.py": code}, generation=3, predecessor=new, **options)
    assert last.import_module("needs_registry") is not user


def test_the_mounts_own_module_still_comes_first(
    mount: MakeMount, library: Path
) -> None:
    write(library, REGISTRY)
    namespace = mount({"registry.py": "mine = True"}, private=["registry"])
    assert namespace.import_module("registry").mine


def test_the_processs_bytecode_is_not_rewritten(
    mount: MakeMount, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    write(library, REGISTRY)
    store: Any = importlib.import_module("registry.store")
    before = Path(store.__cached__).read_bytes()
    assert before[4:8] == b"\0\0\0\0", "not the ordinary kind (PEP 552)"
    mount({"app.py": APP}, private=["registry"]).import_module("app")
    assert Path(store.__cached__).read_bytes() == before


@pytest.mark.parametrize(
    ("private", "message"),
    [
        ("gateway", "is shared by all mounts"),
        ("mounts", "is shared by all mounts"),
        ("json", "is part of Python's standard library"),
        ("sys", "is part of Python's standard library"),
        ("absent_library", "there is no 'absent_library' installed"),
        ("Jinja2", "is no name for import statements: write 'jinja2'"),
        ("typing-extensions", "write 'typing_extensions'"),
        ("werkzeug.utils", "write 'werkzeug'"),
        ("", "there is no '' installed"),
    ],
)
def test_what_cannot_be_private(mount: MakeMount, private: str, message: str) -> None:
    with pytest.raises(LibraryNameError, match=message) as caught:
        mount({}, private=[private])
    assert str(caught.value).startswith("private: ")
    assert "mounts.notes" not in sys.modules


@pytest.mark.parametrize(
    ("shared", "message"),
    [
        ("absent_library", "name a library beside the gateway"),
        ("Jinja2", "write 'jinja2'"),
    ],
)
def test_what_cannot_be_shared(mount: MakeMount, shared: str, message: str) -> None:
    with pytest.raises(LibraryNameError, match=f"^shared: .*{message}"):
        mount({}, shared=[shared])


def test_what_is_loaded_can_be_shared_however_it_came(mount: MakeMount) -> None:
    assert mount({"werkzeug.py": ""}, shared=["werkzeug", "json"]).owns("json") is False
    assert mount({"werkzeug.py": ""}, shared=["werkzeug"]).owns("werkzeug") is False


# The libraries that it is for

METRICS = """
from prometheus_client import Counter, generate_latest
visits = Counter("visits", "Visits of the mount.")
def text(): return generate_latest().decode()
"""
TABLES = """
from typing import Optional
from sqlmodel import Field, Session, SQLModel, create_engine, select

class Note(SQLModel, table=True):
    id: Optional[int] = Field(default=None, primary_key=True)
    text: str

engine = create_engine("sqlite://")
SQLModel.metadata.create_all(engine)

def texts(*new):
    with Session(engine) as session:
        session.add_all([Note(text=text) for text in new])
        session.commit()
        return [note.text for note in session.exec(select(Note))]
"""


def need(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"component not installed: {name}")


def test_two_mounts_define_the_same_metric(mount: MakeMount) -> None:
    need("prometheus_client")
    options: dict[str, Any] = {"private": ["prometheus_client"]}
    one = mount({"app.py": METRICS}, **options).import_module("app")
    two = mount({"app.py": METRICS}, "links", **options).import_module("app")
    one.visits.inc(3)
    assert "visits_total 3.0" in one.text()
    assert "visits_total 0.0" in two.text()


def test_two_mounts_define_the_same_table(mount: MakeMount) -> None:
    need("sqlmodel")
    options: dict[str, Any] = {"private": ["sqlmodel"]}
    one = mount({"app.py": TABLES}, **options).import_module("app")
    two = mount({"app.py": TABLES}, "links", **options).import_module("app")
    assert one.texts("a", "b") == ["a", "b"]
    assert two.texts("c") == ["c"]
    assert one.texts() == ["a", "b"]
    for app in (one, two):
        app.engine.dispose()


CLASH = """
import sys
from gateway.isolation.modules import Namespace
from gateway.isolation.private_copies import private_copy_for

Namespace("one", sys.argv[1]).import_module("app")
try:
    Namespace("two", sys.argv[1]).import_module("app")
except Exception as error:
    print(private_copy_for(error))
"""


@pytest.mark.parametrize(
    ("code", "name"),
    [(METRICS, "prometheus_client"), (TABLES, "sqlmodel")],
    ids=["metric", "table"],
)
def test_a_clash_says_which_copy_would_prevent_it(
    tmp_path: Path, code: str, name: str
) -> None:
    need(name)
    write(tmp_path, {"app.py": code})
    done = subprocess.run(
        [sys.executable, "-c", CLASH, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert (done.stdout, done.stderr) == (f"{name}\n", "")


def test_so_does_one_between_generations(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    register = """
        names = set()
        def register(name):
            if name in names:
                raise ValueError(f"Duplicated timeseries in CollectorRegistry: {name}")
            names.add(name)
        """
    made = environment({"metrics/__init__.py": register})
    code = """
    import metrics
    try:
        metrics.register("visits")
    except ValueError as error:
        raise RuntimeError("it could not be set up") from error
    """
    old = mount({"app.py": code}, environment=made, generation=1)
    old.import_module("app")
    new = mount({"app.py": code}, environment=made, generation=2, predecessor=old)
    with pytest.raises(RuntimeError) as caught:
        new.import_module("app")
    assert private_copy_for(caught.value) == "metrics"


@pytest.mark.parametrize("error", [None, ValueError("something else")])
def test_other_errors_ask_for_no_copy(error: BaseException | None) -> None:
    assert private_copy_for(error) is None
