"""``security_headers``: what browsers should not do with a mount's pages."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.config.policy_spec import SecurityHeadersSpec
from gateway.policies.changed_headers import Headers, changing_headers
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

_FRAMES = {"deny": ("DENY", "'none'"), "same-origin": ("SAMEORIGIN", "'self'")}
_FRAME_OPTIONS = "X-Frame-Options"
_CSP = "Content-Security-Policy"


class SecurityHeadersPolicy:
    """Adds headers to responses that do not have them (PEP 3333 middleware).

    Nothing that the application says is overwritten, nor what it says in another way:
    a ``Content-Security-Policy`` of its own with ``frame-ancestors`` keeps
    ``X-Frame-Options`` out, and any other one keeps ours out.

    :param application: what serves the requests.
    :param spec: which headers.
    """

    __slots__ = ("_application", "_plain", "_secure")

    def __init__(self, application: WSGIApplication, spec: SecurityHeadersSpec) -> None:
        self._application = application
        self._plain = _headers(spec)
        self._secure = list(self._plain)
        if spec.hsts is not None:
            # RFC 6797, 7.2: never over http.
            age = f"max-age={int(spec.hsts)}"
            self._secure.append(("Strict-Transport-Security", age))

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        secure = environ["wsgi.url_scheme"] == "https"
        wanted = self._secure if secure else self._plain
        start = changing_headers(
            start_response, lambda own: [*own, *_missing(own, wanted)]
        )
        return self._application(environ, start)


def _headers(spec: SecurityHeadersSpec) -> Headers:
    headers: Headers = []
    if spec.nosniff:
        headers.append(("X-Content-Type-Options", "nosniff"))
    if spec.referrer_policy is not None:
        headers.append(("Referrer-Policy", spec.referrer_policy))
    if spec.frames in _FRAMES:
        options, ancestors = _FRAMES[spec.frames]
        headers.append((_FRAME_OPTIONS, options))
        # CSP Level 3, 6.4.2: the newer of the two, which browsers prefer.
        headers.append((_CSP, f"frame-ancestors {ancestors}"))
    return headers


def _missing(headers: Headers, wanted: Headers) -> Headers:
    """Return those of *wanted* that say nothing about what *headers* say already."""
    names = {name.lower() for name, _ in headers}
    if _FRAME_OPTIONS.lower() in names:
        names.add(_CSP.lower())
    elif any(
        name.lower() == _CSP.lower() and "frame-ancestors" in value.lower()
        for name, value in headers
    ):
        names.add(_FRAME_OPTIONS.lower())
    return [(name, value) for name, value in wanted if name.lower() not in names]
