"""The application of ``admin:``, and the mount that it is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from gateway.admin.access import Guard, has_token
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
_WRONG_TOKEN: Final = "this needs the token of 'admin:', as 'Authorization: Bearer ...'"


def administer(gateway: Gateway, spec: AdminSpec) -> Mount:
    """Return the mount at which *gateway* answers about itself.

    :param spec: where, and whom.
    """
    app = _application(gateway, spec.token)
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


def _application(gateway: Gateway, token: str | None) -> App:
    app = App("gateway.admin", static_folder=None, template_folder=None)

    @app.get("/status")
    def status() -> Response:
        response: Response = app.json.response(asdict(snapshot(gateway)))
        return response

    @app.post("/reload")
    def reload() -> Response:
        refusal = _refusal(request._get_current_object(), token)
        return _reload(app, gateway) if refusal is None else refusal

    @app.after_request
    def never_stored(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    return app


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
