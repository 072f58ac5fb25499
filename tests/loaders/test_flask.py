"""Flask mounts: their configuration, early and last; Flask's context beside ours."""

from __future__ import annotations

import shutil
from pathlib import Path

import flask
import pytest
from composing import PLAIN, composed, get, modules_forgotten, run_alone, text, write

EXTENSION = """
class Extension:
    def init_app(self, app):
        self.seen = dict(app.config)
"""

APP = f"""
from flask import Flask
{EXTENSION}
extension = Extension()

def create_app(name="app"):
    app = Flask(__name__)
    app.config.update(LEVEL="code", OWN="code")
    extension.init_app(app)
    app.config["LATE"] = "code"

    @app.get("/")
    def show():
        import flask, gateway
        assert flask.current_app._get_current_object() is app
        assert gateway.current_app.config is app.config
        seen = extension.seen
        return {{
            "seen": [seen.get(key) for key in ("LEVEL", "TITLE", "DEBUG", "OWN")],
            "now": [app.config[key] for key in ("LEVEL", "TITLE", "LATE", "OWN")],
            "name": gateway.current_app.name,
        }}

    return app
"""


def test_config_is_there_while_it_loads_and_wins_in_the_end(tmp_path: Path) -> None:
    mount = """
        notes:
          app: app:create_app
          path: .
          config: {LEVEL: file, TITLE: Notes, LATE: file, DEBUG: true}
        """
    with composed(tmp_path, mount, {"app.py": APP}) as gateway:
        assert gateway.mounts["notes"].kind == "flask"
        assert gateway.mounts["notes"].application.config["TITLE"] == "Notes"
        assert get(gateway, "/notes/").get_json() == {
            "seen": ["code", "Notes", True, "code"],
            "now": ["file", "Notes", "file", "code"],
            "name": "notes",
        }


def test_flask_may_be_imported_for_the_first_time_by_a_mount(tmp_path: Path) -> None:
    write(tmp_path, {"site/app.py": APP})
    code = """
        import inspect, sys
        from pathlib import Path
        from composing import composed, text
        assert "flask" not in sys.modules
        finders = list(sys.meta_path)
        mount = "notes: {app: app:create_app, path: ., config: {TITLE: Notes}}"
        with composed(Path("site").absolute(), mount) as gateway:
            print(text(gateway, "/notes/"))
        import flask.app
        assert type(flask.app.__loader__).__name__ == "SourceFileLoader"
        assert flask.app.__spec__.loader is flask.app.__loader__
        assert "class Flask" in inspect.getsource(flask.app)
        left = [finder for finder in sys.meta_path if finder not in finders]
        assert [type(finder).__name__ for finder in left] == ["NamespaceFinder"], left
        assert "TITLE" not in flask.Flask("later").config
        """
    assert '"seen":["code","Notes",false,"code"]' in run_alone(code, tmp_path)


def test_a_mount_without_flask_does_not_import_it(tmp_path: Path) -> None:
    write(tmp_path, {"site/app.py": PLAIN})
    code = """
        import sys
        from pathlib import Path
        from composing import composed
        mount = "notes: {app: app:application, path: ., config: {TITLE: Notes}}"
        with composed(Path("site").absolute(), mount) as gateway:
            print(gateway.mounts["notes"].kind, "flask" in sys.modules)
        """
    assert run_alone(code, tmp_path) == "wsgi False\n"


def test_each_mount_has_a_configuration_of_its_own(tmp_path: Path) -> None:
    app = """
        from flask import Flask, current_app

        app = Flask(__name__)
        app.config["NAMES"].append("loading")

        @app.get("/")
        def show():
            current_app.config["NAMES"].append("request")
            current_app.config["DEEP"]["list"].append(1)
            return repr((current_app.config["NAMES"], current_app.config["DEEP"]))
        """
    mounts = """
        a: {app: app:app, config: &both {NAMES: [file], DEEP: {list: []}}}
        b: {app: app:app, config: *both}
        """
    expected = "(['file', 'request'], {'list': [1]})"
    with composed(tmp_path, mounts, {"app.py": app}) as gateway:
        assert text(gateway, "/a/") == expected
        assert text(gateway, "/b/") == expected
        assert gateway.spec.mounts[0].config["NAMES"] == ["file"]
        applications = [mount.application for mount in gateway.mounts.values()]
        assert applications[0].config is not applications[1].config


def test_middleware_around_flask_does_not_hide_it(tmp_path: Path) -> None:
    app = """
        from flask import Flask
        from werkzeug.middleware.proxy_fix import ProxyFix
        import gateway

        app = Flask(__name__)
        app.config["LEVEL"] = "code"

        @app.get("/")
        def show():
            return app.config["LEVEL"] + gateway.current_app.config["LEVEL"]

        application = ProxyFix(ProxyFix(app))
        """
    mount = "a: {app: app:application, config: {LEVEL: file}}"
    with composed(tmp_path, mount, {"app.py": app}) as gateway:
        assert gateway.mounts["a"].kind == "flask"
        assert text(gateway, "/a/") == "filefile"


def test_a_subclass_may_make_its_configuration_itself(tmp_path: Path) -> None:
    app = """
        from flask import Config, Flask

        class Mine(Flask):
            def make_config(self, instance_relative=False):
                return Config(self.root_path, dict(self.default_config))

        app = Mine(__name__)
        early = app.config.get("LEVEL")

        @app.get("/")
        def show():
            return f"{early} {app.config['LEVEL']}"
        """
    mount = "a: {app: app:app, config: {LEVEL: file}}"
    with composed(tmp_path, mount, {"app.py": app}) as gateway:
        assert text(gateway, "/a/") == "None file"


def test_only_what_is_made_while_the_mount_loads_starts_from_its_config(
    tmp_path: Path,
) -> None:
    app = """
        from flask import Flask

        app = Flask(__name__)
        other = Flask("other")

        @app.get("/")
        def show():
            return f"{other.config.get('LEVEL')} {Flask('later').config.get('LEVEL')}"
        """
    mount = "a: {app: app:app, config: {LEVEL: file}}\nb: {app: app:app}"
    with composed(tmp_path, mount, {"app.py": app}) as gateway:
        assert text(gateway, "/a/") == "file None"
        assert text(gateway, "/b/") == "None None"
    assert "LEVEL" not in flask.Flask("outside").config


def test_teardown_registered_with_the_mount_runs_after_the_response(
    tmp_path: Path,
) -> None:
    app = """
        import gateway
        from flask import Flask, g

        app = Flask(__name__)
        order = []

        @gateway.current_app.teardown_appcontext
        def ours(error):
            order.append(f"gateway {gateway.g.get('mark')} {error}")

        @app.teardown_appcontext
        def flasks(error):
            order.append(f"flask {g.get('mark')}")

        @app.get("/")
        def show():
            before, order[:] = list(order), []
            assert gateway.g.get("mark") is None
            gateway.g.mark, g.mark = "ours", "flask's"
            return " | ".join(before)
        """
    with composed(tmp_path, "a: {app: app:app}", {"app.py": app}) as gateway:
        assert text(gateway, "/a/") == ""
        assert text(gateway, "/a/") == "flask flask's | gateway ours None"


def test_links_are_below_the_prefix(tmp_path: Path) -> None:
    app = """
        from flask import Flask, redirect, url_for

        app = Flask(__name__)

        @app.get("/")
        def show():
            return redirect(url_for("other", _external=True))

        @app.get("/other")
        def other():
            return "other"
        """
    mount = "a: {app: app:app, prefix: /deep/a}"
    with composed(tmp_path, mount, {"app.py": app}) as gateway:
        response = get(gateway, "/deep/a/")
        assert response.location == "http://localhost/deep/a/other"


@pytest.mark.parametrize("imports", ["private", "shared"])
def test_a_private_copy_of_flask_is_flask_too(tmp_path: Path, imports: str) -> None:
    if imports == "private":
        shutil.copytree(Path(flask.__file__).parent, tmp_path / "app" / "flask")
    app = """
        import flask
        from flask import Flask

        app = Flask(__name__)
        app.config["LEVEL"] = "code"

        @app.get("/")
        def show():
            return f"{flask.__name__} {app.config['LEVEL']}"
        """
    mount = (
        "a: {app: 'gateway_test_flask:app', path: app, "
        f"imports: {imports}, config: {{LEVEL: file}}}}"
    )
    files = {"app/gateway_test_flask.py": app}
    with modules_forgotten(), composed(tmp_path, mount, files) as gateway:
        assert gateway.mounts["a"].kind == "flask"
        name = "mounts.a.flask" if imports == "private" else "flask"
        assert text(gateway, "/a/") == f"{name} file"


def test_an_application_named_by_its_modules_name(tmp_path: Path) -> None:
    app = """
        from flask import Flask

        application = Flask("app")
        application.get("/")(lambda: application.root_path)
        """
    mount = "a: {app: app:application, path: a}"
    with composed(tmp_path, mount, {"a/app.py": app}) as gateway:
        assert text(gateway, "/a/") == str(tmp_path / "a")
