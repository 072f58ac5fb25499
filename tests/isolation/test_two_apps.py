"""Two applications that clash over everything, in one process, over a real server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.cookiejar import CookieJar
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from composing import composed
from installed import OLD_SQLALCHEMY, WITH_OLD_FLASK, environment_with

from gateway.servers.waitress import running

# The old versions do what is deprecated in newer versions of Python.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

USERS, VISITS = 4, 6

APP = """
    import os
    from importlib.metadata import version

    import flask, flask_sqlalchemy, sqlalchemy, werkzeug
    from flask import Flask, current_app, jsonify, request, session
    from models import Note, db

    made = []

    def create_app():
        app = Flask(__name__)
        made.append(app)
        early = app.config["NAME"]
        app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
        db.init_app(app)
        with app.app_context():
            db.create_all()

        @app.route("/add/<user>/<int:number>")
        def add(user, number):
            seen = session.get("seen", [])
            session["seen"] = [*seen, number]
            db.session.add(Note(user, number))
            db.session.commit()
            mine = db.select(Note).filter_by(user=user).order_by(Note.id)
            return jsonify(
                flask=version("flask"),
                werkzeug=version("werkzeug"),
                sqlalchemy=sqlalchemy.__version__,
                database=os.environ["DATABASE_URL"],
                engine=str(db.engine.url),
                notes=[note.told() for note in db.session.scalars(mine)],
                seen=seen,
                cookies=list(request.cookies),
                names=[early, current_app.config["NAME"]],
            )

        return app

    def close():
        with made[0].app_context():
            db.engine.dispose()
    """

MODELS = """
    from flask_sqlalchemy import SQLAlchemy

    db = SQLAlchemy()

    class Note(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        user = db.Column(db.String)
        {name} = db.Column(db.Integer)

        def __init__(self, user, number):
            self.user, self.{name} = user, number

        def told(self):
            return ["{name}", self.{name}]
    """

MOUNTS = """
    old:
      app: app:create_app
      path: apps/old
      venv: {venv}
      shutdown: app:close
      env: {{DATABASE_URL: "sqlite:///old.db"}}
      config: {{SECRET_KEY: one, NAME: old}}
    new:
      app: app:create_app
      path: apps/new
      shutdown: app:close
      env: {{DATABASE_URL: "sqlite:///new.db"}}
      config: {{SECRET_KEY: two, NAME: new}}
    """

FILES = {
    "apps/old/app.py": APP,
    "apps/new/app.py": APP,
    "apps/old/models.py": MODELS.format(name="page"),
    "apps/new/models.py": MODELS.format(name="line"),
}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve both applications on a free port; give its URL."""
    environment = environment_with(*WITH_OLD_FLASK)
    mounts = MOUNTS.format(venv=environment.folder)
    with composed(folder, mounts, FILES) as gateway:
        assert {mount.kind for mount in gateway.mounts.values()} == {"flask"}
        spec = replace(gateway.spec.server, port=0, threads=USERS)
        with running(gateway, spec) as server:
            yield server.url


def visit_both(url: str, user: str) -> dict[str, list[dict[str, Any]]]:
    """Visit both applications in turn, as one browser; return what each answered."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    answers: dict[str, list[dict[str, Any]]] = {"old": [], "new": []}
    for number in range(VISITS):
        for name, answered in answers.items():
            with browser.open(f"{url}/{name}/add/{user}/{number}") as response:
                answered.append(json.load(response))
    return answers


def test_two_apps_with_nothing_in_common_but_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shared: Any = sys.modules.get("flask")
    users = [f"user{number}" for number in range(USERS)]
    with served(tmp_path) as url, ThreadPoolExecutor(USERS) as pool:
        told = list(pool.map(visit_both, [url] * USERS, users))
    constant = {
        "old": {
            "flask": "2.2.5",
            "werkzeug": "2.2.3",
            "sqlalchemy": OLD_SQLALCHEMY,
            "database": "sqlite:///old.db",
            "engine": f"sqlite:///{tmp_path}/apps/old/instance/old.db",
            "names": ["old", "old"],
        },
        "new": {
            "flask": version("flask"),
            "werkzeug": version("werkzeug"),
            "sqlalchemy": version("sqlalchemy"),
            "database": "sqlite:///new.db",
            "engine": f"sqlite:///{tmp_path}/apps/new/instance/new.db",
            "names": ["new", "new"],
        },
    }
    assert version("flask") >= "3.1"
    for answers in told:
        for name, column in (("old", "page"), ("new", "line")):
            for number, answer in enumerate(answers[name]):
                assert answer == {
                    **constant[name],
                    "notes": [[column, each] for each in range(number + 1)],
                    "seen": list(range(number)),
                    "cookies": ["session"] if number else [],
                }
    for name in ("old", "new"):
        instance = tmp_path / "apps" / name / "instance"
        assert [file.name for file in instance.iterdir()] == [f"{name}.db"]
    assert "DATABASE_URL" not in os.environ
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert shared is None or sys.modules["flask"] is shared
