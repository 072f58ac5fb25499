"""What each framework tells of its URLs, asked as ``routes --deep`` does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from composing import ROOT, composed, run_alone, write
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from gateway.framework.app import App
from gateway.urlmap.ask import ask
from gateway.urlmap.endpoint import Endpoint
from gateway.urlmap.mounts import url_maps


def told(application: Any) -> list[tuple[str, str, str | None]]:
    """Return path, methods and name of each endpoint."""
    found = ask(application)
    assert found is not None
    return [(each.path, ",".join(each.methods), each.name) for each in found]


def plain(environ: Any, start_response: Any) -> list[bytes]:
    raise NotImplementedError


def native() -> App:
    app = App("native", static_folder=None)

    @app.route("/notes/<int:number>", methods=["GET", "POST"])
    def note(number: int) -> str:
        raise NotImplementedError

    return app


def test_native_and_flask() -> None:
    from flask import Blueprint, Flask

    flask = Flask("shop", host_matching=True, static_host="cdn.example.com")
    pages = Blueprint("pages", __name__, url_prefix="/pages")
    pages.add_url_rule("/<name>", "show", lambda name: name, host="www.example.com")
    flask.register_blueprint(pages)
    found = ask(flask)
    assert found is not None
    assert found[-1] == Endpoint(
        "/pages/<name>", ("GET", "HEAD", "OPTIONS"), "pages.show", "www.example.com"
    )
    assert told(native()) == [
        ("/notes/<int:number>", "GET,HEAD,OPTIONS,POST", "note"),
    ]
    sub = Flask("sub", static_folder=None, subdomain_matching=True)
    sub.add_url_rule("/", "index", lambda: "", subdomain="api")
    assert [each.host for each in ask(sub) or ()] == ["api."]


def test_through_middleware_and_a_dispatcher() -> None:
    both = DispatcherMiddleware(ProxyFix(native()), {"/deep": native(), "/x": plain})
    assert told(ProxyFix(both)) == [
        ("/deep/notes/<int:number>", "GET,HEAD,OPTIONS,POST", "note"),
        ("/x/*", "", "plain"),
        ("/notes/<int:number>", "GET,HEAD,OPTIONS,POST", "note"),
    ]


def test_a_dispatcher_inside_an_application() -> None:
    app = native()
    app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
        DispatcherMiddleware(app.wsgi_app, {"/metrics": plain})
    )
    assert [path for path, _, _ in told(app)] == ["/metrics/*", "/notes/<int:number>"]


def test_one_that_holds_itself_comes_to_an_end() -> None:
    endless = DispatcherMiddleware(native(), {})
    endless.mounts = {"/again": endless}
    paths = [path for path, _, _ in told(endless)]
    assert len(paths) < 20
    assert paths[-1] == "/notes/<int:number>"


def test_what_cannot_be_asked() -> None:
    assert ask(plain) is None
    assert ask(ProxyFix(plain)) is None
    assert ask(None) is None


def test_bottle() -> None:
    from bottle import Bottle

    app, inner = Bottle(), Bottle()
    app.route("/", ["GET", "POST"], lambda: "", name="home")
    app.route("/any", "ANY", plain)
    app.mount("/wsgi", native())
    app.mount("/callable/", plain)
    inner.get("/in/<name>", callback=plain)
    app.mount("/bottle/", inner)
    assert told(app) == [
        ("/", "GET,POST", "home"),
        ("/any", "", "plain"),
        ("/wsgi/notes/<int:number>", "GET,HEAD,OPTIONS,POST", "note"),
        ("/callable/*", "", "plain"),
        ("/bottle/in/<name>", "GET", "plain"),
    ]


def test_starlette() -> None:
    from starlette.applications import Starlette
    from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
    from starlette.staticfiles import StaticFiles

    async def page(request: Any) -> Any:
        raise NotImplementedError

    class Odd(BaseRoute):
        pass

    app = Starlette(
        routes=[
            Route("/", page, methods=["POST"]),
            Route("/class", type("Page", (), {}), name="class"),
            WebSocketRoute("/socket", page),
            Mount("/files", StaticFiles(directory=ROOT), name="files"),
            Mount("/in", routes=[Route("/{n:int}", page), Mount("/er", Router())]),
            Host("{who}.example.com", Router([Route("/me", page)])),
            Odd(),
        ]
    )
    assert told(app) == [
        ("/", "POST", "page"),
        ("/class", "", "class"),
        ("/socket", "WEBSOCKET", "page"),
        ("/files/*", "", "files"),
        ("/in/{n:int}", "GET,HEAD", "page"),
        ("/me", "GET,HEAD", "page"),
        ("/*", "", "Odd"),
    ]
    assert [each.host for each in ask(app) or ()][-2:] == ["{who}.example.com", None]


def test_fastapi_with_routers_and_a_wsgi_application_inside() -> None:
    from fastapi import APIRouter, FastAPI, WebSocket

    app = FastAPI(openapi_url=None)
    outer, inner = APIRouter(), APIRouter()

    @app.get("/items/{item}")
    def show(item: int) -> None: ...

    @inner.post("/{number}")
    def add(number: int) -> None: ...

    @inner.websocket("/talk")
    async def talk(socket: WebSocket) -> None: ...

    outer.include_router(inner, prefix="/inner")
    app.include_router(outer, prefix="/outer")
    app.mount("/old", Wrapping(native()))
    assert told(app) == [
        ("/items/{item}", "GET", "show"),
        ("/outer/inner/{number}", "POST", "add"),
        ("/outer/inner/talk", "WEBSOCKET", "talk"),
        ("/old/notes/<int:number>", "GET,HEAD,OPTIONS,POST", "note"),
    ]


class Wrapping:
    def __init__(self, app: Any) -> None:
        self.app = app


def test_falcon() -> None:
    import falcon
    import falcon.asgi

    class Things:
        def on_get(self, req: Any, resp: Any) -> None: ...
        def on_post(self, req: Any, resp: Any) -> None: ...
        def on_delete_one(self, req: Any, resp: Any, number: int) -> None: ...

    class Talk:
        async def on_websocket(self, req: Any, socket: Any) -> None: ...

    class OwnRouter:
        def find(self, uri: str, req: Any = None) -> None: ...

    app = falcon.App()
    app.add_route("/things", Things())
    app.add_route("/things/{number:int}", Things(), suffix="one")
    app.add_static_route("/files", ROOT)
    app.add_sink(lambda req, resp: None, "/sink")
    assert told(app) == [
        ("/things", "GET,POST", "Things"),
        ("/things/{number:int}", "DELETE", "Things"),
        ("/files/*", "GET", "static"),
        ("/sink/*", "", "<lambda>"),
    ]
    asynchronous = falcon.asgi.App()
    asynchronous.add_route("/talk", Talk())
    assert told(asynchronous) == [("/talk", "WEBSOCKET", "Talk")]
    assert told(falcon.App(router=OwnRouter())) == [
        ("/*", "", "OwnRouter (a router of its own)")
    ]


PYRAMID = """
from pyramid.config import Configurator
from gateway.urlmap.ask import ask

def view(request): ...

with Configurator() as config:
    config.add_route("hello", "/hello/{name}", request_method="GET")
    config.add_route("all", "all")
    config.add_route("some", "/some")
    config.add_route("bare", "/bare")
    config.add_view(view, route_name="hello")
    config.add_view(view, route_name="all")
    config.add_view(view, route_name="all", request_method="POST", xhr=True)
    config.add_view(view, route_name="some", request_method=("PUT", "DELETE"))
    config.add_view(view, name="found", request_method="GET")
    config.add_view(view)
    app = config.make_wsgi_app()
for each in ask(app):
    print(each.path, ",".join(each.methods), each.name)
"""


def test_pyramid(tmp_path: Path) -> None:
    # In a process of its own: some of what Pyramid imports warns of its age.
    lines = run_alone(PYRAMID, tmp_path).splitlines()
    assert lines == [
        "/hello/{name} GET hello",
        "/all  all",
        "/some DELETE,PUT some",
        "/bare  bare",
        "/*/found GET view",
        "/*  view",
    ]


DJANGO_URLS = """
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View


class Page(View):
    def get(self, request): ...
    def put(self, request): ...


def viewset(request): ...
viewset.actions = {"get": "list", "post": "create"}


def bare(request): ...


inner = ([path("page/", csrf_exempt(Page.as_view()), name="page")], "inner")
urlpatterns = [
    path("", bare),
    path("set/<int:n>", viewset, name="set"),
    re_path(r"^old/(?P<year>[0-9]{4})/$", bare, name="old"),
    path("in/", include(inner, namespace="own")),
    path("more/", include([path("a", bare, name="a")])),
]
"""

DJANGO_WSGI = """
import os
from django.conf import settings
from django.core.{0} import get_{0}_application

settings.configure(ROOT_URLCONF="site_urls", SECRET_KEY="s", ALLOWED_HOSTS=["*"])
application = get_{0}_application()
"""


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_django(tmp_path: Path, interface: str) -> None:
    code = DJANGO_WSGI.format(interface)
    write(tmp_path, {"site/site_urls.py": DJANGO_URLS, "site/site_main.py": code})
    key = "app" if interface == "wsgi" else "asgi"
    (tmp_path / "gateway.yaml").write_text(
        "mounts:\n"
        f"  shop: {{{key}: 'site_main:application', path: site, imports: shared}}\n"
    )
    code = """
    from gateway import Gateway
    from gateway.urlmap.mounts import url_maps

    with Gateway.from_file("gateway.yaml") as gateway:
        (shop,) = url_maps(gateway)
        print(shop.unknown)
        for each in shop.endpoints:
            print(each.path, ",".join(each.methods), each.name)
    """
    assert run_alone(code, tmp_path).splitlines() == [
        "None",
        "/shop/  site_urls.bare",
        "/shop/set/<int:n> GET,POST set",
        "/shop/old/(?P<year>[0-9]{4})/  old",
        "/shop/in/page/ GET,OPTIONS,PUT own:page",
        "/shop/more/a  a",
    ]


def test_a_private_copy_of_a_framework(tmp_path: Path) -> None:
    import bottle

    app = """
    from bottle import Bottle

    application = Bottle()
    application.get("/x", callback=lambda: "", name="x")
    """
    with composed(
        tmp_path,
        "one: {app: 'own:application', path: one}",
        {"one/own.py": app, "one/bottle.py": Path(bottle.__file__).read_text()},
    ) as site:
        assert type(site.members["one"].loaded.wsgi).__module__ == "mounts.one.bottle"
        (one,) = url_maps(site)
    assert one.endpoints == (Endpoint("/one/x", ("GET",), "x"),)


MOUNTS = """
root: {prefix: /, app: "app:native", path: all}
deep: {prefix: /a/b, host: shop.localhost, app: "app:native", path: all}
plain: {app: "app:plain", path: all}
broken: {app: "app:broken", path: all}
files: {static: public}
old: {redirect: /a}
behind: {proxy: "http://127.0.0.1:9"}
"""

FILES = {
    "public/x.txt": "",
    "all/app.py": """
    from gateway import App, current_app
    from bottle import Bottle

    def native():
        app = App("app", static_folder=None)
        app.add_url_rule("/x", "x", lambda: "")
        return app

    def plain(environ, start_response): ...

    class Broken:
        def __iter__(self):
            raise LookupError(f"no routes\\x1b[2J in {current_app.name}")

    broken = Bottle()
    vars(broken)["routes"] = Broken()
    """,
}


def test_a_whole_gateway(tmp_path: Path) -> None:
    with composed(tmp_path, MOUNTS, FILES) as site:
        maps = {each.mount: each for each in url_maps(site)}
    methods = ("GET", "HEAD", "OPTIONS")
    assert maps["root"].endpoints == (Endpoint("/x", methods, "x"),)
    assert maps["deep"].endpoints == (Endpoint("/a/b/x", methods, "x"),)
    assert maps["deep"].prefix == "/a/b"
    assert maps["deep"].host == "shop.localhost"
    assert {name: each.unknown for name, each in maps.items() if each.unknown} == {
        "plain": "it cannot be asked: of no framework that is known here",
        "broken": "asking it failed: LookupError: no routes\x1b[2J in broken",
        "files": "the files of a folder",
        "old": "all of it is redirected",
        "behind": "a server of its own answers",
    }


def test_no_framework_is_imported_for_it() -> None:
    code = (
        "import sys, gateway.urlmap.mounts\n"
        "frameworks = {'flask', 'django', 'bottle', 'starlette', 'falcon', 'pyramid'}\n"
        "assert not frameworks & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
