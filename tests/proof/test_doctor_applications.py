"""Real applications, as their projects write them, under a prefix."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from composing import ROOT, configured, run_alone, write
from doctor_site import diagnose_file, found, of, only

from gateway.lifecycle import Gateway
from gateway.servers.waitress import running

FLASK = """
    from flask import Flask, redirect, session

    PAGE = '''<html>
    <link rel=stylesheet href="/static/app.css">
    <a href="/about">About</a>
    <form action="/save" method=post></form>
    <img srcset="/static/a.png 1x">
    <a href="go">go</a>
    '''

    def create_app():
        app = Flask(__name__)
        app.add_url_rule("/", "home", lambda: PAGE)
        app.add_url_rule("/about", "about", lambda: "about")
        app.add_url_rule("/save", "save", lambda: "saved", methods=["POST"])
        app.add_url_rule("/go", "go", lambda: redirect("/about"))
        return app
"""


def test_flask_with_hard_coded_paths(tmp_path: Path) -> None:
    files = {
        "app/app.py": FLASK,
        "app/static/app.css": "p { background: url(/static/a.png) }",
        "app/static/a.png": "png",
    }
    mounts = 'app: {app: "app:create_app", path: app}'
    diagnosis = diagnose_file(configured(tmp_path, mounts, files))
    assert found(diagnosis, "app") == [
        ("error", "asset"), ("error", "link"), ("error", "form"),
        ("error", "asset"), ("error", "redirect"),
    ]  # fmt: skip
    mount = of(diagnosis, "app")
    assert mount.application == "Flask"
    assert "/app/save answers 405" in mount.findings[2].message
    # In the page and in its style sheet.
    assert mount.findings[3].places == 2
    assert all("url_for()" in each.cure for each in mount.findings)


FASTAPI = """
    from fastapi import FastAPI

    def create_app(**options):
        app = FastAPI(**options)
        app.get("/items")(lambda: [])
        return app
"""


def test_fastapi_with_its_documentation(tmp_path: Path) -> None:
    mounts = """
        good: {asgi: "app:create_app", path: app}
        bad: {asgi: "app:create_app", path: app, args: {servers: [{url: /}]}}
    """
    config = configured(tmp_path, mounts, {"app/app.py": FASTAPI})
    diagnosis = diagnose_file(config)
    assert found(diagnosis, "good") == []
    # Both of its pages about the API are read, though no page links to them.
    assert of(diagnosis, "good").pages == 2
    finding = only(diagnosis, "bad")
    assert (finding.severity, finding.kind) == ("error", "API")
    assert "/bad/items answers 200" in finding.message
    assert "leave root_path and servers out" in finding.cure


DJANGO = """
    from pathlib import Path
    from gateway.config.load import load_config
    from gateway.proof.doctor.examine import examine

    diagnosis = examine(load_config(Path("gateway.yaml")))
    (mount,) = diagnosis.mounts
    print(mount.application, mount.pages)
    for each in mount.findings:
        print(each.severity, each.kind, each.message)
    assert all("STATIC_URL" in each.cure for each in mount.findings if each.spot)
    assert "very-well-known" not in repr(diagnosis)
"""
DJANGO_FILES = {
    "gateway.yaml": """
        mounts:
          shop: {app: "shop.wsgi:application", path: ., imports: shared}
    """,
    "shop/__init__.py": "",
    "shop/settings.py": """
        DEBUG = True
        ALLOWED_HOSTS = ["*"]
        SECRET_KEY = "django-insecure-very-well-known"
        ROOT_URLCONF = "shop.urls"
        STATIC_URL = "/static/"
        LOGIN_URL = "/login/"
        INSTALLED_APPS = [
            f"django.contrib.{name}" for name in ("contenttypes", "auth", "staticfiles")
        ]
        TEMPLATES = [{
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"builtins": ["django.templatetags.static"]},
        }]
    """,
    "shop/urls.py": """
        from django.http import HttpResponse
        from django.shortcuts import resolve_url
        from django.template import engines
        from django.urls import path
        from django.views.static import serve

        def home(request):
            page = '<link rel=stylesheet href="{% static "a.css" %}">'
            page += '<a href="{% url "inside" %}"></a><a href=private></a>'
            return HttpResponse(engines["django"].from_string(page).render({}, request))

        def private(request):
            from django.contrib.auth.views import redirect_to_login
            return redirect_to_login(request.path)

        urlpatterns = [
            path("", home),
            path("in/", lambda request: HttpResponse("<p>"), name="inside"),
            path("private", private),
            path("login/", lambda request: HttpResponse("<p>")),
            path("static/a.css", lambda request: HttpResponse("", "text/css")),
        ]
    """,
    "shop/wsgi.py": """
        import os
        from django.core.wsgi import get_wsgi_application
        os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
        application = get_wsgi_application()
    """,
}


def test_django_with_addresses_that_do_not_know_the_prefix(tmp_path: Path) -> None:
    write(tmp_path, DJANGO_FILES)
    first, *findings = run_alone(DJANGO, tmp_path).splitlines()
    # The front page, what it links to, and the login page.
    assert first == "Django 3"
    assert [line.split(" leaves")[0] for line in findings] == [
        "error debug DEBUG is on: its error pages show settings, code and values, and "
        "it remembers every SQL query",
        "error secret its secret key is one that everybody knows, from a template or a "
        "tutorial, so anyone can sign a session of it",
        "error asset the file /static/a.css",
        "error redirect the redirect /login/?next=/shop/private",
        "note host ALLOWED_HOSTS holds '*': URLs in its mails and redirects are built "
        "from whatever Host a client sends",
    ]


BEHIND = """
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    HARD = "<a href=/cart>"
    SOFT = "<a href={{ url_for('cart') }}>"

    def create_app(knows=False):
        from flask import render_template_string
        app = Flask(__name__)
        page = SOFT if knows else HARD
        app.add_url_rule("/", "home", lambda: render_template_string(page))
        app.add_url_rule("/cart", "cart", lambda: "cart")
        return ProxyFix(app, x_prefix=1)
"""


@pytest.mark.parametrize("knows", [False, True])
def test_an_application_behind_a_proxy_mount(tmp_path: Path, knows: bool) -> None:
    pytest.importorskip("urllib3", reason="component not installed: urllib3")
    mounts = f'app: {{app: "app:create_app", path: app, args: {{knows: {knows}}}}}'
    behind = configured(tmp_path / "behind", mounts, {"app/app.py": BEHIND})
    with (
        Gateway.from_file(behind) as gateway,
        running(
            gateway.mounts["app"].serve,
            replace(gateway.spec.server, port=0, trusted_hops=1),
        ) as server,
    ):
        url = f"http://127.0.0.1:{server.address[1]}"
        shop = f"shop: {{proxy: {url!r}}}"
        diagnosis = diagnose_file(configured(tmp_path / "front", shop, {}))
    if knows:
        assert found(diagnosis, "shop") == []
        assert of(diagnosis, "shop").references == 1
    else:
        finding = only(diagnosis, "shop")
        assert (finding.severity, finding.kind) == ("error", "link")
        assert "/shop/cart answers 200" in finding.message
        assert "X-Forwarded-Prefix" in finding.cure


WSGIDAV = """
    from pathlib import Path
    from wsgidav.wsgidav_app import WsgiDAVApp

    def create_app(**options):
        return WsgiDAVApp({
            "provider_mapping": {"/": str(Path(__file__).parent)},
            "simple_dc": {"user_mapping": {"*": True}},
            "logging": {"enable": False},
            **options,
        })
"""
DASH = """
    import dash

    def create_app(**options):
        app = dash.Dash("app", **options)
        app.layout = dash.html.P("hello")
        return app.server
"""
DATASETTE = """
    from datasette.app import Datasette

    def create_app(**settings):
        return Datasette(memory=True, settings=settings).app()
"""
# In a process of its own: their warnings and threads are not ours to mend.
EXAMINE = """
    from pathlib import Path
    from gateway.config.load import load_config
    from gateway.proof.doctor.examine import examine

    for mount in examine(load_config(Path("gateway.yaml"))).mounts:
        errors = [each for each in mount.findings if each.severity == "error"]
        print(">", mount.mount, mount.application, mount.pages > 0, len(errors))
        for each in errors:
            print(">", each.message, each.cure)
"""


def examined_alone(folder: Path, mounts: str, source: str) -> list[str]:
    configured(folder, mounts, {"app/app.py": source})
    lines = run_alone(EXAMINE, folder).splitlines()
    # Not what the applications print themselves.
    return [line[2:] for line in lines if line.startswith("> ")]


def test_wsgidav(tmp_path: Path) -> None:
    pytest.importorskip("wsgidav", reason="component not installed: wsgidav")
    mounts = """
        bad: {app: "app:create_app", path: app}
        good: {app: "app:create_app", path: app, args: {mount_path: /good}}
    """
    first, *errors, last = examined_alone(tmp_path, mounts, WSGIDAV)
    assert first.startswith("bad WsgiDAV True ")
    assert all('set "mount_path": "/bad"' in line for line in errors)
    assert len(errors) > 1
    assert last == "good WsgiDAV True 0"


# These two pin what they stand on, and Dash brings a pytest plugin that does not load
# where warnings are errors: whoever wants them installs them, and runs pytest with
# "-p no:dash".
def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        importlib.util.find_spec(package) is None,
        reason=f"not among what the tests install: {package}",
    )


@needs("dash")
def test_dash(tmp_path: Path) -> None:
    mounts = """
        bad: {app: "app:create_app", path: app}
        good:
          app: app:create_app
          path: app
          args: {requests_pathname_prefix: /good/, routes_pathname_prefix: /}
    """
    first, *errors, last = examined_alone(tmp_path, mounts, DASH)
    assert first.startswith("bad Dash True ")
    assert len(errors) > 5
    assert all('requests_pathname_prefix="/bad/"' in line for line in errors)
    assert last == "good Dash True 0"


@needs("datasette")
def test_datasette(tmp_path: Path) -> None:
    mounts = """
        bad: {asgi: "app:create_app", path: app}
        good: {asgi: "app:create_app", path: app, args: {base_url: /good/}}
    """
    first, error, last = examined_alone(tmp_path, mounts, DATASETTE)
    assert first == "bad Datasette False 1"
    assert "redirected in a circle" in error
    assert '"base_url": "/bad/"' in error
    assert last == "good Datasette True 0"


def test_the_demo_has_nothing_that_escapes(tmp_path: Path) -> None:
    # A copy, so that its databases are the test's own.
    left_out = shutil.ignore_patterns("var", "instance", "__pycache__", "*.sqlite3")
    shutil.copytree(ROOT / "apps", tmp_path / "apps", ignore=left_out)
    shutil.copy(ROOT / "gateway.yaml", tmp_path)
    code = """
    from pathlib import Path
    from gateway.config.load import load_config
    from gateway.proof.doctor.examine import examine

    diagnosis = examine(load_config(Path("gateway.yaml")))
    for mount in diagnosis.mounts:
        print(mount.mount, mount.pages > 0, sorted({
            (each.severity, each.kind) for each in mount.findings
        }))
    """
    lines = run_alone(code, tmp_path).splitlines()
    # The demo's keys are the demo's: that is true.
    assert [line for line in lines if not line.endswith(" True []")] == [
        "notes True [('note', 'cookie'), ('warning', 'secret')]",
        "catalog True [('warning', 'secret')]",
    ]
