"""What the tests of the cookie policy share: sites, and what stands for a browser."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import Any
from urllib.request import Request

from gateway.config.spec import ServerSpec
from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.table import Route, Table
from gateway.loaders.asgi import AsgiBridge
from gateway.loaders.foreign import ForeignApplication
from gateway.mount import Mount
from gateway.paths import from_text
from gateway.policies.cookies import CookiePolicy
from gateway.policies.cookies_plan import plan_cookies
from gateway.servers.waitress import running

HOST = "www.example.com"


@dataclass(frozen=True)
class Placed:
    """An application at its place."""

    name: str
    prefix: str
    wsgi: Any = None
    host: str | None = None
    cookies: str = "isolated"


def composed(*mounts: Placed) -> Dispatcher:
    """Mount the applications as the gateway does."""
    plans = plan_cookies(mounts)
    routes = []
    for placed in mounts:
        wsgi = placed.wsgi
        if placed.name in plans:
            wsgi = CookiePolicy(wsgi, plans[placed.name])
        mount = Mount(
            placed.name,
            placed.prefix,
            placed.host,
            kind="wsgi",
            source="test",
            application=ForeignApplication(placed.name, {}),
            wsgi=wsgi,
        )
        routes.append(Route(placed.host, from_text(placed.prefix), mount.serve))
    return Dispatcher(Table(routes))


class Browser:
    """Keeps cookies as :mod:`http.cookiejar` does, and talks to a real server."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self.jar = CookieJar()
        self.set: list[str] = []

    def get(self, path: str, host: str = HOST) -> str:
        """Ask for *path*; what was set is in :attr:`set`."""
        request = Request(f"http://{host}{path}")
        self.jar.add_cookie_header(request)
        connection = http.client.HTTPConnection(*self._address, timeout=10)
        try:
            headers = dict(request.header_items())
            connection.request("GET", path, headers=headers | {"Host": host})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        assert response.status == 200, (path, response.status, text)
        self.jar.extract_cookies(response, request)
        self.set = response.headers.get_all("Set-Cookie", [])
        return text


@contextmanager
def browsing(application: Any) -> Iterator[Browser]:
    """Serve *application* for as long as the block runs."""
    spec = ServerSpec("127.0.0.1", 0, 2, 1 << 20, 10.0, 120.0, 100, 64)
    with running(application, spec) as server:
        yield Browser(server.address)


@dataclass
class UserAgent:
    """One host's cookies by RFC 6265 and the name prefixes of RFC 6265bis.

    Written from their algorithms (5.2, 5.3 and 5.4), apart from the policy's code.
    """

    store: dict[tuple[str, str], str] = field(default_factory=dict)

    def receive(self, path: str, *cookies: str) -> None:
        """Take the Set-Cookie headers of a response to a request for *path*."""
        for cookie in cookies:
            pair, *attributes = cookie.split(";")
            name, equals, value = pair.partition("=")
            name, value = name.strip(" \t"), value.strip(" \t")
            if not equals:
                name, value = "", pair.strip(" \t")
            if name or value:
                self._keep(name, value, _attributes(attributes), path)

    def _keep(self, name: str, value: str, given: dict[str, str], path: str) -> None:
        lower = name.lower() or value.lower()
        host_wide = "domain" not in given and given.get("path") == "/"
        if lower.startswith("__") and (
            (lower.startswith("__secure-") and "secure" not in given)
            or (
                lower.startswith("__http-") and not {"secure", "httponly"} <= set(given)
            )
            or (lower.startswith("__host-http-") and "httponly" not in given)
            or (
                lower.startswith("__host-")
                and not (host_wide and "secure" in given and name)
            )
        ):
            return
        where = given.get("path", "")
        if not where.startswith("/"):
            where = path[: path.rfind("/")] or "/"
        if given.get("max-age") == "0":
            self.store.pop((name, where), None)
        else:
            self.store[name, where] = value

    def header(self, path: str) -> str:
        """Return the Cookie header of a request for *path*; empty for none."""
        sent = [
            (where, f"{name}={value}" if name else value)
            for (name, where), value in self.store.items()
            if path == where
            or path.startswith(where if where.endswith("/") else f"{where}/")
        ]
        sent.sort(key=lambda cookie: -len(cookie[0]))
        return "; ".join(pair for _, pair in sent)


def _attributes(parts: list[str]) -> dict[str, str]:
    found = {}
    for part in parts:
        name, _, value = part.partition("=")
        found[name.strip(" \t").lower()] = value.strip(" \t")
    return found


def flask_app(name: str) -> Any:
    """Return a Flask application that keeps who is logged in in its session."""
    import flask

    app = flask.Flask(name)
    app.secret_key = f"the key of {name}"

    @app.get("/")
    def who() -> Any:
        return flask.session.get("user", "-")

    @app.get("/login/<user>")
    def login(user: str) -> Any:
        flask.session["user"] = user
        return "in"

    @app.get("/logout")
    def logout() -> Any:
        flask.session.clear()
        return "out"

    return app


def native_app(name: str) -> Any:
    """Return the same as an application of the native framework."""
    from gateway import App, session

    app = App(name)
    app.secret_key = f"the key of {name}"

    @app.get("/")
    def who() -> Any:
        return session.get("user", "-")

    @app.get("/login/<user>")
    def login(user: str) -> Any:
        session["user"] = user
        return "in"

    @app.get("/logout")
    def logout() -> Any:
        session.clear()
        return "out"

    return app


def bottle_app(name: str) -> Any:
    """Return the same as a Bottle application, with a signed cookie of its own."""
    import bottle

    app = bottle.Bottle()
    key = f"the key of {name}"

    @app.get("/")  # type: ignore[untyped-decorator]
    def who() -> Any:
        return bottle.request.get_cookie("session", default="-", secret=key)

    @app.get("/login/<user>")  # type: ignore[untyped-decorator]
    def login(user: str) -> Any:
        bottle.response.set_cookie("session", user, secret=key, path="/")
        return "in"

    @app.get("/logout")  # type: ignore[untyped-decorator]
    def logout() -> Any:
        bottle.response.delete_cookie("session", path="/")
        return "out"

    return app


@contextmanager
def starlette_app(name: str) -> Iterator[Any]:
    """Serve the same as a Starlette application."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.sessions import SessionMiddleware
    from starlette.requests import Request as StarletteRequest
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route as StarletteRoute

    async def who(request: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse(request.session.get("user", "-"))

    async def login(request: StarletteRequest) -> PlainTextResponse:
        request.session["user"] = request.path_params["user"]
        return PlainTextResponse("in")

    async def logout(request: StarletteRequest) -> PlainTextResponse:
        request.session.clear()
        return PlainTextResponse("out")

    app = Starlette(
        routes=[
            StarletteRoute("/", who),
            StarletteRoute("/login/{user}", login),
            StarletteRoute("/logout", logout),
        ],
        middleware=[Middleware(SessionMiddleware, secret_key=f"the key of {name}")],
    )
    bridge = AsgiBridge(app, name=name)
    bridge.startup(timeout=5)
    try:
        yield bridge
    finally:
        bridge.shutdown(2)


def check_independent(browser: Browser, *bases: str) -> None:
    """Log in and out of the applications at *bases*: none notices the others.

    Two rounds, in either order: of equal paths, browsers send the older cookie first.
    """
    users = {base: f"user{number}" for number, base in enumerate(bases)}
    for order in (bases, bases[::-1]):
        for base in order:
            assert browser.get(f"{base}/login/{users[base]}") == "in"
        assert {base: browser.get(f"{base}/") for base in bases} == users
        for number, base in enumerate(order, 1):
            assert browser.get(f"{base}/logout") == "out"
            assert browser.get(f"{base}/") == "-"
            for other in order[number:]:
                assert browser.get(f"{other}/") == users[other]
    assert len(browser.jar) == 0
