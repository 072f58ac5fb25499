"""Mounts of several frameworks that ask one another, for the tests of subrequests."""

from __future__ import annotations

# What every mount can do when it is told to in its query: say who it is, and pass a
# request on. Each step of "?via=b&via=c" is one mount further.
STEPS = """
import json
import gateway
from gateway import current_app, g, subrequest

def walk(steps):
    assert "mark" not in g, vars(g)
    g.mark = current_app.name
    said = [current_app.name]
    if steps:
        with subrequest(steps[0], query=[("via", step) for step in steps[1:]]) as got:
            assert got.status_code == 200, (got.status, got.text)
            said += got.json
    assert g.mark == said[0] == current_app.name
    return said
"""
PLAIN = (
    STEPS
    + """
from urllib.parse import parse_qs

def application(environ, start_response):
    steps = parse_qs(environ["QUERY_STRING"]).get("via", [])
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(walk(steps)).encode()]
"""
)
NATIVE = (
    STEPS
    + """
from gateway import App, request

app = App("native")

@app.get("/")
def index():
    said = walk(request.args.getlist("via"))
    assert request.path == "/" and request.script_root == "/native"
    return said
"""
)
FLASK = (
    STEPS
    + """
import flask

app = flask.Flask("its-own-name")

@app.get("/")
def index():
    assert "mark" not in flask.g
    flask.g.mark = context = flask.globals.app_ctx._get_current_object()
    request = flask.request._get_current_object()
    said = walk(flask.request.args.getlist("via"))
    assert flask.g.mark is flask.globals.app_ctx._get_current_object() is context
    assert flask.request._get_current_object() is request
    assert flask.current_app._get_current_object() is app
    return said

@app.teardown_request
def done(exc):
    assert flask.g.mark
"""
)
BOTTLE = (
    STEPS
    + """
import bottle

application = bottle.Bottle()

@application.get("/")
def index():
    steps = bottle.request.query.getall("via")
    bottle.response.set_header("X-Steps", str(len(steps)))
    said = walk(steps)
    assert bottle.request.query.getall("via") == steps
    assert bottle.response.get_header("X-Steps") == str(len(steps))
    bottle.response.content_type = "application/json"
    return json.dumps(said)
"""
)
API = (
    STEPS
    + """
from fastapi import FastAPI, Query

app = FastAPI()

@app.get("/")
def index(via: list[str] = Query(default=[])):
    return walk(via)
"""
)
FALCON = (
    STEPS
    + """
import falcon

class Index:
    def on_get(self, request, response):
        response.media = walk(request.get_param_as_list("via") or [])

application = falcon.App()
application.add_route("/", Index())
"""
)
PYRAMID = (
    STEPS
    + """
from pyramid.config import Configurator
from pyramid.threadlocal import get_current_request

def index(request):
    said = walk(request.params.getall("via"))
    assert get_current_request() is request
    return said

with Configurator() as config:
    config.add_route("index", "/")
    config.add_view(index, route_name="index", renderer="json")
    app = config.make_wsgi_app()
"""
)

FRAMEWORKS = {
    "plain": PLAIN,
    "native": NATIVE,
    "flask": FLASK,
    "bottle": BOTTLE,
    "api": API,
    "falcon": FALCON,
    "pyramid": PYRAMID,
}
MOUNTS = """
plain: {app: app:application, path: plain}
native: {app: app:app, path: native}
flask: {app: app:app, path: flask}
bottle: {app: app:application, path: bottle}
api: {asgi: app:app, path: api}
falcon: {app: app:application, path: falcon}
pyramid: {app: app:app, path: pyramid}
"""
FILES = {f"{name}/app.py": source for name, source in FRAMEWORKS.items()}


# Answers with its environ as JSON; or with what answers the subrequest that its query
# has, which are the keyword arguments as JSON.
ECHO = """
import json
from urllib.parse import parse_qs
from gateway import current_app, mount_url, subrequest

def show(environ):
    said = {
        key: value
        for key, value in environ.items()
        if isinstance(value, (str, int, bool, tuple))
    }
    said["body"] = environ["wsgi.input"].read().decode()
    return said | {"mount": current_app.name}

def ask(options):
    if "to" in options:
        options["url"] = mount_url(*options.pop("to"))
    with subrequest(**options) as response:
        return response.json

def application(environ, start_response):
    options = parse_qs(environ["QUERY_STRING"]).get("ask")
    answer = show(environ) if options is None else ask(json.loads(options[0]))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
"""
