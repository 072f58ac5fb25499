"""Reads which functions of the standard library were replaced."""

from __future__ import annotations

import sys
from contextvars import Context
from typing import Any, Final

from gateway.isolation.audit_values import Ref

# What libraries and applications replace, of the modules that are loaded.
_FUNCTIONS: Final = (
    ("asyncio.events", "get_event_loop"),
    ("asyncio.runners", "run"),
    ("datetime", "datetime"),
    ("http.client", "HTTPConnection"),
    ("json", "dumps"),
    ("json", "loads"),
    ("json", "JSONEncoder.default"),
    ("logging", "Logger.callHandlers"),
    ("logging", "Logger.makeRecord"),
    ("os", "fork"),
    ("select", "select"),
    ("socket", "create_connection"),
    ("socket", "getaddrinfo"),
    ("socket", "socket"),
    ("ssl", "SSLContext"),
    ("ssl", "_create_default_https_context"),
    ("ssl", "create_default_context"),
    ("subprocess", "Popen"),
    ("threading", "Event"),
    ("threading", "RLock"),
    ("threading", "Thread"),
    ("threading", "local"),
    ("time", "sleep"),
    ("time", "time"),
    ("urllib.request", "urlopen"),
)


def read_functions() -> dict[str, Ref]:
    found = {}
    for module_name, path in _FUNCTIONS:
        value: Any = sys.modules.get(module_name)
        for name in path.split("."):
            value = getattr(value, name, None)
        if module_name in sys.modules:
            found[f"{module_name}.{path}"] = Ref(value)
    found["asyncio policy"] = Ref(_loop_policy())
    found["urllib opener"] = Ref(_installed_opener())
    return found


def _loop_policy() -> type | None:
    policy = getattr(sys.modules.get("asyncio.events"), "_event_loop_policy", None)
    # The default one comes into being when it is first asked for.
    is_default = policy is None or type(policy).__module__.startswith("asyncio.")
    return None if is_default else type(policy)


# Of what the opener consists that urllib.request.urlopen makes for itself.
_PLAIN_HANDLERS: Final = frozenset(
    {
        *("ProxyHandler", "UnknownHandler", "HTTPHandler", "HTTPDefaultErrorHandler"),
        *("HTTPRedirectHandler", "FTPHandler", "FileHandler", "DataHandler"),
        *("HTTPSHandler", "HTTPErrorProcessor"),
    }
)


def _installed_opener() -> Any:
    """Return what ``urlopen`` goes through, if it is not what it makes for itself.

    It keeps what it makes, and the proxies of the mount that was the first to call.
    """
    urllib: Any = sys.modules.get("urllib.request")
    opener = getattr(urllib, "_opener", None)
    handlers = getattr(opener, "handlers", ())
    # In a context of its own no mount is current, with its variables.
    proxies = Context().run(urllib.getproxies) if handlers else {}
    for handler in handlers:
        plain = type(handler).__name__ in _PLAIN_HANDLERS
        if not plain or getattr(handler, "proxies", proxies) != proxies:
            return opener
    return None
