"""The front page of a gateway: a native App that lists its neighbours."""

from __future__ import annotations

import os
import platform
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway import App, current_app, g, mount_url, render_template, request

if TYPE_CHECKING:
    from gateway.site import MountPoint

KINDS = {
    "asgi": "ASGI",
    "django": "Django",
    "flask": "Flask",
    "native": "Gateway App",
    "redirect": "Redirect",
    "static": "Static files",
    "wsgi": "WSGI",
}
NOT_APPS = {KINDS["redirect"], KINDS["static"]}


@dataclass(frozen=True, slots=True)
class Card:
    """What the front page shows of a mount; *url* is empty if it has no single one."""

    name: str
    initial: str
    kind: str
    where: str
    about: str
    url: str
    hue: int


def create_app() -> App:
    """Build the portal."""
    app = App(__name__)
    for key, value in {"TITLE": "Portal", "DESCRIPTIONS": {}, "HIDDEN": []}.items():
        app.config.setdefault(key, value)
    app.before_request(name_request)
    app.context_processor(page_defaults)
    app.add_url_rule("/", view_func=index)
    app.add_url_rule("/about", view_func=about)
    app.add_url_rule("/healthz", view_func=healthz)
    app.register_error_handler(404, show_missing)
    return app


def name_request() -> None:
    """Give the request a name, kept in ``g`` as long as the request lasts."""
    g.request_id = secrets.token_hex(4)


def page_defaults() -> dict[str, Any]:
    """Return what every template can use."""
    return {"title": current_app.config["TITLE"], "process": os.getpid()}


def cards() -> list[Card]:
    """Return a card for each neighbour, in the order of the gateway's file."""
    mounted = current_app.mount
    if mounted is None:
        return []
    config = current_app.config
    shown = [
        point
        for point in mounted.site.mounts.values()
        if point.name != mounted.point.name and point.name not in config["HIDDEN"]
    ]
    return [
        Card(
            name=point.name,
            initial=point.name[0].upper(),
            kind=KINDS.get(point.kind, point.kind),
            where=(point.host or "") + (point.prefix or "/"),
            about=config["DESCRIPTIONS"].get(point.name, ""),
            url=link_to(point),
            # Steps of the golden angle: neighbours differ, however many there are.
            hue=round(250 + number * 137.5) % 360,
        )
        for number, point in enumerate(shown)
    ]


def link_to(point: MountPoint) -> str:
    """Return the URL of a mount, empty where it answers on many hosts."""
    if point.host is not None and point.host.startswith("*."):
        return ""
    return mount_url(point.name)


def index() -> str:
    """List the mounts."""
    found = cards()
    apps = 1 + sum(card.kind not in NOT_APPS for card in found)
    alone = current_app.mount is None
    return render_template("index.html", cards=found, apps=apps, alone=alone)


def about() -> str:
    """Show what the context of this request holds."""
    mounted = current_app.mount
    facts = {
        "current_app.name": current_app.name,
        "its mount": "(none: served alone)" if mounted is None else mounted.point.name,
        "g.request_id": g.request_id,
        "names in g": ", ".join(sorted(g)),
        "request.script_root": request.script_root or "(empty)",
        "request.path": request.path,
        "thread": threading.current_thread().name,
        "process": os.getpid(),
        "Python": platform.python_version(),
    }
    return render_template("about.html", facts=facts)


def healthz() -> Any:
    """Say that the app is up."""
    return current_app.response_class("ok", mimetype="text/plain")


def show_missing(error: Exception) -> tuple[str, int]:
    """Show the page for an address that does not exist."""
    return render_template("missing.html", path=request.path), 404


if __name__ == "__main__":
    import waitress

    waitress.serve(create_app(), host="127.0.0.1", port=8000)
