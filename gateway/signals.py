"""The signals of an application, where a ported import line expects them."""

from __future__ import annotations

from gateway.errors import MissingExtraError
from gateway.framework.signals import Signal as Signal
from gateway.framework.signals import appcontext_popped as appcontext_popped
from gateway.framework.signals import appcontext_pushed as appcontext_pushed
from gateway.framework.signals import appcontext_tearing_down as appcontext_tearing_down
from gateway.framework.signals import before_render_template as before_render_template
from gateway.framework.signals import got_request_exception as got_request_exception
from gateway.framework.signals import message_flashed as message_flashed
from gateway.framework.signals import request_finished as request_finished
from gateway.framework.signals import request_started as request_started
from gateway.framework.signals import request_tearing_down as request_tearing_down
from gateway.framework.signals import template_rendered as template_rendered


def __getattr__(name: str) -> object:
    # Extensions make signals of their own with blinker's class, found here as in Flask.
    if name != "Namespace":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from blinker import Namespace
    except ImportError:
        raise MissingExtraError("a namespace of signals", "signals") from None
    return Namespace
