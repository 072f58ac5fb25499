"""Which addresses are not asked for: a GET there may do more than get."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_plus, urlsplit

_VERBS: Final = (
    r"(?:log|sign)[-_]?(?:out|off)|delete|remove|destroy|drop|purge|erase|trash|wipe|"
    r"revoke|unsubscribe|deactivate|disable|cancel|shutdown|restart|reset|quit|exit"
)
_CHANGES: Final = re.compile(rf"(?:^|[^a-z])(?:{_VERBS})(?:[^a-z]|$)", re.IGNORECASE)


def may_change_something(url: str) -> bool:
    """Tell whether *url* looks as if a GET of it logged out or deleted something.

    It must not (RFC 9110, 9.2.1), but applications that do it are known.
    """
    parts = urlsplit(url)
    # A file is a file, whatever it is called.
    if re.search(r"\.(?:css|js|png|svg|ico|jpe?g|gif|webp|woff2?)$", parts.path):
        return False
    text = unquote_plus(f"{parts.path}?{parts.query}")
    # deleteItem and LogOut read as words of their own.
    return bool(_CHANGES.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "-", text))) or bool(
        _CHANGES.search(text)
    )
