"""Which folders are applications, and where each one's import root is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.cli.discover import folders
from gateway.cli.discover.find import Discovery, Found, discover
from gateway.cli.discover.folders import Skipped

Files = Mapping[str, str]
Find = Callable[[Files], Discovery]
FindOne = Callable[[Files], Found]

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FACTORY = "from flask import Flask\ndef create_app(): return Flask(__name__)\n"
DJANGO = (
    "from django.core.wsgi import get_wsgi_application\n"
    "application = get_wsgi_application()\n"
)
MANAGE = (
    "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\n"
)

# Files of the folder "shop", then: label, import root, reference.
LAYOUTS = {
    "module": ({"app.py": FLASK}, "shop . app:app"),
    "package": ({"flaskr/__init__.py": FACTORY}, "flaskr . flaskr:create_app"),
    "package-and-wsgi": (
        {
            "flaskr/__init__.py": FACTORY,
            "wsgi.py": "from flaskr import create_app\napp = create_app()",
        },
        "shop . wsgi:app",
    ),
    "wsgi-hands-it-over": (
        {
            "web/__init__.py": "from web.core import app",
            "web/core.py": FLASK,
            "wsgi.py": "from web import app as application",
        },
        "shop . wsgi:application",
    ),
    "wsgi-takes-all": (
        {"site1.py": FLASK, "wsgi.py": "from site1 import *\napplication = app"},
        "shop . wsgi:application",
    ),
    "wsgi-by-module": (
        {
            "web/__init__.py": "",
            "web/core.py": FACTORY,
            "wsgi.py": "import web.core as core\napplication = core.create_app()",
        },
        "shop . wsgi:application",
    ),
    "package-hands-it-over": (
        {"web/__init__.py": "from .core import create_app", "web/core.py": FACTORY},
        "web . web:create_app",
    ),
    "class-from-another-module": (
        {
            "base.py": "import flask\nclass Web(flask.Flask): pass",
            "app.py": "from base import Web\napp = Web(__name__)",
        },
        "shop . app:app",
    ),
    "class-by-annotation": (
        {
            "base.py": "import flask\nclass Web(flask.Flask): pass",
            "app.py": "from base import Web\ndef create_app() -> Web: ...",
        },
        "shop . app:create_app",
    ),
    "circular-imports": (
        {
            "web/__init__.py": FLASK + "from web import views",
            "web/views.py": "from web import app\nsite = app",
        },
        "web . web:app",
    ),
    "source-folder": ({"src/web/__init__.py": FLASK}, "web src web:app"),
    "source-folder-of-modules": ({"src/app.py": FLASK}, "shop src app:app"),
    "namespace-package": (
        {
            "app/main.py": FLASK + "from app.routers import items",
            "app/routers/items.py": "",
        },
        "shop . app.main:app",
    ),
    "relative-without-init": (
        {"app/main.py": FLASK + "from . import models", "app/models.py": ""},
        "shop . app.main:app",
    ),
    "relative-two-up": (
        {
            "web/serving/main.py": FLASK + "from ..models import user",
            "web/models/user.py": "",
        },
        "web . web.serving.main:app",
    ),
    "neighbours-as-modules": (
        # The __init__.py is stray: "import models" needs the folder on the path.
        {
            "web/__init__.py": "",
            "web/app.py": FLASK + "import models",
            "web/models.py": "",
        },
        "web web app:app",
    ),
    "standard-library-neighbour": (
        {
            "web/__init__.py": "",
            "web/app.py": FLASK + "import logging",
            "web/logging.py": "",
        },
        "web . web.app:app",
    ),
    "vendored-framework": (
        {
            "app.py": "from bottle import Bottle\napp = Bottle()",
            "bottle.py": "class Bottle: pass",
        },
        "shop . app:app",
    ),
    "django": (
        {
            "manage.py": MANAGE,
            "site1/__init__.py": "",
            "site1/wsgi.py": DJANGO,
            "site1/asgi.py": DJANGO.replace("wsgi", "asgi"),
            "polls/__init__.py": "",
            "polls/views.py": "from django.views import View",
        },
        "shop . site1.wsgi:application",
    ),
    "django-without-init": (
        {"manage.py": MANAGE, "site1/settings.py": "", "site1/wsgi.py": DJANGO},
        "shop . site1.wsgi:application",
    ),
    "django-with-celery": (
        {
            "manage.py": MANAGE,
            "site1/__init__.py": "from .celery import app",
            "site1/celery.py": "from celery import Celery\napp = Celery()",
            "site1/settings.py": "from celery.schedules import crontab",
            "site1/wsgi.py": DJANGO,
        },
        "shop . site1.wsgi:application",
    ),
    "needs-nothing-first": (
        {
            "app.py": "import flask\ndef create_app(config): return flask.Flask('a')",
            "server.py": "from app import create_app\nsite = create_app('x')",
        },
        "shop . server:site",
    ),
    "usual-name-first": (
        {"aaa.py": FLASK, "main.py": FLASK, "deep/__init__.py": ""},
        "shop . main:app",
    ),
    "backend-folder": ({"backend/app.py": FLASK}, "shop backend app:app"),
    "tests-aside": (
        {
            "app.py": FLASK,
            "test_app.py": FLASK,
            "conftest.py": FLASK,
            "setup.py": FLASK,
        },
        "shop . app:app",
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(name: str, find_one: FindOne, tmp_path: Path) -> None:
    files, expected = LAYOUTS[name]
    found = find_one(files)
    assert found.app is not None
    root = found.folder.relative_to(tmp_path / "shop").as_posix()
    assert f"{found.label} {root} {found.app.reference}" == expected


def test_the_others_of_a_folder_are_named_in_order(find_one: FindOne) -> None:
    found = find_one(
        {"app.py": FLASK + FACTORY + "site = Flask('b')", "main.py": FLASK}
    )
    assert found.app is not None
    others = [other.reference for other in found.others]
    assert [found.app.reference, *others] == [
        "app:app",
        "app:create_app",
        "app:site",
        "main:app",
    ]


def test_one_application_under_several_names_is_named_once(find_one: FindOne) -> None:
    found = find_one(
        {
            "web/__init__.py": "from web.core import app",
            "web/core.py": FLASK,
            "wsgi.py": "from web import app",
        }
    )
    assert found.app is not None
    assert (found.app.reference, found.others) == ("wsgi:app", ())


def test_folders_beside_each_other_are_applications_of_their_own(find: Find) -> None:
    discovery = find(
        {
            "notes/app.py": FLASK + "import models",
            "notes/models.py": "",
            "links/app.py": FLASK + "import models",
            "links/models.py": "",
            "one/__init__.py": FLASK,
            "two/__init__.py": FACTORY,
        }
    )
    found = {one.label: one.app.reference for one in discovery.found if one.app}
    assert found == {
        "links": "app:app",
        "notes": "app:app",
        "one": "one:app",
        "two": "two:create_app",
    }


def test_a_package_that_is_asked_for_is_imported_from_above(
    write_files: Callable[[Files], Path],
) -> None:
    top = write_files({"web/__init__.py": FLASK})
    (found,) = discover([top / "web"]).found
    assert found.app is not None
    assert (found.label, found.folder, found.app.reference) == ("web", top, "web:app")


def test_a_stray_init_beside_an_application_does_not_make_it_a_package(
    write_files: Callable[[Files], Path],
) -> None:
    top = write_files({"__init__.py": "", "app.py": FLASK})
    (found,) = discover([top]).found
    assert found.app is not None
    assert (found.folder, found.app.reference) == (top, "app:app")


def test_a_folder_is_found_once_however_often_it_is_asked_for(
    write_files: Callable[[Files], Path],
) -> None:
    top = write_files({"notes/app.py": FLASK, "links/app.py": FLASK})
    asked = [top / "notes", top, top / "notes" / "..", top / "links"]
    labels = [one.label for one in discover(asked).found]
    assert sorted(labels) == ["links", "notes"]


@pytest.mark.parametrize(
    "folder",
    ["node_modules/x", ".hidden", "tests", "__pycache__", "build", "x.egg-info"],
)
def test_other_peoples_folders_are_left_out(folder: str, find: Find) -> None:
    assert find({f"{folder}/app.py": FLASK}).found == ()


def test_virtual_environments_are_left_out(find: Find) -> None:
    discovery = find({"python3/pyvenv.cfg": "", "python3/lib/app.py": FLASK})
    assert discovery.found == ()


def test_a_folder_that_is_asked_for_may_be_called_anything(
    write_files: Callable[[Files], Path],
) -> None:
    top = write_files({"tests/app.py": FLASK})
    (found,) = discover([top / "tests"]).found
    assert found.label == "tests"


STATIC = {
    "pages": ({"public/index.html": "", "public/style.css": ""}, ["public"]),
    "itself": ({"index.html": ""}, ["."]),
    "topmost": ({"docs/index.html": "", "docs/more/index.html": ""}, ["docs"]),
    "built": ({"ui/package.json": "{}", "ui/dist/index.html": ""}, ["ui/dist"]),
    "source": ({"ui/package.json": "{}", "ui/index.html": ""}, []),
    "templates": ({"templates/index.html": ""}, []),
    "with-python": ({"pages/index.html": "", "pages/cgi/run.py": ""}, []),
    "of-an-application": ({"web/app.py": FLASK, "web/public/index.html": ""}, []),
    "beside": ({"web/app.py": FLASK, "public/index.html": ""}, ["public"]),
    "folder-of-that-name": ({"public/index.html/x.txt": ""}, []),
}


@pytest.mark.parametrize("name", STATIC)
def test_static_folders(name: str, find: Find, tmp_path: Path) -> None:
    files, expected = STATIC[name]
    sites = [one.folder for one in find(files).found if one.app is None]
    assert [
        site.relative_to(tmp_path / "shop").as_posix() for site in sites
    ] == expected


def test_a_django_project_without_a_wsgi_module_is_reported(find: Find) -> None:
    discovery = find({"manage.py": MANAGE, "site1/settings.py": ""})
    assert discovery.found == ()
    (skipped,) = discovery.skipped
    assert "get_wsgi_application()" in skipped.reason


def test_symbolic_links_are_followed_within_the_folder_only(
    write_files: Callable[[Files], Path], tmp_path: Path
) -> None:
    top = write_files({"notes/app.py": FLASK})
    (top / "notes" / "again").symlink_to(top)
    (top / "self").symlink_to("self")
    outside = tmp_path / "release7"
    outside.mkdir()
    (outside / "app.py").write_text(FLASK)
    (top / "current").symlink_to(outside)
    (top / "hidden" / ".releases" / "one").mkdir(parents=True)
    (top / "hidden" / ".releases" / "one" / "app.py").write_text(FLASK)
    (top / "hidden" / "live").symlink_to(".releases/one")
    discovery = discover([top])
    assert [one.label for one in discovery.found] == ["live", "notes"]
    assert discovery.skipped == (
        Skipped(
            top / "current",
            f"a link out of the folder, to {outside}: name that folder as well",
        ),
        Skipped(
            top / "notes" / "again",
            f"a link to a folder that it is in itself, {top}",
        ),
    )


def test_a_folder_that_is_asked_for_may_be_a_link(
    write_files: Callable[[Files], Path], tmp_path: Path
) -> None:
    top = write_files({"notes/app.py": FLASK})
    (tmp_path / "link").symlink_to(top)
    discovery = discover([tmp_path / "link"])
    assert [one.label for one in discovery.found] == ["notes"]
    assert discovery.skipped == ()


@pytest.mark.parametrize(
    ("name", "better"),
    [("my-app", "my_app"), ("class", "class_app"), ("2nd", "app"), ("a b", "a_b")],
)
def test_an_application_in_a_file_that_cannot_be_imported(
    name: str, better: str, find: Find
) -> None:
    files = {f"my app/{name}.py": FLASK, "my app/no-app.py": "print('hello')"}
    discovery = find(files)
    assert discovery.found == ()
    (skipped,) = discovery.skipped
    assert skipped.path.name == f"{name}.py"
    assert skipped.reason == (
        "an application in a file whose name Python cannot import: rename it, to "
        f"{better}.py for one"
    )


def test_the_depth_is_bounded(find: Find) -> None:
    deep = "/".join("abcdef")
    discovery = find({f"{deep}/app.py": FLASK, f"{deep}/g/app.py": FLASK})
    assert [one.label for one in discovery.found] == ["f"]


@pytest.mark.parametrize(("limit", "value"), [("MAX_SOURCES", 3), ("MAX_ENTRIES", 9)])
def test_a_scan_of_too_much_stops_and_says_so(
    limit: str,
    value: int,
    write_files: Callable[[Files], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    top = write_files({f"app{number}/app.py": FLASK for number in range(6)})
    monkeypatch.setattr(folders, limit, value)
    discovery = discover([top])
    assert 0 < len(discovery.found) < 6
    (skipped,) = discovery.skipped
    assert f"stopped here after {value}" in skipped.reason


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every folder")
def test_a_folder_that_cannot_be_read_is_reported(
    write_files: Callable[[Files], Path],
) -> None:
    top = write_files({"notes/app.py": FLASK, "links/app.py": FLASK})
    (top / "links").chmod(0)
    try:
        discovery = discover([top])
    finally:
        (top / "links").chmod(0o700)
    assert [one.label for one in discovery.found] == ["notes"]
    assert [skipped.path.name for skipped in discovery.skipped] == ["links"]
