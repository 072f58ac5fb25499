"""Pickles that name a generation which is gone."""

from __future__ import annotations

import importlib
import pickle
import sys
import threading
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from isolation_support import MakeEnvironment, write

from gateway.isolation.modules import Namespace

MODELS = """
class Item:
    class Part:
        pass
    def __init__(self): self.part = Item.Part()
    def __eq__(self, other): return type(other) is type(self)
    def dump(self):
        import pickle
        return pickle.dumps(self)
def load(data):
    import pickle
    return pickle.loads(data)
"""
FILES = {
    "models.py": MODELS,
    "app.py": "import models, deep.er",
    "deep/er.py": "class Deep: pass",
}
# What a shared library does with the values of a cache.
CACHE = (
    "import pickle\nstore = {}\ndef put(key, value): store[key] = pickle.dumps(value)"
)
CACHE += "\ndef get(key): return pickle.loads(store[key])"


@pytest.fixture
def generation(tmp_path: Path) -> Iterator[Callable[..., Namespace]]:
    write(tmp_path / "app", FILES)
    opened: list[Namespace] = []

    def make(number: int, **options: Any) -> Namespace:
        opened.append(
            Namespace("notes", tmp_path / "app", generation=number, **options)
        )
        opened[-1].import_module("app")
        return opened[-1]

    before = set(sys.modules)
    yield make
    for namespace in opened:
        namespace.close()
    left = set(sys.modules) - before
    assert not [name for name in left if name.startswith("mounts.")]


def item(namespace: Namespace) -> Any:
    return namespace.import_module("models").Item()


@pytest.mark.parametrize(("old", "new"), [(1, 2), (2, 3), (7, 1), (1, 30)])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_old_pickle_is_read_as_what_is_there_now(
    generation: Callable[..., Namespace], old: int, new: int, protocol: int
) -> None:
    first = generation(old)
    data = pickle.dumps([item(first), first.modules()["deep.er"].Deep], protocol)
    first.close()
    second = generation(new)
    loaded, deep = pickle.loads(data)
    assert type(loaded) is second.modules()["models"].Item
    assert type(loaded.part) is second.modules()["models"].Item.Part
    assert deep is second.modules()["deep.er"].Deep


def test_python_s_own_unpickler_reads_it_too(
    generation: Callable[..., Namespace],
) -> None:
    first = generation(1)
    data = pickle.dumps(item(first))
    first.close()
    second = generation(2)
    loads: Any = pickle._loads  # type: ignore[attr-defined]
    assert type(loads(data)) is second.modules()["models"].Item


def test_a_pickle_of_the_application_alone_is_read_by_its_own_code(
    generation: Callable[..., Namespace],
) -> None:
    data = b"cmodels\nItem\n."
    namespace = generation(2)
    models = namespace.modules()["models"]
    assert models.load(data) is models.Item
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(data)
    assert "models" not in sys.modules


def test_a_pickle_for_which_there_is_no_mount_any_more(
    generation: Callable[..., Namespace],
) -> None:
    first = generation(1)
    data = pickle.dumps(item(first))
    first.close()
    with pytest.raises(ModuleNotFoundError, match=r"mounts\.notes"):
        pickle.loads(data)


def test_what_the_new_generation_has_not_is_missing(
    generation: Callable[..., Namespace],
) -> None:
    generation(2)
    with pytest.raises(ModuleNotFoundError, match="absent"):
        pickle.loads(b"cmounts.notes.absent\nItem\n.")
    with pytest.raises(AttributeError, match="Absent"):
        pickle.loads(b"cmounts.notes.models\nAbsent\n.")
    assert "mounts.notes.absent" not in sys.modules


@pytest.fixture
def cache(library: Path) -> Any:
    write(library, {"some_cache.py": CACHE})
    return importlib.import_module("some_cache")


def test_both_generations_read_their_own_through_a_shared_library(
    generation: Callable[..., Namespace], cache: Any
) -> None:
    generation(1).close()
    old, new = generation(2), generation(3)
    classes = {each: each.modules()["models"].Item for each in (old, new)}
    cache.store["key"] = b"cmounts.notes.models\nItem\n."
    for namespace in (old, new, old):
        with namespace.active():
            assert cache.get("key") is classes[namespace]
    # By default it is the newest.
    assert cache.get("key") is classes[new]
    new.close()
    assert cache.get("key") is classes[old]


def test_while_the_old_one_drains_the_new_one_reads_its_pickles(
    generation: Callable[..., Namespace], cache: Any
) -> None:
    old, new = generation(2), generation(3)
    with old.active():
        cache.put("key", item(old))
    old.retire()
    first, second = (each.modules()["models"].Item for each in (old, new))
    assert "mounts.notes@2.models" in sys.modules
    with new.active():
        assert type(cache.get("key")) is second
    # Requests that are still served by the old one are not disturbed.
    with old.active():
        assert type(cache.get("key")) is first
        cache.put("again", item(old))
        assert typing.get_type_hints(first.dump) == {}
    assert old.modules()["models"].load(cache.store["key"]) == first()
    assert new.modules()["models"].load(cache.store["again"]) == second()
    assert pickle.loads(first().dump()) == second()
    old.close()
    assert "mounts.notes@2.models" not in sys.modules
    assert type(cache.get("again")) is second
    # Code of the closed generation that still runs does not notice.
    assert old.modules()["models"].load(first().dump()) == first()


def test_a_retired_generation_still_imports(
    generation: Callable[..., Namespace], tmp_path: Path
) -> None:
    write(
        tmp_path / "app",
        {"app.py": "def late():\n    import fresh\n    return fresh", "fresh.py": ""},
    )
    old, new = generation(1), generation(2)
    app = old.import_module("app")
    old.retire()
    old.retire()
    fresh = app.late()
    assert fresh.__name__ == "mounts.notes.fresh"
    assert app.late() is fresh
    assert new.import_module("fresh") is not fresh
    # A stand-in has its name, for all others.
    assert sys.modules["mounts.notes.fresh"] is not fresh
    assert sys.modules["mounts.notes.fresh"].__file__ == fresh.__file__
    assert importlib.import_module("mounts.notes.fresh").__doc__ is None


def test_stand_ins_look_like_modules(generation: Callable[..., Namespace]) -> None:
    generation(1).close()
    new = generation(2)
    package = importlib.import_module("mounts.notes")
    models: Any = importlib.import_module("mounts.notes.models")
    assert models.Item is new.modules()["models"].Item
    assert vars(models) is vars(new.modules()["models"])
    assert package.models is models
    assert models.__name__ == "mounts.notes.models"
    from_import: dict[str, Any] = {}
    exec("from mounts.notes import models\nimport mounts.notes.deep.er", from_import)
    assert from_import["models"] is models
    assert sys.modules["mounts"].notes is package
    new.close()
    assert not hasattr(sys.modules["mounts"], "notes")
    with pytest.raises(AttributeError, match=r"behind 'mounts\.notes\.models' any"):
        _ = models.Item


def test_pickles_of_libraries_too(
    generation: Callable[..., Namespace], environment: MakeEnvironment
) -> None:
    made = environment({"parcel.py": "class Box: pass"})
    first = generation(1, environment=made)
    data = pickle.dumps(first.import_module("parcel").Box())
    assert b"mounts.notes+venv" in data
    first.close()
    second = generation(2, environment=made)
    loaded = pickle.loads(data)
    assert type(loaded) is second.import_module("parcel").Box
    assert type(loaded).__module__ == "mounts.notes@2+venv.parcel"


def test_libraries_retire_with_the_last_that_uses_them(
    generation: Callable[..., Namespace], environment: MakeEnvironment, cache: Any
) -> None:
    made = environment({"parcel.py": "class Box: pass"})
    first = generation(1, environment=made)
    box = first.import_module("parcel").Box
    with first.active():
        cache.put("key", box())
    second = generation(2, environment=made, predecessor=first)
    first.retire()
    first.close()
    # They were handed on, and nothing has changed for them.
    assert type(cache.get("key")) is box
    third = generation(3, environment=made)
    second.retire()
    with third.active():
        assert type(cache.get("key")) is third.import_module("parcel").Box
    with second.active():
        assert type(cache.get("key")) is box
    second.close()
    assert "mounts.notes+venv.parcel" not in sys.modules


def test_threads_read_at_once(generation: Callable[..., Namespace], cache: Any) -> None:
    old, new = generation(1), generation(2)
    with old.active():
        cache.put("key", item(old))
    old.retire()
    wrong: list[object] = []

    def read(namespace: Namespace) -> None:
        expected = namespace.modules()["models"].Item
        with namespace.active():
            for _ in range(300):
                if type(cache.get("key")) is not expected:
                    wrong.append(namespace)

    threads = [threading.Thread(target=read, args=(each,)) for each in (old, new) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_many_reloads_leave_no_stand_ins(
    generation: Callable[..., Namespace], cache: Any
) -> None:
    before = generation(1)
    sizes = []
    for number in range(2, 12):
        with before.active():
            cache.put("key", item(before))
        new = generation(number)
        before.retire()
        with new.active():
            assert type(cache.get("key")) is new.modules()["models"].Item
        before.close()
        with new.active():
            assert type(cache.get("key")) is new.modules()["models"].Item
        before = new
        sizes.append(len([name for name in sys.modules if name.startswith("mounts.")]))
    assert set(sizes) == {sizes[0]}
