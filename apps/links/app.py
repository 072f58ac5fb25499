"""A link shortener in Bottle and SQLite."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from wsgiref.util import application_uri

from bottle import (
    Bottle,
    HTTPError,
    HTTPResponse,
    SimpleTemplate,
    redirect,
    request,
    response,
    static_file,
)

import config
import models

OWNER = "links"


class Pages:
    """The pages of the app, over one store of links."""

    def __init__(self, store: models.LinkStore) -> None:
        self.store = store
        self.bottle = Bottle()
        # Bottle's own template lookup is one list for the whole process and starts in
        # the working directory, so these templates are found by their folder.
        self.templates = {
            name: SimpleTemplate(name=f"{name}.tpl", lookup=[config.HERE / "views"])
            for name in ("index", "error")
        }
        route = self.bottle.route
        route("/", "GET", self.index, name="index")
        route("/", "POST", self.create)
        route("/r/<code>", "GET", self.follow, name="follow")
        route("/static/<filename>", "GET", self.static, name="static")
        route("/healthz", "GET", self.healthz)
        route("/whoami", "GET", self.whoami)
        for status in (404, 405, 413, 500):
            self.bottle.error(status)(self.show_error)

    def url(self, route: str, **values: str) -> str:
        """Return the path of a route, below the prefix of this request."""
        base = urlsplit(application_uri(request.environ)).path.rstrip("/")
        return base + str(self.bottle.router.build(route, **values))

    def render(self, template: str, **values: Any) -> str:
        """Return a page as text."""
        origin = urlsplit(application_uri(request.environ))._replace(path="").geturl()
        return str(
            self.templates[template].render(
                app_title=config.TITLE, url=self.url, origin=origin, **values
            )
        )

    def index(self, problem: str = "", target: str = "", code: str = "") -> str:
        """Show the form and the links."""
        made = self.store.get(request.query.getunicode("made") or "")
        return self.render(
            "index",
            links=self.store.all(),
            made=made,
            problem=problem,
            target=target,
            code=code,
        )

    def create(self) -> str:
        """Make a short link, then show it."""
        target = request.forms.getunicode("target") or ""
        code = request.forms.getunicode("code") or ""
        try:
            made = self.store.add(target, code)
        except models.Refused as problem:
            response.status = 422
            return self.index(str(problem), target, code)
        return str(redirect(f"{self.url('index')}?{urlencode({'made': made})}", 303))

    def follow(self, code: str) -> HTTPResponse:
        """Forward to the address behind a code."""
        link = self.store.get(code)
        if link is None:
            return HTTPError(404, f"There is no short link “{code}”.")
        if request.method == "GET":  # a HEAD only looks
            self.store.count_hit(code)
        # Not to be kept by a browser, or the next visit would not be counted.
        headers = {"Location": link.target, "Cache-Control": "no-store"}
        return HTTPResponse(status=302, headers=headers)

    def static(self, filename: str) -> HTTPResponse:
        """Serve a file of the app."""
        return static_file(filename, root=str(config.HERE / "static"))

    def show_error(self, error: HTTPError) -> str:
        """Show an HTTP error as a page of this app."""
        return self.render("error", status=error.status_line, text=error.body)

    def healthz(self) -> str:
        """Say that the app is up."""
        response.content_type = "text/plain; charset=utf-8"
        return "ok"

    def whoami(self) -> str:
        """Tell which modules this app was built from."""
        around = Path(__file__).resolve().parents[1]
        modules = {
            "app": (__file__, OWNER),
            "models": (models.__file__, models.OWNER),
            "config": (config.__file__, config.OWNER),
        }
        response.content_type = "application/json"
        return json.dumps(
            {
                "app": "links",
                "title": config.TITLE,
                "modules": {
                    name: {
                        "file": Path(os.path.relpath(file, around)).as_posix(),
                        "owner": owner,
                    }
                    for name, (file, owner) in modules.items()
                },
            }
        )


def create_app(database: str = "") -> Bottle:
    """Build the link shortener.

    :param database: path of the SQLite file, if not that of the configuration.
    """
    return Pages(models.LinkStore(database or config.database_path())).bottle


application = create_app()

if __name__ == "__main__":
    application.run(host="127.0.0.1", port=8000)
