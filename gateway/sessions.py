"""Sessions and their interfaces."""

from __future__ import annotations

from werkzeug.datastructures import CallbackDict as CallbackDict

from gateway.framework.json_tag import TaggedJSONSerializer as TaggedJSONSerializer
from gateway.framework.sessions import NullSession as NullSession
from gateway.framework.sessions import SecureCookieSession as SecureCookieSession
from gateway.framework.sessions import (
    SecureCookieSessionInterface as SecureCookieSessionInterface,
)
from gateway.framework.sessions import SessionInterface as SessionInterface
from gateway.framework.sessions import SessionMixin as SessionMixin
from gateway.framework.sessions import (
    session_json_serializer as session_json_serializer,
)
from gateway.framework.stored_sessions import StoredSession as StoredSession
from gateway.framework.stored_sessions import (
    StoredSessionInterface as StoredSessionInterface,
)
