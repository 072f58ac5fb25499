"""What the frameworks call their applications: the table that the scanner reads.

Names are the full ones (``flask.Flask``); a source file's own aliases are resolved
before anything is looked up here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Interface = Literal["wsgi", "asgi"]


@dataclass(frozen=True, slots=True)
class Made:
    """What an expression gives, as far as its source tells.

    :param framework: the framework's name, as shown to people.
    :param interface: how it is served; ``None`` for what leads to an application
        without being one (Pyramid's Configurator, a Dash object).
    """

    framework: str
    interface: Interface | None = "wsgi"


DJANGO: Final = "Django"
PYRAMID: Final = "Pyramid"
PLAIN_WSGI: Final = Made("WSGI")
PLAIN_ASGI: Final = Made("ASGI", "asgi")
DASH: Final = Made("Dash", None)
BOTTLE: Final = Made("Bottle")

_FLASK: Final = Made("Flask")
_NATIVE: Final = Made("Native")
_FALCON: Final = Made("Falcon")
_FASTAPI: Final = Made("FastAPI", "asgi")
_STARLETTE: Final = Made("Starlette", "asgi")
_MCP: Final = Made("MCP", None)

# Calling these (or a subclass of those that are classes) makes an application.
CONSTRUCTORS: Final[Mapping[str, Made]] = {
    "flask.Flask": _FLASK,
    "flask.app.Flask": _FLASK,
    "apiflask.APIFlask": _FLASK,
    "flask_openapi3.OpenAPI": _FLASK,
    "eve.Eve": _FLASK,
    "gateway.App": _NATIVE,
    "gateway.framework.app.App": _NATIVE,
    "bottle.Bottle": BOTTLE,
    "bottle.default_app": BOTTLE,
    "bottle.app": BOTTLE,
    "django.core.wsgi.get_wsgi_application": Made(DJANGO),
    "django.core.handlers.wsgi.WSGIHandler": Made(DJANGO),
    "django.core.asgi.get_asgi_application": Made(DJANGO, "asgi"),
    "channels.routing.ProtocolTypeRouter": Made(DJANGO, "asgi"),
    "falcon.App": _FALCON,
    "falcon.API": _FALCON,
    "falcon.asgi.App": Made("Falcon", "asgi"),
    "fastapi.FastAPI": _FASTAPI,
    "fastapi.applications.FastAPI": _FASTAPI,
    "starlette.applications.Starlette": _STARLETTE,
    "quart.Quart": Made("Quart", "asgi"),
    "litestar.Litestar": Made("Litestar", "asgi"),
    "ariadne.asgi.GraphQL": Made("Ariadne", "asgi"),
    "ariadne.wsgi.GraphQL": Made("Ariadne"),
    "strawberry.asgi.GraphQL": Made("Strawberry", "asgi"),
    "cherrypy.Application": Made("CherryPy"),
    "cherrypy.tree.mount": Made("CherryPy"),
    "pecan.make_app": Made("Pecan"),
    "spyne.server.wsgi.WsgiApplication": Made("Spyne"),
    "dash.Dash": DASH,
    "dash.dash.Dash": DASH,
    "pyramid.config.Configurator": Made(PYRAMID, None),
    "web.application": Made("web.py", None),
    "fastmcp.FastMCP": _MCP,
    "mcp.server.fastmcp.FastMCP": _MCP,
}

# (framework, method): what calling the method gives.
METHODS: Final[Mapping[tuple[str, str], Made]] = {
    (PYRAMID, "make_wsgi_app"): Made(PYRAMID),
    ("web.py", "wsgifunc"): Made("web.py"),
    ("MCP", "http_app"): Made("MCP", "asgi"),
    ("MCP", "sse_app"): Made("MCP", "asgi"),
    ("MCP", "streamable_http_app"): Made("MCP", "asgi"),
}

# (framework, attribute): what the attribute is.
ATTRIBUTES: Final[Mapping[tuple[str, str], Made]] = {
    ("Dash", "server"): Made("Dash"),
    ("Flask", "wsgi_app"): _FLASK,
    ("Native", "wsgi_app"): _NATIVE,
}

# Middleware around the application that is its first argument, and the interface of
# the result. The framework stays the inner one's.
WRAPPERS: Final[Mapping[str, Interface]] = {
    "werkzeug.middleware.proxy_fix.ProxyFix": "wsgi",
    "werkzeug.middleware.dispatcher.DispatcherMiddleware": "wsgi",
    "werkzeug.middleware.shared_data.SharedDataMiddleware": "wsgi",
    "werkzeug.middleware.profiler.ProfilerMiddleware": "wsgi",
    "werkzeug.middleware.lint.LintMiddleware": "wsgi",
    "werkzeug.middleware.http_proxy.ProxyMiddleware": "wsgi",
    "werkzeug.debug.DebuggedApplication": "wsgi",
    "whitenoise.WhiteNoise": "wsgi",
    "beaker.middleware.SessionMiddleware": "wsgi",
    "asgiref.wsgi.WsgiToAsgi": "asgi",
    "a2wsgi.WSGIMiddleware": "asgi",
    "a2wsgi.ASGIMiddleware": "wsgi",
    "uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware": "asgi",
    "starlette.middleware.cors.CORSMiddleware": "asgi",
    "fastapi.middleware.cors.CORSMiddleware": "asgi",
    "sentry_sdk.integrations.wsgi.SentryWsgiMiddleware": "wsgi",
    "sentry_sdk.integrations.asgi.SentryAsgiMiddleware": "asgi",
}

# Socket.IO servers take the application they fall back to as second argument.
SOCKETIO: Final[Mapping[str, Interface]] = {
    "socketio.WSGIApp": "wsgi",
    "socketio.ASGIApp": "asgi",
}

# Functions that run a server, and return when it has ended.
SERVERS: Final = frozenset(
    {"bottle.run", "hupper.start_reloader", "uvicorn.run", "uvicorn.main.run"}
    | {"waitress.serve", "werkzeug.run_simple", "werkzeug.serving.run_simple"}
)

# Decorators that make a WSGI application of a function of one request.
DECORATORS: Final = frozenset(
    {
        "werkzeug.Request.application",
        "werkzeug.wrappers.Request.application",
        "werkzeug.wrappers.request.Request.application",
        "webob.dec.wsgify",
    }
)

# Bottle's decorators of the module itself: they add to its default application.
BOTTLE_ROUTES: Final = frozenset(
    f"bottle.{name}" for name in ("route", "get", "post", "put", "delete", "patch")
)

# All that a ``from framework import *`` may bring of this.
KNOWN_NAMES: Final = (
    CONSTRUCTORS.keys()
    | WRAPPERS.keys()
    | SOCKETIO.keys()
    | SERVERS
    | DECORATORS
    | BOTTLE_ROUTES
)
