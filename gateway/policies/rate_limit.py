"""``rate_limit``: how often one client may ask (429).

The fields are those of draft-ietf-httpapi-ratelimit-headers-06, which clients know;
later drafts put them into one.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from http import HTTPStatus
from ipaddress import IPv6Address, ip_network
from math import ceil
from threading import Lock
from time import monotonic, time
from typing import Final, Protocol
from urllib.parse import urlsplit

from gateway.config.policy_spec import RateLimitSpec
from gateway.errors import MissingExtraError
from gateway.pages import answer
from gateway.policies.changed_headers import Headers, changing_headers
from gateway.policies.client import Address, client_address
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("gateway.rate_limit")

# How long a storage that has failed is not asked, and how long it goes without another
# record that it is failing, in seconds.
_PAUSE: Final = 5.0
_SILENCE: Final = 60.0


class Counts(Protocol):
    """Where requests are counted, as in :mod:`gateway.policies.rate_counts`."""

    @property
    def close(self) -> Callable[[], None]:
        """What lets go of what it has open."""

    def hit(self, client: str) -> tuple[int, float]:
        """Count one request of *client*; raise OSError if that cannot be done."""


class RateLimitPolicy:
    """Limits how often each client may ask (PEP 3333 middleware).

    A client's window starts with its first request. Where requests cannot be counted,
    all are let through.

    :param application: what serves the requests.
    :param mount: the mount's name.
    :param spec: how often, and who is one client.
    :raises MissingExtraError: the library that counts is not installed.
    """

    def __init__(
        self, application: WSGIApplication, mount: str, spec: RateLimitSpec
    ) -> None:
        self._application = application
        self._rate = spec.rate
        self._counts = _Forgiving(_counts(mount, spec), mount, spec.storage)
        self._header = None
        if spec.header is not None:
            self._header = "HTTP_" + spec.header.upper().replace("-", "_")
        self._policy = f"{spec.rate.amount};w={spec.rate.seconds}"

    def close(self) -> None:
        """Let go of what it has open."""
        self._counts.close()

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        hit = self._counts.hit(self._client(environ))
        if hit is None:
            return self._application(environ, start_response)
        count, end = hit
        reset = str(max(ceil(end - time()), 1))
        fields = [
            ("RateLimit-Limit", str(self._rate.amount)),
            ("RateLimit-Remaining", str(max(self._rate.amount - count, 0))),
            ("RateLimit-Reset", reset),
            ("RateLimit-Policy", self._policy),
        ]
        if count > self._rate.amount:
            # RFC 6585, 4.
            fields.append(("Retry-After", reset))
            status = HTTPStatus.TOO_MANY_REQUESTS
            return answer(status, environ, start_response, fields)
        start = changing_headers(start_response, partial(_with, fields))
        return self._application(environ, start)

    def _client(self, environ: WSGIEnvironment) -> str:
        """Return what stands for the client of a request, in a bounded length."""
        if self._header is not None:
            value = environ.get(self._header)
            if value:
                # It may be a secret, and others may read where it is counted.
                return hashlib.sha256(value.encode("latin-1", "replace")).hexdigest()
        return _known_as(client_address(environ))


def _with(fields: Headers, headers: Headers) -> Headers:
    if type(headers) is not list:
        raise TypeError  # PEP 3333 wants a list: the server is to tell.
    return [*headers, *fields]


@lru_cache(maxsize=1024)
def _known_as(address: Address | None) -> str:
    if isinstance(address, IPv6Address):
        # RFC 6177: whoever has one of these has a whole network of them.
        return str(ip_network((address, 64), strict=False))
    return "-" if address is None else str(address)


class _Forgiving:
    """Counts that may fail: then nothing is counted, and a record says so."""

    def __init__(self, counts: Counts, mount: str, storage: str | None) -> None:
        self._counts = counts
        self._mount = mount
        self._where = "" if storage is None else _without_secrets(storage)
        self._lock = Lock()
        self._failing = False
        self._again = 0.0
        self._told = -_SILENCE

    def hit(self, client: str) -> tuple[int, float] | None:
        if self._failing and not self._may_ask():
            return None
        try:
            hit = self._counts.hit(client)
        except OSError as error:
            self._failed(error)
            return None
        if self._failing:
            self._recovered()
        return hit

    def close(self) -> None:
        self._counts.close()

    def _may_ask(self) -> bool:
        """Tell whether the pause is over, to one request only.

        It may have to wait, and the others would wait with it, in all the threads.
        """
        now = monotonic()
        with self._lock:
            if now < self._again:
                return False
            self._again = now + _PAUSE
            return True

    def _failed(self, error: OSError) -> None:
        now = monotonic()
        with self._lock:
            self._failing, self._again = True, now + _PAUSE
            tell = now - self._told >= _SILENCE
            if tell:
                self._told = now
        if tell:
            _log.warning(
                "mount %s: no rate limit: %s cannot be asked (%s); all requests are "
                "let through until it can",
                self._mount,
                self._where,
                error,
                extra={"mount": self._mount},
            )

    def _recovered(self) -> None:
        with self._lock:
            was, self._failing = self._failing, False
        if was:
            _log.info(
                "mount %s: the rate limit holds again: %s answers",
                self._mount,
                self._where,
                extra={"mount": self._mount},
            )


def _without_secrets(url: str) -> str:
    """Return where a Redis is, without the password, which its URL may hold."""
    parts = urlsplit(url)
    if parts.hostname is None:
        return "the Redis"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"the Redis at {host}:{parts.port or 6379}"


def _counts(mount: str, spec: RateLimitSpec) -> Counts:
    try:
        import limits  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("'rate_limit:'", "limits") from error
    from gateway.policies.rate_counts import counts_in_memory, counts_in_redis

    if spec.storage is None:
        return counts_in_memory(mount, spec.rate)
    return counts_in_redis(mount, spec.rate, spec.storage)
