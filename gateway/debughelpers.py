"""Errors that explain mistakes early, where a ported import line expects them."""

from __future__ import annotations

from gateway.framework.debugging import DebugFilesKeyError as DebugFilesKeyError
from gateway.framework.debugging import (
    FormDataRoutingRedirect as FormDataRoutingRedirect,
)
from gateway.framework.debugging import (
    UnexpectedUnicodeError as UnexpectedUnicodeError,
)
