"""Many independently built web applications in one process, each in its own context.

Every public name is here. They are imported when they are first used, so that
``import gateway`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway._version import __version__ as __version__

if TYPE_CHECKING:
    from typing import Any

    from gateway import json as json
    from gateway.context import AppContext as AppContext
    from gateway.context import AppGlobals
    from gateway.errors import GatewayError as GatewayError
    from gateway.framework.app import App as App
    from gateway.framework.app import Flask as Flask
    from gateway.framework.blueprints import Blueprint as Blueprint
    from gateway.framework.context import RequestContext as RequestContext
    from gateway.framework.files import send_file as send_file
    from gateway.framework.files import send_from_directory as send_from_directory
    from gateway.framework.helpers import abort as abort
    from gateway.framework.helpers import after_this_request as after_this_request
    from gateway.framework.helpers import (
        copy_current_request_context as copy_current_request_context,
    )
    from gateway.framework.helpers import flash as flash
    from gateway.framework.helpers import get_flashed_messages as get_flashed_messages
    from gateway.framework.helpers import has_app_context as has_app_context
    from gateway.framework.helpers import has_request_context as has_request_context
    from gateway.framework.helpers import jsonify as jsonify
    from gateway.framework.helpers import make_response as make_response
    from gateway.framework.helpers import redirect as redirect
    from gateway.framework.helpers import stream_with_context as stream_with_context
    from gateway.framework.helpers import url_for as url_for
    from gateway.framework.sessions import SessionMixin
    from gateway.framework.signals import appcontext_popped as appcontext_popped
    from gateway.framework.signals import appcontext_pushed as appcontext_pushed
    from gateway.framework.signals import (
        appcontext_tearing_down as appcontext_tearing_down,
    )
    from gateway.framework.signals import (
        before_render_template as before_render_template,
    )
    from gateway.framework.signals import got_request_exception as got_request_exception
    from gateway.framework.signals import message_flashed as message_flashed
    from gateway.framework.signals import request_finished as request_finished
    from gateway.framework.signals import request_started as request_started
    from gateway.framework.signals import request_tearing_down as request_tearing_down
    from gateway.framework.signals import template_rendered as template_rendered
    from gateway.framework.templating import (
        get_template_attribute as get_template_attribute,
    )
    from gateway.framework.templating import render_template as render_template
    from gateway.framework.templating import (
        render_template_string as render_template_string,
    )
    from gateway.framework.templating import stream_template as stream_template
    from gateway.framework.templating import (
        stream_template_string as stream_template_string,
    )
    from gateway.framework.wrappers import Request as Request
    from gateway.framework.wrappers import Response as Response
    from gateway.lifecycle import Gateway as Gateway
    from gateway.settings import Config as Config
    from gateway.site import mount_url as mount_url
    from gateway.subrequests.call import subrequest as subrequest

    current_app: App
    g: AppGlobals
    request: Request
    session: SessionMixin

_HOME = {
    "App": "gateway.framework.app",
    "AppContext": "gateway.context",
    "Blueprint": "gateway.framework.blueprints",
    "Config": "gateway.settings",
    "Flask": "gateway.framework.app",
    "Gateway": "gateway.lifecycle",
    "GatewayError": "gateway.errors",
    "Request": "gateway.framework.wrappers",
    "RequestContext": "gateway.framework.context",
    "Response": "gateway.framework.wrappers",
    "abort": "gateway.framework.helpers",
    "after_this_request": "gateway.framework.helpers",
    "appcontext_popped": "gateway.framework.signals",
    "appcontext_pushed": "gateway.framework.signals",
    "appcontext_tearing_down": "gateway.framework.signals",
    "before_render_template": "gateway.framework.signals",
    "copy_current_request_context": "gateway.framework.helpers",
    "current_app": "gateway.globals",
    "flash": "gateway.framework.helpers",
    "g": "gateway.globals",
    "get_flashed_messages": "gateway.framework.helpers",
    "get_template_attribute": "gateway.framework.templating",
    "got_request_exception": "gateway.framework.signals",
    "has_app_context": "gateway.framework.helpers",
    "has_request_context": "gateway.framework.helpers",
    "jsonify": "gateway.framework.helpers",
    "make_response": "gateway.framework.helpers",
    "message_flashed": "gateway.framework.signals",
    "mount_url": "gateway.site",
    "redirect": "gateway.framework.helpers",
    "render_template": "gateway.framework.templating",
    "render_template_string": "gateway.framework.templating",
    "request": "gateway.globals",
    "request_finished": "gateway.framework.signals",
    "request_started": "gateway.framework.signals",
    "request_tearing_down": "gateway.framework.signals",
    "send_file": "gateway.framework.files",
    "send_from_directory": "gateway.framework.files",
    "session": "gateway.globals",
    "stream_template": "gateway.framework.templating",
    "stream_template_string": "gateway.framework.templating",
    "stream_with_context": "gateway.framework.helpers",
    "subrequest": "gateway.subrequests.call",
    "template_rendered": "gateway.framework.signals",
    "url_for": "gateway.framework.helpers",
}

# Modules that are there once the package is imported, as in Flask.
_MODULES = frozenset(
    [
        *["app", "blueprints", "cli", "config", "ctx", "debughelpers", "globals"],
        *["helpers", "json", "logging", "sessions", "signals", "templating"],
        *["testing", "typing", "views", "wrappers"],
    ]
)

__all__ = sorted([*_HOME, "__version__", "json"])


# Taken now: once gateway.globals is imported, that module has this name here.
_namespace = globals()


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = _namespace[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*_namespace, *_HOME, *_MODULES})
