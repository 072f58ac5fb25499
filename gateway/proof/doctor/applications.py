"""Which application a mount is, and how one such is told its prefix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.loaders.wrapped import innermost

# By where its class is from; the first that matches. A mount's private copy of a
# package is in the package of its modules, so the name may stand in the middle.
_PACKAGES: Final = (
    ("gradio", "Gradio"),
    ("datasette", "Datasette"),
    ("wsgidav", "WsgiDAV"),
    ("fastapi", "FastAPI"),
    ("starlette.applications", "Starlette"),
    ("django.core.handlers", "Django"),
    ("flask.app", "Flask"),
    ("bottle", "Bottle"),
    ("falcon", "Falcon"),
    ("pyramid", "Pyramid"),
    ("gateway.framework.app", "native"),
)

_HOST: Final = "or give the mount a 'host:' of its own instead of a prefix"

_CURES: Final[Mapping[str, str]] = {
    "Dash": (
        'make it with Dash(..., requests_pathname_prefix="{prefix}/", '
        'routes_pathname_prefix="/"), and build addresses with '
        "dash.get_relative_path() and get_asset_url()"
    ),
    "Gradio": 'set root_path="{prefix}" where the Blocks are mounted or launched',
    "Datasette": (
        'set base_url: Datasette(..., settings={{"base_url": "{prefix}/"}}), and in '
        "templates and plugins use urls.path()"
    ),
    "WsgiDAV": 'set "mount_path": "{prefix}" in its configuration',
    "FastAPI": (
        "leave root_path and servers out of FastAPI(...): the gateway tells it its "
        "prefix as the scope's root_path; build addresses with request.url_for(), or "
        'put request.scope["root_path"] in front'
    ),
    "Starlette": (
        "build it with request.url_for(), or put request.scope['root_path'] in front"
    ),
    "Django": (
        "build it with reverse() or {{% url %}}, and files with {{% static %}}; write "
        "STATIC_URL and MEDIA_URL without a slash in front ('static/'), and LOGIN_URL, "
        "LOGIN_REDIRECT_URL and LOGOUT_REDIRECT_URL as names of URL patterns. "
        "FORCE_SCRIPT_NAME = '{prefix}' is only for code that runs outside of requests"
    ),
    "Flask": (
        "build it with url_for(), which puts the prefix in front ('static' for "
        "files). APPLICATION_ROOT = '{prefix}' is only for URLs that are built outside "
        "of requests"
    ),
    "native": "build it with url_for(), which puts the prefix in front",
    "Bottle": (
        "build it with app.get_url(), and put request.script_name in front; redirect() "
        "takes relative addresses"
    ),
    "Falcon": "put req.root_path in front of it, or write it relative to the page",
    "Pyramid": "build it with request.route_path() or request.static_path()",
    "proxy": (
        "have the application behind take its prefix from X-Forwarded-Prefix, which "
        "the gateway sends (Flask, Django: ProxyFix(app, x_proto=1, x_host=1, "
        "x_prefix=1)), or set '{prefix}' where its framework has a setting for it"
    ),
    "": (
        "put SCRIPT_NAME (in ASGI the scope's root_path) in front of it, or write it "
        "relative to the page"
    ),
}


def identify(served: object) -> str:
    """Return what an application is, such as ``Flask``; empty where nothing tells.

    Middleware around it is looked through.
    """
    found = innermost(served, lambda each: bool(_label(each)))
    label = "" if found is None else _label(found)
    return "Dash" if label == "Flask" and _is_dash(found) else label


def cure_of(application: str, prefix: str) -> str:
    """Return how *application* is brought to stay below *prefix*."""
    template = _CURES.get(application, _CURES[""])
    told = template.format(prefix=prefix)
    return told if application == "native" else f"{told}; {_HOST}"


def label_of_class(kind: type) -> str:
    """Return the label of a class, by the packages of its bases."""
    for base in kind.__mro__:
        module = f".{base.__module__}."
        for package, label in _PACKAGES:
            if f".{package}." in module:
                return label
    return ""


def _label(candidate: object) -> str:
    # A function of a module counts as that module's.
    if hasattr(candidate, "__module__") and not isinstance(candidate, type):
        module = f".{getattr(candidate, '__module__', '')}."
        for package, label in _PACKAGES:
            if package in ("datasette", "wsgidav") and f".{package}." in module:
                return label
    return label_of_class(type(candidate))


def _is_dash(flask: Any) -> bool:
    return any("_dash-layout" in name for name in getattr(flask, "view_functions", ()))
