"""Which names are a mount's own, and which the process's."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest
from isolation_support import MakeMount, run, write

from gateway.isolation.modules import Namespace, package_name
from gateway.isolation.private_member import NamespaceError


def test_a_standard_name_is_the_mounts_for_the_mount_alone(mount: MakeMount) -> None:
    extra = {"logging.py": "LOUD = 1\nimport json", "json.py": "mine = True"}
    app = run(
        mount,
        "import logging, json, logging.handlers as h",
        extra
        | {
            "logging/__init__.py": "LOUD = 1\nimport json",
            "logging/handlers.py": "mine = True",
        },
    )
    assert app.logging.LOUD == 1
    assert app.json.mine
    assert app.logging.json is app.json
    assert app.h.mine
    # Of the process nothing has changed, for shared code that asks later neither.
    assert sys.modules["logging"] is logging
    assert sys.modules["json"] is json
    assert __import__("logging") is logging


def test_an_installed_package_may_be_shadowed(mount: MakeMount, library: Path) -> None:
    write(library, {"parcel/__init__.py": "where = 'site'", "parcel/deep.py": ""})
    write(library, {"user_of_parcel.py": "import parcel"})
    app = run(mount, "import parcel, user_of_parcel", {"parcel.py": "where = 'mount'"})
    other = run(mount, "import parcel.deep")
    assert app.parcel.where == "mount"
    assert app.user_of_parcel.parcel.where == "site"
    assert other.parcel is app.user_of_parcel.parcel


def test_a_module_that_shadows_does_not_lend_its_submodules(
    mount: MakeMount, library: Path
) -> None:
    write(library, {"parcel/__init__.py": "", "parcel/deep.py": ""})
    app = run(mount, "def go():\n    import parcel.deep", {"parcel.py": ""})
    with pytest.raises(ModuleNotFoundError, match="'parcel' is not a package") as error:
        app.go()
    assert error.value.name == "parcel.deep"


def test_a_data_folder_does_not_hide_a_library(mount: MakeMount, library: Path) -> None:
    write(library, {"parcel/__init__.py": "where = 'site'", "one_file.py": "n = 1"})
    extra = {"parcel/list.csv": "", "one_file/x.py": "", "json/data.txt": ""}
    app = run(mount, "import parcel, one_file, json", extra)
    assert app.parcel.where == "site"
    assert app.one_file.n == 1
    assert app.json is json


def test_a_folder_is_owned_although_the_process_started_in_it(
    mount: MakeMount, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace = mount(
        {"parts/one.py": "n = 1", "app.py": "import parts.one, models", "models.py": ""}
    )
    monkeypatch.syspath_prepend(str(namespace.path))
    app = namespace.import_module("app")
    assert app.parts.__name__ == "mounts.notes.parts"
    assert app.models.__name__ == "mounts.notes.models"
    assert not {"parts", "parts.one", "models"} & sys.modules.keys()


@pytest.mark.parametrize("name", ["sys", "time", "os", "builtins", "itertools"])
def test_what_is_in_the_interpreter_cannot_be_replaced(
    mount: MakeMount, name: str
) -> None:
    app = run(mount, f"import {name}", {f"{name}.py": "mine = True"})
    assert getattr(app, name) is sys.modules[name]


@pytest.mark.parametrize("name", ["gateway", "__main__"])
def test_shared_names_are_never_owned(mount: MakeMount, name: str) -> None:
    app = run(mount, f"import {name} as it", {f"{name}.py": "mine = True"})
    assert app.it is sys.modules[name]


def test_the_parent_of_all_mounts_is_never_owned(mount: MakeMount) -> None:
    app = run(
        mount, "import mounts.notes.models as m", {"mounts.py": "", "models.py": ""}
    )
    assert app.m.__name__ == "mounts.notes.models"


def test_from_main_is_the_process_s(mount: MakeMount) -> None:
    app = run(mount, "from __main__ import __name__ as n", {"__main__.py": ""})
    assert app.n == "__main__"


def test_the_context_proxies_are_the_same_object(mount: MakeMount) -> None:
    from gateway.globals import g

    app = run(mount, "from gateway.globals import g", {"gateway/globals.py": "g = 0"})
    assert app.g is g


def test_owns_tells(mount: MakeMount) -> None:
    namespace = mount({"app.py": "", "email/__init__.py": "", "static/a.css": ""})
    owned = {
        name: namespace.owns(name)
        for name in ("app", "email", "static", "json", "sys", "absent", "gateway")
    }
    assert [name for name, yes in owned.items() if yes] == ["app", "email", "static"]


def test_modules_are_listed_by_their_own_names(mount: MakeMount) -> None:
    namespace = mount({"app.py": "import shop.cart, json", "shop/cart.py": ""})
    app = namespace.import_module("app")
    assert namespace.modules() == {
        "app": app,
        "shop": app.shop,
        "shop.cart": app.shop.cart,
    }


def test_an_installed_module_is_imported_as_the_mount_sees_it(
    mount: MakeMount, library: Path
) -> None:
    write(library, {"parcel/__init__.py": "", "parcel/deep.py": ""})
    assert mount({}).import_module("parcel.deep") is sys.modules["parcel.deep"]


@pytest.mark.parametrize("name", ["my-shop", "v1.2", "2024", "a.b-c_d", "café 100%"])
def test_any_mount_name_makes_a_package(mount: MakeMount, name: str) -> None:
    namespace = mount({"app.py": "import models", "models.py": "n = 1"}, name)
    app = namespace.import_module("app")
    assert app.models.n == 1
    assert app.models.__name__ == f"{package_name(name)}.models"
    assert package_name(name).count(".") == 1


def test_package_names_are_readable_and_never_equal() -> None:
    assert package_name("notes") == "mounts.notes"
    assert package_name("my-shop") == "mounts.my-shop"
    assert package_name("v1.2") == "mounts.v1%2E2"
    assert package_name("notes", 2) == "mounts.notes@2"
    names = ["a.b", "a%2Eb", "a-b", "a_b", "a@2", "a"]
    pairs = {package_name(name, n) for name in names for n in (1, 2)}
    assert len(pairs) == 2 * len(names)


def test_two_namespaces_of_one_name_are_two_generations(
    mount: MakeMount, tmp_path: Path
) -> None:
    first = mount({"models.py": "n = 1"})
    second = mount({"models.py": "n = 2"})
    assert (first.package, second.package) == ("mounts.notes", "mounts.notes@2")
    assert [each.import_module("models").n for each in (first, second)] == [1, 2]
    with pytest.raises(NamespaceError, match="notes@2' is in use by"):
        Namespace("notes", tmp_path, generation=2)
    first.close()
    assert mount({}).generation == 1
