"""What stands between any engine and the gateway."""

from __future__ import annotations

from gateway.config.spec import ServerSpec
from gateway.policies.max_body import MaxBodyPolicy
from gateway.servers.forwarded import DropForwarded
from gateway.types import WSGIApplication


def in_front(application: WSGIApplication, spec: ServerSpec) -> WSGIApplication:
    """Return *application* with what waitress would do for it.

    :param spec: the ``server:`` section.
    """
    limited = MaxBodyPolicy(application, spec.max_body)
    # Where proxies are trusted, the gateway takes these headers away.
    return limited if spec.trusted_hops else DropForwarded(limited)
