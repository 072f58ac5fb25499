"""Two versions of real libraries in one process, each in its mount's environment."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from installed import (
    OLD_MARKUPSAFE,
    OLD_SQLALCHEMY,
    WITH_NEW_FLASK,
    WITH_OLD_FLASK,
    environment_with,
)
from isolation_support import MakeEnvironment, MakeMount

from gateway.isolation.modules import Namespace
from gateway.isolation.venv import Environment

# The old versions do what is deprecated in newer versions of Python.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SHOP = {
    "app.py": """
        from importlib.metadata import version
        import flask, jinja2, markupsafe, werkzeug, click
        from flask import Flask
        from markupsafe import _speedups, escape

        app = Flask(__name__)
        app.config.from_object("config.Production")

        @app.get("/")
        def index():
            return flask.render_template("index.html", text="<b>")

        @app.get("/versions")
        def versions():
            names = "flask", "werkzeug", "markupsafe"
            return {name: version(name) for name in names}

        @app.get("/signed/<word>")
        def signed(word):
            before = flask.session.get("word")
            flask.session["word"] = word
            return {"before": before}
        """,
    "config.py": "class Production:\n    SECRET_KEY = NAME = __name__",
    "templates/index.html": "{{ config.NAME }} {{ text }} {{ request.path }}",
}


@pytest.fixture(scope="session")
def old() -> Environment:
    return environment_with(*WITH_OLD_FLASK)


@pytest.fixture(scope="session")
def new() -> Environment:
    return environment_with(*WITH_NEW_FLASK)


@pytest.fixture
def shops(mount: MakeMount, old: Environment, new: Environment) -> list[Namespace]:
    made = {"old": old, "new": new}
    return [mount(SHOP, name, environment=each) for name, each in made.items()]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(application: Any) -> Iterator[str]:
    """Serve *application* on a free port; give its URL."""
    with make_server("127.0.0.1", 0, application, handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_flask_2_beside_flask_3(shops: list[Namespace]) -> None:
    shared: Any = importlib.import_module("flask")
    apps: list[Any] = [namespace.import_module("app") for namespace in shops]
    with served(apps[0].app) as first, served(apps[1].app) as second:
        for _ in range(3):
            for url, name in ((first, "old"), (second, "new")):
                with urlopen(url) as response:
                    text = f"mounts.{name}.config &lt;b&gt; /"
                    assert response.read().decode() == text
        versions = []
        for url in (first, second):
            with urlopen(f"{url}/versions") as response:
                versions.append(apps[0].flask.json.loads(response.read()))
    assert versions[0] == {
        "flask": "2.2.5",
        "werkzeug": "2.2.3",
        "markupsafe": OLD_MARKUPSAFE,
    }
    assert versions[1]["flask"] >= "3.1"
    assert versions[1]["werkzeug"] >= "3.1"
    kinds = {app.flask.Flask for app in apps} | {shared.Flask}
    assert len(kinds) == 3
    assert sys.modules["flask"] is shared
    assert importlib.metadata.version("flask") != "2.2.5"


def test_each_has_its_own_extension_of_markupsafe(shops: list[Namespace]) -> None:
    shared: Any = importlib.import_module("markupsafe")
    apps: list[Any] = [namespace.import_module("app") for namespace in shops]
    for namespace, app in zip(shops, apps, strict=True):
        assert namespace.libraries is not None
        folder = str(namespace.libraries.path)
        assert app._speedups.__file__.startswith(folder)
        assert app._speedups.__file__.endswith((".so", ".pyd"))
        # What C code makes are objects of the copy that it belongs to.
        for value in ("<", 7, app.escape("<")):
            assert type(app.escape(value)) is app.markupsafe.Markup
            assert type(app.escape(value)) is not shared.Markup
    assert apps[0].markupsafe.Markup is not apps[1].markupsafe.Markup
    assert type(shared.escape("<")) is shared.Markup


def test_many_requests_at_once(shops: list[Namespace]) -> None:
    clients: list[Any] = []

    def visit(number: int) -> bool:
        app: Any = shops[number % 2].import_module("app").app
        client = app.test_client()
        word = f"word{number}"
        before = [client.get(f"/signed/{word}").json["before"] for _ in range(3)]
        text = client.get("/").text
        clients.append(client)
        return before == [None, word, word] and f"mounts.{app_name(number)}." in text

    def app_name(number: int) -> str:
        return ("old", "new")[number % 2]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(visit, range(24)))
    assert len({type(client) for client in clients}) == 2


def test_a_flask_application_finds_its_folders(shops: list[Namespace]) -> None:
    for namespace in shops:
        app: Any = namespace.import_module("app").app
        assert app.instance_path == str(namespace.path / "instance")
        assert app.root_path == str(namespace.path)


@pytest.mark.parametrize("which", ["shared", "old", "new"])
def test_an_application_that_is_named_otherwise_than_its_module(
    mount: MakeMount, which: str, request: pytest.FixtureRequest
) -> None:
    made = None if which == "shared" else request.getfixturevalue(which)
    code = """
        from flask import Flask
        shop, own, package = Flask("shop-x"), Flask("app"), Flask("pages")
        """
    files = {"app.py": code, "pages/__init__.py": "", "templates/a.html": "hello"}
    namespace = mount(files, environment=made)
    app: Any = namespace.import_module("app")
    folder = str(namespace.path)
    assert app.shop.root_path == app.own.root_path == folder
    assert app.package.root_path == str(namespace.path / "pages")
    for each in (app.shop, app.own, app.package):
        assert each.instance_path == str(namespace.path / "instance")
    assert app.shop.jinja_env.get_template("a.html").render() == "hello"


def test_an_application_within_a_library_is_in_its_environment(
    mount: MakeMount, new: Environment, environment: MakeEnvironment
) -> None:
    code = "from flask import Flask\napp = Flask(__name__)"
    made = environment({"within/__init__.py": code, "single_app.py": code})
    both = dataclasses.replace(new, further=made.folders)
    namespace = mount({}, environment=both)
    for name in ("within", "single_app"):
        app: Any = namespace.import_module(name).app
        assert app.instance_path == str(made.folder / "instance")
    flask: Any = namespace.import_module("flask")
    inside = flask.Flask(f"{flask.__name__}.app")
    # As when it is installed: below the environment's own `var`.
    assert inside.instance_path == str(new.folder / "var" / f"{inside.name}-instance")


def test_a_flask_reload_keeps_the_libraries(mount: MakeMount, new: Environment) -> None:
    first = mount(SHOP, environment=new, generation=1)
    before: Any = first.import_module("app")
    loaded = set(sys.modules)
    second = mount(SHOP, environment=new, generation=2, predecessor=first)
    after: Any = second.import_module("app")
    first.close()
    assert after.flask is before.flask
    assert after.app is not before.app
    assert {type(after.app), type(before.app)} == {after.flask.Flask}
    assert "mounts.notes@2.config" in after.app.test_client().get("/").text
    gone = {name for name in loaded - set(sys.modules) if "+venv" in name}
    assert gone == set()


# Databases

TABLES = {
    "app.py": """
        import sqlalchemy as sa
        from sqlalchemy.orm import Session, declarative_base, relationship

        Base = declarative_base()

        class Author(Base):
            __tablename__ = "author"
            id = sa.Column(sa.Integer, primary_key=True)
            name = sa.Column(sa.String)
            notes = relationship("Note", back_populates="author")

        class Note(Base):
            __tablename__ = "note"
            id = sa.Column(sa.Integer, primary_key=True)
            author_id = sa.Column(sa.ForeignKey("author.id"))
            author = relationship(Author, back_populates="notes")

        engine = sa.create_engine("sqlite://")
        Base.metadata.create_all(engine)

        def go(name):
            with Session(engine) as session:
                session.add(Author(name=name, notes=[Note(), Note()]))
                session.commit()
                query = sa.select(Author.name, sa.func.count(Note.id)).join(Note)
                rows = session.execute(query.group_by(Author.name)).all()
                return [tuple(row) for row in rows]

        def fail():
            with Session(engine) as session:
                try:
                    session.execute(sa.text("SELECT * FROM absent"))
                except sa.exc.OperationalError as error:
                    return type(error)
        """
}


@pytest.mark.parametrize("in_process", ["loaded", "as it is"])
def test_two_versions_of_sqlalchemy(
    mount: MakeMount, old: Environment, new: Environment, in_process: str
) -> None:
    shared: Any = None
    if in_process == "loaded":
        if importlib.util.find_spec("sqlalchemy") is None:
            pytest.skip("component not installed: sqlalchemy")
        shared = importlib.import_module("sqlalchemy.orm")
    names = {"old": old, "new": new}
    apps: list[Any] = [
        mount(TABLES, name, environment=each).import_module("app")
        for name, each in names.items()
    ]
    assert apps[0].sa.__version__ == OLD_SQLALCHEMY
    assert apps[1].sa.__version__ > OLD_SQLALCHEMY
    for name, app in zip(names, apps, strict=True):
        assert app.go(name) == [(name, 2)]
        assert app.fail() is app.sa.exc.OperationalError
        app.engine.dispose()
    assert apps[0].sa.exc.OperationalError is not apps[1].sa.exc.OperationalError
    if shared is not None:
        assert sys.modules["sqlalchemy.orm"] is shared


def test_two_flask_sqlalchemy_databases(
    mount: MakeMount, new: Environment, tmp_path: Path
) -> None:
    code = """
        from flask import Flask
        from models import Note, db

        app = Flask(__name__)
        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///notes.db"
        db.init_app(app)
        with app.app_context():
            db.create_all()

        @app.get("/add/<text>")
        def add(text):
            db.session.add(Note(text=text))
            db.session.commit()
            return [note.text for note in db.session.scalars(db.select(Note))]

        def close():
            with app.app_context():
                db.engine.dispose()
        """
    models = """
        from flask_sqlalchemy import SQLAlchemy
        db = SQLAlchemy()
        class Note(db.Model):
            id = db.Column(db.Integer, primary_key=True)
            text = db.Column(db.String)
        """
    files = {"app.py": code, "models.py": models}
    namespaces = [mount(files, name, environment=new) for name in ("notes", "links")]
    for namespace in namespaces:
        app: Any = namespace.import_module("app")
        client = app.app.test_client()
        assert client.get("/add/a").json == ["a"]
        assert client.get("/add/b").json == ["a", "b"]
        assert (namespace.path / "instance" / "notes.db").is_file()
        app.close()
