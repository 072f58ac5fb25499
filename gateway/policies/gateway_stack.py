"""The gateway's own policies: in which order they stand around the dispatcher."""

from __future__ import annotations

from gateway.config.spec import ServerSpec
from gateway.policies.access_log import AccessLog
from gateway.policies.forwarded import ForwardedPolicy
from gateway.types import WSGIApplication


def gateway_stack(dispatcher: WSGIApplication, server: ServerSpec) -> WSGIApplication:
    """Put the policies that all requests pass around *dispatcher*."""
    wsgi: WSGIApplication = AccessLog(dispatcher)
    if server.trusted_hops:
        # Outermost: all others go by the client that it finds.
        wsgi = ForwardedPolicy(wsgi, server.trusted_hops)
    return wsgi
