"""Sessions kept on the server, in any store of cachelib; the cookie has only their id.

What a signed cookie cannot do, these can: hold more than 4 KB, hide their content from
the browser, and end for good (a copied cookie of a signed session lives until it
expires). Two requests of one session at once: the one that is saved last wins.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from typing import IO, Any

from werkzeug.datastructures import CallbackDict

from gateway.errors import GatewayError, MissingExtraError
from gateway.framework.sessions import (
    SessionInterface,
    SessionMixin,
    mark_modified,
    session_json_serializer,
    vary_by_cookie,
)
from gateway.framework.wrappers import Request, Response

_ID_BYTES = 32


class SessionNotStoredError(GatewayError, RuntimeError):
    """The store did not take a session."""


class StoredSession(CallbackDict[str, Any], SessionMixin):
    """A session in a store; it notices its own changes, not those inside.

    :param sid: its id.
    :param initial: its first content; ``None`` for a session that is not stored yet.
    """

    modified = False

    def __init__(self, sid: str, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(initial, mark_modified)
        self.sid = sid
        self.new = initial is None
        #: The id to forget when the session is saved.
        self.old_sid: str | None = None

    def regenerate(self) -> None:
        """Get a new id, as after every login (OWASP: session fixation)."""
        if not self.new and self.old_sid is None:
            self.old_sid = self.sid
        self.sid = secrets.token_urlsafe(_ID_BYTES)
        self.modified = True


class _Plain:
    """Has cachelib keep text as it is: its own way would unpickle what a store says."""

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def loads(self, value: bytes | None) -> Any:
        return None if value is None else json.loads(value)

    def dump(self, value: Any, f: IO[bytes]) -> None:
        f.write(self.dumps(value))

    def load(self, f: IO[bytes]) -> Any:
        return self.loads(f.read())


def _cachelib() -> Any:
    try:
        import cachelib
    except ImportError:
        raise MissingExtraError("sessions in a store", "redis") from None
    return cachelib


class StoredSessionInterface(SessionInterface):
    """Keeps sessions in a store that is shared by all processes which have it.

    The id is 32 random bytes, so it needs no signature; the store sees only its hash,
    so reading the store opens no session. Only an id that the store knows is accepted.
    What is kept is tagged JSON, as in a signed cookie, never a pickle.

    :param cache: a cache of cachelib.
    :param key_prefix: starts every key; choose one for each application that shares a
        store without sharing its logins.
    """

    serializer: Any = session_json_serializer
    session_class: type[StoredSession] = StoredSession

    def __init__(self, cache: Any, key_prefix: str = "session:") -> None:
        self.cache = cache
        self.key_prefix = key_prefix

    @classmethod
    def memory(cls, limit: int = 10_000, **options: Any) -> StoredSessionInterface:
        """Keep sessions in this process, for tests and single processes.

        :param limit: the number of sessions above which old ones go.
        :param options: those of the class.
        :raises MissingExtraError: cachelib is not installed.
        """
        cache = _cachelib().SimpleCache(threshold=limit)
        cache.serializer = _Plain()
        return cls(cache, **options)

    @classmethod
    def file(
        cls, folder: str | os.PathLike[str], limit: int = 10_000, **options: Any
    ) -> StoredSessionInterface:
        """Keep sessions in files, for the processes of one machine.

        :param folder: a folder for nothing else.
        :param limit: the number of sessions above which old ones go.
        :param options: those of the class.
        :raises MissingExtraError: cachelib is not installed.
        """
        base: Any = _cachelib().FileSystemCache
        # The class writes a file while it is constructed.
        kept_plain = type("PlainFiles", (base,), {"serializer": _Plain()})
        return cls(
            kept_plain(os.fspath(folder), threshold=limit, mode=0o600), **options
        )

    @classmethod
    def redis(cls, url: str, **options: Any) -> StoredSessionInterface:
        """Keep sessions in Redis, for any number of machines.

        :param url: such as ``redis://127.0.0.1:6379/0``.
        :param options: those of the class.
        :raises MissingExtraError: redis or cachelib is not installed.
        """
        try:
            from redis import Redis
        except ImportError:
            raise MissingExtraError("sessions in Redis", "redis") from None
        cache = _cachelib().RedisCache(Redis.from_url(url))
        cache.serializer = _Plain()
        return cls(cache, **options)

    def _key(self, sid: str) -> str:
        return self.key_prefix + hashlib.sha256(sid.encode()).hexdigest()

    def open_session(self, app: Any, request: Request) -> Any:
        """Return the session of the cookie's id, or a new one."""
        sid = request.cookies.get(self.get_cookie_name(app))
        text = self.cache.get(self._key(sid)) if sid else None
        if sid is None or text is None:
            return self.session_class(secrets.token_urlsafe(_ID_BYTES))
        return self.session_class(sid, self.serializer.loads(text))

    def save_session(self, app: Any, session: Any, response: Response) -> None:
        """Store the session if it asks for it, or forget it once it is empty.

        :raises SessionNotStoredError: the store did not take it.
        """
        changed = True
        if session.old_sid is not None:
            self.cache.delete(self._key(session.old_sid))
        if session and self.should_set_cookie(app, session):
            lifetime = int(app.permanent_session_lifetime.total_seconds())
            text = self.serializer.dumps(dict(session))
            if not self.cache.set(self._key(session.sid), text, timeout=lifetime):
                raise SessionNotStoredError(
                    f"the session was not stored: {type(self.cache).__name__} refused "
                    f"{len(text)} characters; see its own log records for the reason"
                )
            response.set_cookie(
                self.get_cookie_name(app),
                session.sid,
                expires=self.get_expiration_time(app, session),
                **self.get_cookie_attributes(app),
            )
        elif session.modified and not session:
            self.cache.delete(self._key(session.sid))
            response.delete_cookie(
                self.get_cookie_name(app), **self.get_cookie_attributes(app)
            )
        else:
            changed = False
        if changed or session.accessed:
            vary_by_cookie(response)
