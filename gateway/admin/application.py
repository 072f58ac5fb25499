"""The application of ``admin:``, and the mount that it is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from gateway.admin.access import Guard, has_token
from gateway.admin.dashboard import POLICY, page
from gateway.admin.metrics import exposition
from gateway.admin.probes import Probes
from gateway.admin.readiness import readiness
from gateway.admin.snapshot import snapshot
from gateway.config.spec import AdminSpec
from gateway.errors import GatewayError
from gateway.explain import explain
from gateway.framework.app import App
from gateway.framework.wrappers import Request, Response
from gateway.globals import request
from gateway.lifecycle import Gateway, ReloadRunningError
from gateway.mount import Mount

# No mount of a file can have this name.
NAME: Final = "_admin"

_NO_TOKEN: Final = (
    "this gateway changes nothing on request: its 'admin:' section has no token"
)
_NO_METRICS: Final = (
    "nothing is counted: it needs the extra 'metrics', pip install "
    "'wsgi-gateway[metrics]', and 'metrics:' of 'server:' must not be false; both "
    "count from a restart on"
)
_SEVERAL: Final = (
    "error: this is one of several processes, and the others would go on as they are: "
    "send SIGHUP to the server's main process, or restart the server"
)
_WRONG_TOKEN: Final = "this needs the token of 'admin:', as 'Authorization: Bearer ...'"


def administer(gateway: Gateway, spec: AdminSpec) -> Mount:
    """Return the mount at which *gateway* answers about itself.

    :param spec: where, and whom.
    """
    app = App("gateway.admin", static_folder=None, template_folder=None)
    _add_pages(app, gateway)
    _add_health(app, gateway, Probes(spec.probe_timeout))
    _add_reload(app, gateway, spec.token)

    @app.after_request
    def never_stored(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    return Mount(
        NAME,
        spec.prefix,
        None,
        kind="native",
        source="admin",
        application=app,
        wsgi=Guard(app, spec.allow),
        native=True,
        slash=False,
    )


def _add_pages(app: App, gateway: Gateway) -> None:
    """Add what shows people and programs what is going on."""

    @app.get("/")
    def dashboard() -> Response:
        response = Response(
            page(snapshot(gateway)), content_type="text/html; charset=utf-8"
        )
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.get("/metrics")
    def metrics() -> Response:
        counted = gateway.metrics
        if counted is None:
            return _text(404, _NO_METRICS)
        body, media_type = exposition(
            gateway, counted, request.headers.get("Accept", "")
        )
        return Response(body, content_type=media_type)

    @app.get("/status")
    def status() -> Response:
        response: Response = app.json.response(asdict(snapshot(gateway)))
        return response


def _add_health(app: App, gateway: Gateway, probes: Probes) -> None:
    """Add what load balancers and orchestrators ask."""

    @app.get("/livez")
    def livez() -> Response:
        return _text(200, "alive")

    @app.get("/readyz")
    def readyz() -> Response:
        found = readiness(gateway, probes)
        response: Response = app.json.response(asdict(found))
        response.status_code = 200 if found.ready else 503
        return response

    @app.get("/readyz/<name>")
    def readyz_of(name: str) -> Response:
        found = readiness(gateway, probes)
        mounts = {mount.name: mount for mount in found.mounts}
        if name not in mounts:
            return _text(404, "there is no such mount")
        ready = mounts[name].ready and found.state != "stopping"
        response: Response = app.json.response(asdict(mounts[name]) | {"ready": ready})
        response.status_code = 200 if ready else 503
        return response


def _add_reload(app: App, gateway: Gateway, token: str | None) -> None:
    """Add what changes something."""

    @app.post("/reload")
    def reload() -> Response:
        refusal = _refusal(request._get_current_object(), token)
        if refusal is None and request.environ.get("wsgi.multiprocess"):
            refusal = _text(422, _SEVERAL)
        return _reload(app, gateway) if refusal is None else refusal


def _refusal(request: Request, token: str | None) -> Response | None:
    """Return what answers a request that may change nothing."""
    if token is None:
        return _text(403, _NO_TOKEN)
    if not has_token(request.environ, token):
        response = _text(401, _WRONG_TOKEN)
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    return None


def _reload(app: App, gateway: Gateway) -> Response:
    try:
        report = gateway.reload(wait=False)
    except ReloadRunningError as error:
        return _text(409, str(error))
    except GatewayError as error:
        return _text(422, "\n".join(explain(error)))
    response: Response = app.json.response(asdict(report))
    return response


def _text(status: int, text: str) -> Response:
    return Response(text + "\n", status, content_type="text/plain; charset=utf-8")
