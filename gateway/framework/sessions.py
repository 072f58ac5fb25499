"""Sessions: the interface, and the one that keeps them in a signed cookie."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, cast

from werkzeug.datastructures import CallbackDict

from gateway.context import current_request_context
from gateway.errors import GatewayError
from gateway.framework.json_tag import TaggedJSONSerializer
from gateway.framework.wrappers import Request, Response

if TYPE_CHECKING:
    from itsdangerous import URLSafeTimedSerializer


class SessionUnavailableError(GatewayError, RuntimeError):
    """The session was changed, but there is no secret key to sign it with."""


class SessionMixin(MutableMapping[str, Any]):
    """What every session has besides the interface of a dict."""

    #: The session did not exist before this request.
    new = False
    #: Something was changed; a session that cannot tell says so always.
    modified = True
    #: Something was read or changed, so the response depends on the cookie.
    accessed = False

    @property
    def permanent(self) -> bool:
        """Whether the session outlives the browser's."""
        return bool(self.get("_permanent", False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)


def mark_modified(session: Any) -> None:
    """Note that *session* was changed; a ``CallbackDict`` calls it."""
    session.modified = True


class SecureCookieSession(CallbackDict[str, Any], SessionMixin):
    """A session in a signed cookie; it notices its own changes, not those inside.

    :param initial: its first content.
    """

    modified = False

    def __init__(self, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(initial, mark_modified)


class NullSession(SecureCookieSession):
    """The session where none can be kept: it reads as empty and refuses changes."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise SessionUnavailableError(
            "The session is unavailable because no secret key was set. Set the "
            "secret_key on the application (or SECRET_KEY in its config) to something "
            "unique and secret, such as the output of "
            "python -c 'import secrets; print(secrets.token_hex())'"
        )

    __setitem__ = __delitem__ = clear = pop = popitem = _refuse
    update = setdefault = _refuse
    __ior__ = _refuse


class SessionInterface:
    """How an application opens and saves sessions; subclass it for another store."""

    #: What :meth:`make_null_session` makes and :meth:`is_null_session` looks for.
    null_session_class: type[Any] = NullSession
    #: The store pickles its content.
    pickle_based = False

    def make_null_session(self, app: Any) -> Any:
        """Return the stand-in for a session that could not be opened."""
        return self.null_session_class()

    def is_null_session(self, obj: object) -> bool:
        """Tell whether *obj* is such a stand-in; it is never saved."""
        return isinstance(obj, self.null_session_class)

    def get_cookie_name(self, app: Any) -> str:
        """Return the cookie's name."""
        return cast("str", app.config["SESSION_COOKIE_NAME"])

    def get_cookie_domain(self, app: Any) -> str | None:
        """Return the cookie's domain; without one only this very host gets it."""
        return cast("str | None", app.config["SESSION_COOKIE_DOMAIN"])

    def get_cookie_path(self, app: Any) -> str:
        """Return the cookie's path: by default that of the mount, else the root."""
        config = app.config
        path = config["SESSION_COOKIE_PATH"]
        if not path:
            path = config["APPLICATION_ROOT"]
            mount = getattr(app, "mount", None)
            if mount is not None and path in ("", "/"):
                path = _served_prefix() or mount.point.prefix or "/"
        return cast("str", path)

    def get_cookie_httponly(self, app: Any) -> bool:
        """Return whether scripts in the browser may not read the cookie."""
        return cast("bool", app.config["SESSION_COOKIE_HTTPONLY"])

    def get_cookie_secure(self, app: Any) -> bool:
        """Return whether the cookie travels over HTTPS only."""
        return cast("bool", app.config["SESSION_COOKIE_SECURE"])

    def get_cookie_samesite(self, app: Any) -> str | None:
        """Return ``Strict``, ``Lax``, ``None`` or nothing."""
        return cast("str | None", app.config["SESSION_COOKIE_SAMESITE"])

    def get_cookie_partitioned(self, app: Any) -> bool:
        """Return whether the cookie is kept apart for each top-level site."""
        return cast("bool", app.config["SESSION_COOKIE_PARTITIONED"])

    def get_cookie_attributes(self, app: Any) -> dict[str, Any]:
        """Return the cookie's attributes, all but its expiry."""
        return {
            "domain": self.get_cookie_domain(app),
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "partitioned": self.get_cookie_partitioned(app),
            "samesite": self.get_cookie_samesite(app),
            "httponly": self.get_cookie_httponly(app),
        }

    def get_expiration_time(self, app: Any, session: Any) -> datetime | None:
        """Return when the cookie expires; ``None`` means with the browser."""
        if not session.permanent:
            return None
        lifetime = app.permanent_session_lifetime
        return cast("datetime", datetime.now(UTC) + lifetime)

    def should_set_cookie(self, app: Any, session: Any) -> bool:
        """Tell whether this response sets the cookie."""
        return bool(
            session.modified
            or (session.permanent and app.config["SESSION_REFRESH_EACH_REQUEST"])
        )

    def open_session(self, app: Any, request: Request) -> Any:
        """Return the session of *request*, or ``None`` where none can be kept."""
        raise NotImplementedError

    def save_session(self, app: Any, session: Any, response: Response) -> None:
        """Keep *session*, and make *response* set or delete the cookie."""
        raise NotImplementedError


def _served_prefix() -> str:
    context = current_request_context.get(None)
    return "" if context is None else context.request.root_path


def _lazy_sha1(string: bytes = b"") -> Any:
    # A FIPS build of Python refuses SHA-1 only when it is called.
    return hashlib.sha1(string)


session_json_serializer = TaggedJSONSerializer()


@lru_cache(maxsize=64)
def _signer(
    keys: tuple[Any, ...],
    salt: str,
    serializer: Any,
    key_derivation: str,
    digest_method: Any,
) -> URLSafeTimedSerializer:
    from itsdangerous import URLSafeTimedSerializer

    return URLSafeTimedSerializer(
        list(keys),
        salt=salt,
        serializer=serializer,
        signer_kwargs={
            "key_derivation": key_derivation,
            "digest_method": digest_method,
        },
    )


class SecureCookieSessionInterface(SessionInterface):
    """Sessions in a cookie that is signed, not encrypted.

    Salt, digest and format are Flask's: given the same key and cookie name, a Flask
    application reads these sessions and this one reads Flask's.
    """

    salt = "cookie-session"
    digest_method = staticmethod(_lazy_sha1)
    key_derivation = "hmac"
    serializer: Any = session_json_serializer
    session_class: type[Any] = SecureCookieSession

    def get_signing_serializer(self, app: Any) -> URLSafeTimedSerializer | None:
        """Return what signs and reads the cookie; ``None`` without a secret key.

        ``SECRET_KEY_FALLBACKS`` are read with, never signed with.
        """
        if not app.secret_key:
            return None
        fallbacks = app.config["SECRET_KEY_FALLBACKS"] or ()
        return _signer(
            (*fallbacks, app.secret_key),
            self.salt,
            self.serializer,
            self.key_derivation,
            self.digest_method,
        )

    def open_session(self, app: Any, request: Request) -> Any:
        """Return the cookie's session; an empty one if it is absent, forged or old."""
        signer = self.get_signing_serializer(app)
        if signer is None:
            return None
        value = None
        if "HTTP_COOKIE" in request.environ:
            value = request.cookies.get(self.get_cookie_name(app))
        if not value:
            return self.session_class()
        from itsdangerous import BadSignature

        max_age = int(app.permanent_session_lifetime.total_seconds())
        try:
            return self.session_class(signer.loads(value, max_age=max_age))
        except BadSignature:
            return self.session_class()

    def save_session(self, app: Any, session: Any, response: Response) -> None:
        """Set the cookie if the session asks for it, or delete it once it is empty."""
        changed = True
        if session and self.should_set_cookie(app, session):
            signer = cast("URLSafeTimedSerializer", self.get_signing_serializer(app))
            response.set_cookie(
                self.get_cookie_name(app),
                signer.dumps(dict(session)),
                expires=self.get_expiration_time(app, session),
                **self.get_cookie_attributes(app),
            )
        elif session.modified and not session:
            response.delete_cookie(
                self.get_cookie_name(app), **self.get_cookie_attributes(app)
            )
        else:
            changed = False
        if changed or session.accessed:
            vary_by_cookie(response)

    def is_idle(self, app: Any, request: Request) -> bool:
        """Tell that a session nobody touched cannot matter to the response.

        Without the cookie an untouched session is empty and unmodified, and saving it
        does nothing. This is what lets a request skip opening it.
        """
        header = request.environ.get("HTTP_COOKIE")
        return not header or self.get_cookie_name(app) not in header


def vary_by_cookie(response: Response) -> None:
    """Tell caches that the response depends on the cookie (RFC 9110, 12.5.5)."""
    if response.headers.getlist("Vary"):
        response.vary.add("Cookie")
    else:
        response.headers["Vary"] = "Cookie"
