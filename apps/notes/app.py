"""A shared notebook in Flask and SQLite."""

from __future__ import annotations

import os
import secrets
import sqlite3
from pathlib import Path
from typing import Any

from flask import (
    Blueprint,
    Flask,
    abort,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

import config
import models

OWNER = "notes"
pages = Blueprint("pages", __name__)


def create_app(testing: bool = False) -> Flask:
    """Build the notebook.

    :param testing: set ``TESTING`` and start with an empty notebook.
    """
    app = Flask(__name__)
    app.config.from_mapping(config.DEFAULTS, TESTING=testing)
    app.config.from_prefixed_env("NOTES")
    app.register_blueprint(pages)
    app.register_error_handler(HTTPException, show_error)
    app.teardown_appcontext(close_db)
    app.context_processor(page_defaults)
    return app


def get_db() -> sqlite3.Connection:
    """Return this request's connection, opening it on first use."""
    if "db" not in g:
        samples = not current_app.testing
        g.db = models.connect(current_app.config["DATABASE"], samples)
    return g.db  # type: ignore[no-any-return]


def close_db(exc: BaseException | None) -> None:
    """Close this request's connection, if it opened one."""
    db = g.pop("db", None)
    if db is not None:
        db.close()


def csrf_token() -> str:
    """Return the token that this visitor's forms must carry."""
    token: str = session.setdefault("csrf_token", secrets.token_urlsafe(24))
    return token


def page_defaults() -> dict[str, Any]:
    """Return what every template can use."""
    return {
        "app_title": config.TITLE,
        "csrf_token": csrf_token,
        "visitor": session.get("name", ""),
        "limits": {"title": models.TITLE_LIMIT, "body": models.BODY_LIMIT},
    }


def show_error(error: HTTPException) -> Response:
    """Show an HTTP error as a page of this app."""
    response = error.get_response()  # has Allow and the like
    response.data = render_template("error.html", error=error)
    return response


@pages.before_request
def check_csrf_token() -> None:
    """Refuse a form that this visitor's own pages did not make."""
    if request.method == "POST":
        sent = request.form.get("csrf_token", "")
        kept = session.get("csrf_token", "")
        if not kept or not secrets.compare_digest(sent.encode(), kept.encode()):
            abort(400, "This form is out of date. Reload the page and send it again.")


def find_note(number: int) -> models.Note:
    """Return a note, or end the request with 404."""
    note = models.get(get_db(), number)
    if note is None:
        abort(404, f"There is no note {number}. Somebody may have deleted it.")
    return note


def read_draft() -> models.Draft:
    """Return the note that was sent with a form."""
    return models.Draft(
        title=" ".join(request.form.get("title", "").split()),
        body=request.form.get("body", "").replace("\r\n", "\n").strip(),
        pinned="pinned" in request.form,
    )


@pages.get("/")
def index() -> str:
    """List the notes, or those that contain the text searched for."""
    text = request.args.get("q", "").strip()
    notes = models.find(get_db(), text)
    return render_template("index.html", notes=notes, text=text)


@pages.route("/new", methods=["GET", "POST"])
def new() -> str | Response | tuple[str, int]:
    """Show the form for a new note; keep what was sent with it."""
    if request.method == "GET":
        return render_template("edit.html", draft=models.Draft(), problems={})
    draft = read_draft()
    if problems := draft.problems():
        return render_template("edit.html", draft=draft, problems=problems), 422
    models.add(get_db(), draft, session.get("name") or "A visitor")
    flash(f"Kept “{draft.title}”.")
    return redirect(url_for("pages.index"), 303)


@pages.route("/<int:number>", methods=["GET", "POST"])
def edit(number: int) -> str | Response | tuple[str, int]:
    """Show a note in its form; write what was sent over it."""
    note = find_note(number)
    if request.method == "GET":
        draft = models.Draft(note.title, note.body, note.pinned)
        return render_template("edit.html", note=note, draft=draft, problems={})
    draft = read_draft()
    if problems := draft.problems():
        page = render_template("edit.html", note=note, draft=draft, problems=problems)
        return page, 422
    models.change(get_db(), number, draft)
    flash(f"Changed “{draft.title}”.")
    return redirect(url_for("pages.index"), 303)


@pages.post("/<int:number>/delete")
def delete(number: int) -> Response:
    """Delete a note."""
    note = find_note(number)
    models.remove(get_db(), number)
    flash(f"Deleted “{note.title}”.")
    return redirect(url_for("pages.index"), 303)


@pages.post("/name")
def name() -> Response:
    """Remember the visitor's name; an empty one is forgotten."""
    given = " ".join(request.form.get("name", "").split())[:40]
    session["name"] = given
    flash(f"Hello, {given}." if given else "Your name is forgotten.")
    return redirect(url_for("pages.index"), 303)


@pages.get("/healthz")
def healthz() -> Response:
    """Say that the app is up."""
    return current_app.response_class("ok", mimetype="text/plain")


@pages.get("/whoami")
def whoami() -> dict[str, Any]:
    """Tell which modules this app was built from."""
    around = Path(__file__).resolve().parents[1]
    modules = {
        "app": (__file__, OWNER),
        "models": (models.__file__, models.OWNER),
        "config": (config.__file__, config.OWNER),
    }
    return {
        "app": "notes",
        "title": config.TITLE,
        "modules": {
            name: {
                "file": Path(os.path.relpath(file, around)).as_posix(),
                "owner": owner,
            }
            for name, (file, owner) in modules.items()
        },
    }
