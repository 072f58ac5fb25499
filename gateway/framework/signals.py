"""The signals that an application sends, through blinker where it is installed.

Blinker is imported when somebody first connects, so an application without receivers
pays neither for its import nor for sending.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import MissingExtraError

_NOBODY: Mapping[Any, Any] = {}


class Signal:
    """A named signal; everything but sending is blinker's.

    :param name: the signal's name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.receivers: Mapping[Any, Any] = _NOBODY
        self._blinker: Any = None

    def send(self, *sender: Any, **kwargs: Any) -> list[tuple[Any, Any]]:
        """Call every receiver that is connected to the sender."""
        if not self.receivers:
            return []
        results: list[tuple[Any, Any]] = self._blinker.send(*sender, **kwargs)
        return results

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._connectable(), name)

    def _connectable(self) -> Any:
        if self._blinker is None:
            try:
                from blinker import NamedSignal
            except ImportError:
                raise MissingExtraError("connecting to signals", "signals") from None
            self._blinker = NamedSignal(self.name)
            self.receivers = self._blinker.receivers
        return self._blinker

    def __repr__(self) -> str:
        return f"<Signal {self.name!r}>"


template_rendered = Signal("template-rendered")
before_render_template = Signal("before-render-template")
request_started = Signal("request-started")
request_finished = Signal("request-finished")
request_tearing_down = Signal("request-tearing-down")
got_request_exception = Signal("got-request-exception")
appcontext_tearing_down = Signal("appcontext-tearing-down")
appcontext_pushed = Signal("appcontext-pushed")
appcontext_popped = Signal("appcontext-popped")
message_flashed = Signal("message-flashed")
