"""A mount's policies: in which order they stand around its application."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.config.policy_spec import NO_POLICIES, PolicySpec
from gateway.config.spec import MountSpec
from gateway.policies.auth import AuthPolicy
from gateway.policies.max_body import MaxBodyPolicy
from gateway.policies.methods import MethodsPolicy
from gateway.policies.networks import NetworkPolicy
from gateway.policies.rate_limit import RateLimitPolicy
from gateway.policies.security_headers import SecurityHeadersPolicy
from gateway.policies.slow import SlowPolicy, SlowWatch
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

PAST_POLICIES: Final = "gateway.past_policies"
"""The environ key of a request of the gateway's own, which is for the application."""

_UNITS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class Stack:
    """An application with the policies of its mount around it.

    :param wsgi: the whole; the application itself if there are none.
    :param close: lets go of what they have open; ``None`` if there is nothing.
    """

    wsgi: WSGIApplication
    close: Callable[[], None] | None = None


def stack(spec: MountSpec, application: WSGIApplication, slow: SlowWatch) -> Stack:
    """Put the policies of *spec* around *application*.

    Its middleware stands around it already, for it is loaded as the application is.

    :param slow: watches the requests of all mounts.
    :raises MissingExtraError: one needs a package that is not installed.
    """
    wsgi, close = application, None
    policies = spec.policies
    # From the inside out.
    if policies.slow_after is not None:
        wsgi = SlowPolicy(wsgi, spec.name, policies.slow_after, slow)
    if policies.max_body is not None:
        wsgi = MaxBodyPolicy(wsgi, policies.max_body)
    if policies.auth is not None:
        wsgi = AuthPolicy(wsgi, policies.auth)
    if policies.rate_limit is not None:
        # Before the passwords, so that it limits how many are tried.
        limited = RateLimitPolicy(wsgi, spec.name, policies.rate_limit)
        wsgi, close = limited, limited.close
    if policies.methods is not None:
        wsgi = MethodsPolicy(wsgi, policies.methods)
    if policies.allow is not None or policies.deny:
        wsgi = NetworkPolicy(wsgi, policies.allow, policies.deny)
    if policies.security_headers is not None:
        # Outermost, so that the refusals of the others have them, too.
        wsgi = SecurityHeadersPolicy(wsgi, policies.security_headers)
    if wsgi is not application:
        wsgi = _unless_past(wsgi, application)
    return Stack(wsgi, close)


def _unless_past(
    policies: WSGIApplication, application: WSGIApplication
) -> WSGIApplication:
    def serve(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        serving = application if PAST_POLICIES in environ else policies
        return serving(environ, start_response)

    return serve


def describe(policies: PolicySpec) -> tuple[str, ...]:
    """Return a line for each policy, the outermost first; none shows a secret."""
    return () if policies == NO_POLICIES else tuple(_described(policies))


def _described(policies: PolicySpec) -> Iterator[str]:
    if policies.security_headers is not None:
        yield "security_headers"
    if policies.deny:
        yield f"deny {_joined(policies.deny)}"
    if policies.allow is not None:
        yield f"allow {_joined(policies.allow)}"
    if policies.methods is not None:
        yield f"methods {_joined(policies.methods)}"
    if (limit := policies.rate_limit) is not None:
        by = "address" if limit.header is None else f"header:{limit.header}"
        where = "memory" if limit.storage is None else "redis"
        yield f"rate_limit {_rate(limit.rate.amount, limit.rate.seconds)} {by} {where}"
    if (auth := policies.auth) is not None:
        yield f"auth {auth.realm!r}"
    if policies.max_body is not None:
        yield f"max_body {policies.max_body}B"
    if policies.slow_after is not None:
        yield f"slow_after {policies.slow_after:g}s"
    for middleware in policies.middleware:
        yield f"middleware {middleware.use}"


def _joined(items: Iterable[object]) -> str:
    return ", ".join(map(str, items)) or "none"


def _rate(amount: int, seconds: int) -> str:
    length, unit = next(each for each in _UNITS if seconds % each[0] == 0)
    number = seconds // length
    return f"{amount}/{unit}" if number == 1 else f"{amount}/{number} {unit}s"
