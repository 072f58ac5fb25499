"""Modules that are named by strings: who asks decides."""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import logging.config
import pkgutil
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import werkzeug.utils
from isolation_support import MakeMount, run, write
from werkzeug.utils import import_string

FILES = {
    "models.py": "class Note: pass\nlimit = 3\ndef ask(): return limit",
    "shop/__init__.py": "name = __name__",
    "shop/cart.py": "total = 5",
    "shop/data.txt": "some data",
}
SHARED = """
import importlib
import importlib.util
from importlib import import_module
from importlib.util import find_spec
def load(name, package=None):
    return import_module(name, package)
def place(name):
    spec = find_spec(name)
    return spec and spec.name
"""


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("importlib.import_module('models').__name__", ".models"),
        ("importlib.import_module('shop.cart').__name__", ".shop.cart"),
        ("importlib.import_module('.cart', 'shop').__name__", ".shop.cart"),
        ("importlib.import_module('.shop.cart', __package__).__name__", ".shop.cart"),
        ("importlib.import_module('..models', shop.__name__).__name__", None),
        ("importlib.import_module(__name__).__name__", ".app"),
        ("importlib.__import__('models').__name__", ".models"),
        ("importlib.util.find_spec('shop.cart').name", ".shop.cart"),
        ("importlib.util.find_spec(name='models').name", ".models"),
        ("importlib.util.find_spec('.cart', shop.__name__).name", ".shop.cart"),
        ("pkgutil.resolve_name('models:Note').__module__", ".models"),
        ("pkgutil.resolve_name('shop.cart').__name__", ".shop.cart"),
        ("pkgutil.get_data('shop', 'data.txt').decode()", "some data"),
        ("pkgutil.get_data(package='shop', resource='data.txt').decode()", "some data"),
        ("import_string('models').__name__", ".models"),
        ("import_string('models.Note').__module__", ".models"),
        ("import_string('models:Note').__module__", ".models"),
        ("import_string(import_name='shop.cart', silent=True).total", 5),
        ("import_string('shop.absent', silent=True)", None),
    ],
)
def test_a_mounts_own_code_gets_what_its_statements_get(
    mount: MakeMount, call: str, expected: object
) -> None:
    code = "import importlib, importlib.util, pkgutil, shop\n"
    code += "from werkzeug.utils import import_string\n"
    app = run(mount, f"{code}def go(): return {call}", FILES)
    if "'..models'" in call:
        with pytest.raises(ModuleNotFoundError, match="models"):
            importlib.import_module("..models", "mounts.notes.shop.cart")
        return
    if isinstance(expected, str) and expected.startswith("."):
        expected = f"mounts.notes{expected}"
    assert app.go() == expected


def test_a_name_of_the_standard_library_too(mount: MakeMount) -> None:
    code = "import importlib, sys\ndef go(name): return importlib.import_module(name)"
    app = run(mount, code, {"json.py": "mine = True"})
    assert app.go("json").mine
    assert app.go("logging") is logging
    assert importlib.import_module("json") is json


def test_a_library_gets_the_processs_module_first(
    mount: MakeMount, library: Path
) -> None:
    write(library, {"asker.py": SHARED, "settings.py": "where = 'site'"})
    namespace = mount({"app.py": "import asker", "settings.py": "where = 'mount'"})
    asker = namespace.import_module("app").asker
    with namespace.active():
        assert asker.load("settings").where == "site"
        assert asker.place("settings") == "settings"


def test_a_library_gets_the_modules_of_the_mount_that_is_served(
    mount: MakeMount, library: Path
) -> None:
    write(library, {"asker.py": SHARED})
    notes, links = mount(FILES), mount(FILES | {"models.py": "limit = 9"}, "links")
    asker: Any = importlib.import_module("asker")

    for namespace, limit in ((notes, 3), (links, 9), (notes, 3)):
        with namespace.active():
            assert asker.load("models").limit == limit
            assert asker.load(".cart", "shop").__name__ == (
                f"{namespace.package}.shop.cart"
            )
            assert asker.place("models") == f"{namespace.package}.models"
    with pytest.raises(ModuleNotFoundError, match="No module named 'models'"):
        asker.load("models")
    assert asker.place("models") is None
    assert not {"models", "shop", "shop.cart"} & sys.modules.keys()


def test_a_mount_is_current_while_it_is_loaded(mount: MakeMount, library: Path) -> None:
    write(library, {"asker.py": SHARED})
    app = run(mount, "import asker\nnote = asker.load('models').Note", FILES)
    assert app.note.__module__ == "mounts.notes.models"


def test_a_mounts_thread_asks_for_the_mount(mount: MakeMount) -> None:
    code = (
        "from importlib import import_module\ndef go(): return import_module('models')"
    )
    app = run(mount, code, FILES)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(app.go()))
    thread.start()
    thread.join()
    assert found[0].limit == 3


def test_a_statement_of_shared_code_never_reaches_a_mount(
    mount: MakeMount, library: Path
) -> None:
    code = "def go():\n    try:\n        import models\n    except ImportError:\n"
    write(library, {"careful.py": f"{code}        return 'none'\n    return models"})
    namespace = mount(FILES)
    careful: Any = importlib.import_module("careful")

    with namespace.active():
        assert careful.go() == "none"


def test_mock_patch_takes_a_mounts_names(mount: MakeMount) -> None:
    code = """
from unittest import mock
import models
def by_name():
    with mock.patch("models.limit", 8):
        return models.ask()
@mock.patch("shop.cart.total", 6)
def decorated():
    from shop.cart import total
    return total
"""
    namespace = mount(FILES | {"app.py": code})
    app = namespace.import_module("app")
    assert (app.by_name(), app.models.ask()) == (8, 3)
    with namespace.active():
        assert app.decorated() == 6


def test_import_string_captured_by_flask_reaches_the_mount(mount: MakeMount) -> None:
    code = """
from flask import Flask
app = Flask(__name__)
app.config.from_object("config.Production")
app.config.from_object("config")
"""
    config = "LEVEL = 1\nclass Production:\n    NAME = 'notes'"
    first = run(mount, code, {"config.py": config})
    second = mount(
        {"app.py": code, "config.py": config.replace("notes", "links")}, "links"
    ).import_module("app")
    assert (first.app.config["NAME"], first.app.config["LEVEL"]) == ("notes", 1)
    assert second.app.config["NAME"] == "links"


def test_flask_finds_its_folders_in_the_mount(mount: MakeMount) -> None:
    package = {
        "web/__init__.py": "from flask import Flask\napp = Flask(__name__)",
        "web/templates/hello.html": "hello from {{ name }}",
        "web/static/style.css": "body {}",
    }
    single = (
        "from flask import Flask\nfrom web import app as web\napp = Flask(__name__)"
    )
    module = run(mount, single, package)
    folder = Path(module.__file__).parent
    assert module.app.instance_path == str(folder / "instance")
    assert module.web.instance_path == str(folder / "instance")
    assert module.web.root_path == str(folder / "web")
    with module.web.app_context():
        template = module.web.jinja_env.get_template("hello.html")
        assert template.render(name="notes") == "hello from notes"
    with module.web.test_client().get("/static/style.css") as response:
        assert response.data == b"body {}"


def test_the_native_framework_finds_its_folders(mount: MakeMount) -> None:
    code = """
        from gateway import App
        from web import app as web
        app, own, other = App(__name__), App("app"), App("any_name")
        package = App("web")
        """
    package = {
        "web/__init__.py": "from gateway import App\napp = App(__name__)",
        "web/templates/hello.html": "hello",
        "templates/hello.html": "from above",
    }
    app = run(mount, dedent(code), package)
    folder = Path(app.__file__).parent
    apps = app.app, app.own, app.other, app.web, app.package
    assert {each.instance_path for each in apps} == {str(folder / "instance")}
    assert {each.root_path for each in apps[:3]} == {str(folder)}
    assert {each.root_path for each in apps[3:]} == {str(folder / "web")}
    texts = [each.jinja_env.get_template("hello.html").render() for each in apps]
    assert texts == ["from above"] * 3 + ["hello"] * 2


def test_jinja_finds_packages_and_extensions_of_the_mount(mount: MakeMount) -> None:
    code = """
import jinja2
env = jinja2.Environment(
    loader=jinja2.PackageLoader("shop", "pages"), extensions=["shop.tags.Shout"]
)
text = env.get_template("a.html").render()
"""
    extra = {
        "shop/pages/a.html": "{{ 'hi'|shout }}",
        "shop/tags.py": """
            from jinja2.ext import Extension
            class Shout(Extension):
                def __init__(self, environment):
                    super().__init__(environment)
                    environment.filters["shout"] = str.upper
            """,
    }
    assert run(mount, code, FILES | extra).text == "HI"


def test_logging_configuration_takes_classes_of_the_mount(mount: MakeMount) -> None:
    code = """
import logging.config
def configure():
    logging.config.dictConfig({
        "version": 1, "incremental": False, "disable_existing_loggers": False,
        "formatters": {"own": {"()": "logs.Shouting"}},
        "handlers": {"own": {"class": "logs.Kept", "formatter": "own"}},
        "loggers": {"test.of.mounts": {"handlers": ["own"], "propagate": False}},
    })
"""
    logs = """
import logging
class Shouting(logging.Formatter):
    def format(self, record): return record.getMessage().upper()
class Kept(logging.Handler):
    lines = []
    def emit(self, record): self.lines.append(self.format(record))
"""
    app = run(mount, code, {"logs.py": logs})
    app.configure()
    logger = logging.getLogger("test.of.mounts")
    logger.warning("hello")
    kept = logger.handlers.pop()
    assert type(kept).__module__ == "mounts.notes.logs"
    assert kept.lines == ["HELLO"]  # type: ignore[attr-defined]


def test_the_functions_still_look_like_themselves(mount: MakeMount) -> None:
    mount({})
    import inspect

    assert str(inspect.signature(importlib.util.find_spec)) == "(name, package=None)"
    assert str(inspect.signature(pkgutil.get_data)) == "(package, resource)"
    assert list(inspect.signature(import_string).parameters) == [
        "import_name",
        "silent",
    ]
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        pkgutil.get_data("json")  # type: ignore[call-arg]
    with pytest.raises(werkzeug.utils.ImportStringError):
        import_string("absent.module")
    with pytest.raises(TypeError, match="package"):
        importlib.import_module(".x")


WHOLE_PROCESS = """
import builtins, importlib, importlib.util, logging.config, pkgutil, sys
import werkzeug.utils
from pathlib import Path
from gateway.isolation import modules

bootstrap = sys.modules["_frozen_importlib"]
configurator = logging.config.BaseConfigurator

def state():
    return (
        builtins.__import__, bootstrap._gcd_import, list(sys.meta_path),
        importlib.util.find_spec.__code__, dict(vars(importlib.util.find_spec)),
        pkgutil.get_data.__code__, werkzeug.utils.import_string.__code__,
        vars(configurator)["importer"], "mounts" in sys.modules,
        *(list(vars(module)) for module in (
            werkzeug.utils, pkgutil, importlib.util, logging.config)),
    )

before = state()
modules.install()
installed = state()
modules.install()
assert state() == installed != before
assert builtins.__import__ is before[0]
namespace = modules.Namespace("notes", Path(sys.argv[1]))
namespace.import_module("models")
modules.uninstall()
modules.uninstall()
assert namespace.closed
assert state() == before
again = modules.Namespace("notes", Path(sys.argv[1]))
assert again.import_module("models").limit == 3
assert namespace.import_module("models") is not again.import_module("models")
print("as before")
"""


def test_everything_can_be_undone(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WHOLE_PROCESS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("as before\n", "")


LATER = """
import sys
from pathlib import Path
from gateway.isolation.modules import Namespace, uninstall

if sys.argv[2] == "before":
    import flask, jinja2, logging.config
assert ("flask" in sys.modules) == (sys.argv[2] == "before")
namespace = Namespace("notes", Path(sys.argv[1]))
app = namespace.import_module("app")
print(app.web.config["LEVEL"], app.web.instance_path, app.env.extensions != {})
uninstall()
print([name for name in ("__import__", "_find_package_path") if name in vars(
    sys.modules["jinja2.utils"])], "exec_module" in vars(
    sys.modules["jinja2.utils"].__loader__))
"""


@pytest.mark.parametrize("order", ["before", "after"])
def test_libraries_are_prepared_whenever_they_are_imported(
    tmp_path: Path, order: str
) -> None:
    app = """
        import flask, jinja2
        web = flask.Flask(__name__)
        web.config.from_object("config")
        env = jinja2.Environment(extensions=["tags.Shout"])
        """
    tags = "from jinja2.ext import Extension\nclass Shout(Extension): pass"
    write(tmp_path, {"app.py": app, "tags.py": tags, "config.py": "LEVEL = 4"})
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LATER, str(tmp_path), order],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    expected = f"4 {tmp_path / 'instance'} True\n[] False\n"
    assert (done.stdout, done.stderr) == (expected, "")


def test_what_is_not_there_is_not_found(mount: MakeMount) -> None:
    mount({})
    for name in ("mounts.nobody", "mounts.notes.absent", "flask.scaffold"):
        assert importlib.util.find_spec(name) is None
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'mounts\.nobody'"):
        importlib.import_module("mounts.nobody.models")


def test_a_module_called_mounts_is_in_the_way(tmp_path: Path) -> None:
    write(tmp_path, {"mounts.py": ""})
    code = (
        "import sys; sys.path.append(sys.argv[1]); import mounts\n"
        "from gateway.isolation.modules import Namespace\n"
        "from gateway.isolation.private_member import NamespaceError\n"
        "try: Namespace('notes', sys.argv[1])\n"
        "except NamespaceError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert f"imported from {tmp_path / 'mounts.py'}" in done.stdout
    assert "must be renamed" in done.stdout


def test_finders_without_find_spec_are_skipped(
    mount: MakeMount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As importlib does; the Bottle that some applications bring along has one."""
    namespace = mount(FILES)
    models = namespace.import_module("models")
    monkeypatch.setattr(sys, "meta_path", [object(), *sys.meta_path])
    with namespace.active():
        assert importlib.import_module("models") is models
