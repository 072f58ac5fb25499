"""``auth``: who may enter, by HTTP Basic authentication (RFC 7617; 401)."""

from __future__ import annotations

import binascii
import hashlib
import os
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Iterable
from http import HTTPStatus
from threading import Lock
from typing import Final

from gateway.config.policy_spec import AuthSpec
from gateway.errors import MissingExtraError
from gateway.pages import answer
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

# How many logins are remembered, so that not every request takes a check's time.
_KEPT: Final = 256

# What bcrypt looks at of a password, in bytes.
_BCRYPT_READS: Final = 72

# Longer ones are nobody's, and not worth decoding.
_LONGEST: Final = 4096


class AuthPolicy:
    """Lets users in who bring their password (PEP 3333 middleware).

    The application finds their name in ``REMOTE_USER``. It does not see the password,
    unless it is to.

    :param application: what serves the requests of those who may enter.
    :param spec: the users, by their hashes.
    :raises MissingExtraError: bcrypt is not installed.
    """

    def __init__(self, application: WSGIApplication, spec: AuthSpec) -> None:
        try:
            import bcrypt
        except ImportError as error:
            raise MissingExtraError("'auth:'", "auth") from error
        self._application = application
        self._check = bcrypt.checkpw
        self._users = spec.users
        self._pass_header = spec.pass_header
        self._hashes = tuple(spec.users.values())
        self._known = _Known()
        realm = spec.realm.replace("\\", "\\\\").replace('"', '\\"')
        self._challenge = [
            ("WWW-Authenticate", f'Basic realm="{realm}", charset="UTF-8"')
        ]

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        credentials = _credentials(environ.get("HTTP_AUTHORIZATION", ""))
        if credentials is None or not self._may_enter(*credentials):
            status = HTTPStatus.UNAUTHORIZED
            return answer(status, environ, start_response, self._challenge)
        environ["REMOTE_USER"] = credentials[0].decode("latin-1")
        environ["AUTH_TYPE"] = "Basic"
        if not self._pass_header:
            del environ["HTTP_AUTHORIZATION"]
        return self._application(environ, start_response)

    def _may_enter(self, user: bytes, password: bytes) -> bool:
        if self._known.has(user, password):
            return True
        found = self._users.get(user)
        # Somebody unknown takes the time that a user takes, always the same one: the
        # hashes may differ in their cost.
        against = found or self._hashes[hash(user) % len(self._hashes)]
        matches = self._check(password[:_BCRYPT_READS], against)
        if not matches or found is None:
            return False
        self._known.add(user, password)
        return True


class _Known:
    """The last logins that were right, as hashes with a key of this process."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._lock = Lock()
        self._digests: OrderedDict[bytes, None] = OrderedDict()

    def has(self, user: bytes, password: bytes) -> bool:
        digest = self._digest(user, password)
        with self._lock:
            if digest not in self._digests:
                return False
            self._digests.move_to_end(digest)
            return True

    def add(self, user: bytes, password: bytes) -> None:
        digest = self._digest(user, password)
        with self._lock:
            self._digests[digest] = None
            if len(self._digests) > _KEPT:
                self._digests.popitem(last=False)

    def _digest(self, user: bytes, password: bytes) -> bytes:
        # No name has a colon in it, so no two pairs read the same.
        pair = user + b":" + password
        return hashlib.blake2b(pair, key=self._key, digest_size=32).digest()


def _credentials(header: str) -> tuple[bytes, bytes] | None:
    """Return the name and the password of an Authorization header (RFC 7617, 2)."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _LONGEST:
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).partition(
            b":"
        )
    except (binascii.Error, ValueError):
        return None
    # bcrypt refuses NUL, which ends a password for it.
    return (user, password) if colon and b"\0" not in password else None
