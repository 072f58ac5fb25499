"""What single source files tell about the applications in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from gateway.cli.discover.find import Discovery, Found

# The source of app.py, then what is found: reference, framework, interface, form.
APPLICATIONS = {
    "flask": (
        "from flask import Flask\napp = Flask(__name__)",
        "app:app Flask wsgi object",
    ),
    "flask-module-alias": (
        "import flask as f\nsite = f.Flask(__name__)",
        "app:site Flask wsgi object",
    ),
    "flask-with-all-its-names": (
        "from flask import *\napp = Flask(__name__)",
        "app:app Flask wsgi object",
    ),
    "flask-class-alias": (
        "from flask import Flask as F\napp: F = F(__name__)",
        "app:app Flask wsgi object",
    ),
    "flask-name-of-a-name": (
        "import flask\nWeb = flask.Flask\napp = Web(__name__)",
        "app:app Flask wsgi object",
    ),
    "flask-subclass": (
        """
        import flask
        class Base(flask.Flask): pass
        class Web(Base): pass
        app = Web(__name__)
        """,
        "app:app Flask wsgi object",
    ),
    "flask-chained-targets": (
        "from flask import Flask\napp = application = Flask(__name__)",
        "app:application Flask wsgi object",
    ),
    "flask-tuple": (
        "from flask import Flask\napp, debug = Flask(__name__), False",
        "app:app Flask wsgi object",
    ),
    "flask-conditional": (
        """
        from flask import Flask
        if some():
            app = Flask("a")
        else:
            app = None
        """,
        "app:app Flask wsgi object",
    ),
    "flask-in-try": (
        """
        try:
            from flask import Flask
        except ImportError:
            raise
        else:
            with open("x") as file:
                app = Flask(file.read()) if file else None
        """,
        "app:app Flask wsgi object",
    ),
    "flask-wrapped-in-place": (
        """
        from flask import Flask
        from werkzeug.middleware.proxy_fix import ProxyFix
        app = Flask(__name__)
        app.wsgi_app = ProxyFix(app.wsgi_app)
        """,
        "app:app Flask wsgi object",
    ),
    "flask-wrapped": (
        """
        from flask import Flask
        from werkzeug.middleware.proxy_fix import ProxyFix
        app = Flask(__name__)
        application = ProxyFix(app, x_for=1)
        """,
        "app:application Flask wsgi object",
    ),
    "flask-wrapped-by-unknown": (
        """
        from flask import Flask
        from somewhere import Middleware
        app = Flask(__name__)
        app = Middleware(app, level=3)
        """,
        "app:app Flask wsgi object",
    ),
    "flask-extension-is-no-application": (
        """
        from flask import Flask
        from flask_sqlalchemy import SQLAlchemy
        site = Flask(__name__)
        app = SQLAlchemy(site)
        """,
        "app:site Flask wsgi object",
    ),
    "flask-factory": (
        """
        from flask import Flask
        def create_app(testing=False):
            app = Flask(__name__)
            @app.get("/")
            def index():
                return "hello"
            return app
        """,
        "app:create_app Flask wsgi factory",
    ),
    "flask-factory-with-inner-import": (
        """
        def make_app():
            from flask import Flask
            return Flask(__name__)
        """,
        "app:make_app Flask wsgi factory",
    ),
    "flask-factory-through-helper": (
        """
        import flask
        def build_site():
            return _base()
        def _base():
            web = flask.Flask(__name__)
            return web
        """,
        "app:build_site Flask wsgi factory",
    ),
    "flask-factory-by-annotation": (
        """
        from flask import Flask
        from company import framework
        def create_app() -> "Flask":
            return framework.standard_app()
        """,
        "app:create_app Flask wsgi factory",
    ),
    "flask-object-before-factory": (
        """
        from flask import Flask
        def create_app(name):
            return Flask(name)
        app = create_app("shop")
        """,
        "app:app Flask wsgi object",
    ),
    "native": (
        "from gateway import App\napp = App(__name__)",
        "app:app Native wsgi object",
    ),
    "native-factory": (
        "import gateway\ndef create_app(): return gateway.App(__name__)",
        "app:create_app Native wsgi factory",
    ),
    "bottle": (
        "from bottle import Bottle\napp = Bottle()",
        "app:app Bottle wsgi object",
    ),
    "bottle-default": (
        "import bottle\napplication = bottle.default_app()",
        "app:application Bottle wsgi object",
    ),
    "bottle-default-with-all-its-names": (
        """
        from bottle import *
        @route("/")
        def index(): return "hello"
        """,
        "app:default_app Bottle wsgi factory",
    ),
    "bottle-default-unnamed": (
        """
        import bottle
        @bottle.route("/")
        def index():
            return "hello"
        """,
        "app:bottle.default_app Bottle wsgi factory",
    ),
    "django": (
        """
        import os
        from django.core.wsgi import get_wsgi_application
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
        application = get_wsgi_application()
        """,
        "app:application Django wsgi object",
    ),
    "django-behind-whitenoise": (
        """
        from django.core.wsgi import get_wsgi_application
        from whitenoise import WhiteNoise
        application = WhiteNoise(get_wsgi_application(), root="static")
        """,
        "app:application Django wsgi object",
    ),
    "fastapi": (
        "from fastapi import FastAPI\napp = FastAPI()",
        "app:app FastAPI asgi object",
    ),
    "fastapi-factory": (
        "import fastapi\ndef create_app() -> fastapi.FastAPI: ...",
        "app:create_app FastAPI asgi factory",
    ),
    "fastapi-around-flask": (
        """
        from fastapi import FastAPI
        from flask import Flask
        from a2wsgi import WSGIMiddleware
        flask_app = Flask(__name__)
        app = FastAPI()
        app.mount("/old", WSGIMiddleware(flask_app))
        """,
        "app:app FastAPI asgi object",
    ),
    "starlette": (
        "from starlette.applications import Starlette\napp = Starlette(routes=[])",
        "app:app Starlette asgi object",
    ),
    "quart": (
        "from quart import Quart\napp = Quart(__name__)",
        "app:app Quart asgi object",
    ),
    "falcon": ("import falcon\napp = falcon.App()", "app:app Falcon wsgi object"),
    "falcon-asgi": (
        "import falcon.asgi\napp = falcon.asgi.App()",
        "app:app Falcon asgi object",
    ),
    "pyramid-main": (
        """
        from pyramid.config import Configurator
        def main(global_config, **settings):
            with Configurator(settings=settings) as config:
                config.scan()
            return config.make_wsgi_app()
        """,
        "app:main Pyramid wsgi factory",
    ),
    "pyramid-object": (
        """
        from pyramid.config import Configurator
        config = Configurator()
        app = config.make_wsgi_app()
        """,
        "app:app Pyramid wsgi object",
    ),
    "dash": (
        "from dash import Dash\napp = Dash(__name__)",
        "app:app.server Dash wsgi object",
    ),
    "dash-with-server": (
        "import dash\napp = dash.Dash(__name__)\nserver = app.server",
        "app:server Dash wsgi object",
    ),
    "web.py": (
        "import web\nurls = ()\napplication = web.application(urls).wsgifunc()",
        "app:application web.py wsgi object",
    ),
    "wsgi-function": (
        "def application(environ, start_response): return []",
        "app:application WSGI wsgi function",
    ),
    "wsgi-function-short": (
        "def app(env, start): return []",
        "app:app WSGI wsgi function",
    ),
    "wsgi-class": (
        """
        class Shortener:
            def __call__(self, environ, start_response):
                return []
        application = Shortener()
        """,
        "app:application WSGI wsgi object",
    ),
    "wsgi-decorated": (
        """
        from werkzeug.wrappers import Request, Response
        @Request.application
        def application(request):
            return Response("hello")
        """,
        "app:application WSGI wsgi function",
    ),
    "wsgi-closure": (
        """
        def make_app(greeting="hello"):
            def serve(environ, start_response):
                return [greeting]
            return serve
        """,
        "app:make_app WSGI wsgi factory",
    ),
    "asgi-function": (
        "async def app(scope, receive, send): pass",
        "app:app ASGI asgi function",
    ),
    "socketio-around-flask": (
        """
        import socketio
        from flask import Flask
        app = Flask(__name__)
        app = socketio.WSGIApp(socketio.Server(), app)
        """,
        "app:app Socket.IO wsgi object",
    ),
    "flask-or-nothing": (
        "import flask\napp = None or flask.Flask(__name__)",
        "app:app Flask wsgi object",
    ),
    "flask-named-in-passing": (
        "import flask\napp = (web := flask.Flask(__name__))",
        "app:app Flask wsgi object",
    ),
    "flask-made-of-its-method": (
        "import flask\nweb = flask.Flask(__name__)\napplication = web.wsgi_app",
        "app:application Flask wsgi object",
    ),
    "flask-as-asgi": (
        """
        from asgiref.wsgi import WsgiToAsgi
        from flask import Flask
        web = Flask(__name__)
        app = WsgiToAsgi(web)
        """,
        "app:app Flask asgi object",
    ),
    "wrapped-function": (
        """
        from werkzeug.middleware.proxy_fix import ProxyFix
        def serve(environ, start_response): return []
        application = ProxyFix(serve)
        """,
        "app:application WSGI wsgi object",
    ),
    "wrapped-unknown": (
        "import a2wsgi, company\napp = a2wsgi.WSGIMiddleware(company.site)",
        "app:app ASGI asgi object",
    ),
    "factory-by-annotated-subclass": (
        """
        import flask, company
        class Web(flask.Flask): pass
        def create_app() -> Web: return company.standard()
        """,
        "app:create_app Flask wsgi factory",
    ),
    "script-part-ignored": (
        """
        from flask import Flask
        if __name__ == "__main__":
            application = Flask("script")
        else:
            app = Flask("served")
        """,
        "app:app Flask wsgi object",
    ),
}

NOTHING = {
    "empty": "",
    "library": "import flask\n\ndef helper(x):\n    return x",
    "script-only": (
        'from flask import Flask\nif "__main__" == __name__:\n    app = Flask(__name__)'
    ),
    "rebound": "from flask import Flask\napp = Flask('a')\napp = None",
    "middleware": """
        def logging_middleware(app):
            def wrapped(environ, start_response):
                return app(environ, start_response)
            return wrapped
        """,
    "responses": """
        class Page:
            def __call__(self, environ, start_response):
                return []
        def index(request):
            return Page()
        """,
    "private": "from flask import Flask\n_app = Flask(__name__)",
    "import-from-elsewhere": "from company.site import app",
    "unrelated-app": "import typer\napp = typer.Typer()",
    "calls-itself": "def create_app(): return create_app()\napp = create_app()",
    "inherits-itself": "class A(A): pass\napp = A()",
    "async-factory": "import flask\nasync def create_app(): return flask.Flask('a')",
    "odd-annotations": """
        def create_app() -> "Flask[": ...
        def make_app() -> "'\\d'": ...
        def build() -> 1: ...
        """,
    "two-parameters": "def app(first, second): return first + second",
}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_one_application(
    name: str, find_one: Callable[[Mapping[str, str]], Found]
) -> None:
    source, expected = APPLICATIONS[name]
    app = find_one({"app.py": source}).app
    assert app is not None
    described = (app.reference, app.made.framework, app.made.interface, app.form)
    assert " ".join(map(str, described)) == expected


@pytest.mark.parametrize("name", NOTHING)
def test_no_application(
    name: str, find: Callable[[Mapping[str, str]], Discovery]
) -> None:
    discovery = find({"app.py": NOTHING[name]})
    assert discovery.found == ()
    assert discovery.skipped == ()


@pytest.mark.parametrize(
    ("signature", "required"),
    [
        ("config", [("config", None)]),
        ("config: str, debug=False", [("config", "str")]),
        ("*, config: dict[str, int]", [("config", "dict[str, int]")]),
        ("*args, **kwargs", []),
        ("a, b, /, c=1, *, d", [("a", None), ("b", None), ("d", None)]),
    ],
)
def test_required_parameters(
    signature: str,
    required: list[tuple[str, str | None]],
    find_one: Callable[[Mapping[str, str]], Found],
) -> None:
    source = f"import flask\ndef create_app({signature}): return flask.Flask('a')"
    app = find_one({"app.py": source}).app
    assert app is not None
    assert [(one.name, one.annotation) for one in app.required] == required
    assert app.needs_values == bool(required)


def test_bottle_routes_that_nothing_names_are_reported(
    find: Callable[[Mapping[str, str]], Discovery],
) -> None:
    source = "from bottle import route\n@route('/')\ndef index(): return 'hello'"
    discovery = find({"app.py": source})
    assert discovery.found == ()
    (skipped,) = discovery.skipped
    assert "bottle.default_app()" in skipped.reason
