"""What a ``gateway.yaml`` says is done around a mount's application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from gateway.config.address import Network
from gateway.errors import Place

Frames: TypeAlias = Literal["deny", "same-origin", "any"]


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests in which time.

    :param seconds: the length of the window.
    """

    amount: int
    seconds: int


@dataclass(frozen=True, slots=True)
class RateLimitSpec:
    """How often one client may ask.

    :param header: the request header that tells clients apart; ``None`` for their
        addresses.
    :param storage: the URL of a Redis, which may hold a password; ``None`` for the
        memory of the process.
    """

    rate: Rate
    header: str | None = None
    storage: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AuthSpec:
    """Who may enter, by HTTP Basic authentication (RFC 7617).

    :param users: their names, in UTF-8, and the bcrypt hashes of their passwords.
    :param pass_header: whether the application is handed the password, too.
    """

    users: Mapping[bytes, bytes] = field(repr=False)
    realm: str = "restricted"
    pass_header: bool = False


@dataclass(frozen=True, slots=True)
class SecurityHeadersSpec:
    """Which headers are added to responses that do not have them.

    :param referrer_policy: ``None`` leaves the header out.
    :param frames: who may show the pages in a frame.
    :param hsts: for how long browsers use https only, in seconds; ``None`` leaves the
        header out.
    """

    nosniff: bool = True
    referrer_policy: str | None = "strict-origin-when-cross-origin"
    frames: Frames = "same-origin"
    hsts: float | None = 31536000.0


@dataclass(frozen=True, slots=True)
class MiddlewareSpec:
    """A WSGI middleware (PEP 3333).

    :param use: ``module:attribute`` of what is called with the application.
    :param args: its further arguments, by keyword.
    :param place: where it stands, which makes no difference.
    """

    use: str
    args: Mapping[str, object] = field(default_factory=dict, repr=False)
    place: Place = field(default=Place("", 0, 0), compare=False)


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """The policies of one mount.

    :param allow: the networks whose clients may enter; ``None`` for all.
    :param deny: the networks whose clients may not.
    :param methods: what the mount answers to; ``None`` for every method.
    :param max_body: the largest request body, in bytes.
    :param slow_after: when a request is reported that is still running, in seconds.
    :param middleware: the first one is the outermost.
    """

    allow: tuple[Network, ...] | None = None
    deny: tuple[Network, ...] = ()
    methods: tuple[str, ...] | None = None
    rate_limit: RateLimitSpec | None = None
    auth: AuthSpec | None = None
    max_body: int | None = None
    slow_after: float | None = None
    security_headers: SecurityHeadersSpec | None = None
    middleware: tuple[MiddlewareSpec, ...] = ()


NO_POLICIES: Final = PolicySpec()
