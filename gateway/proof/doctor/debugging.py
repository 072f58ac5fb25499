"""Debug modes: what shows an application's inside to whoever comes by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gateway.loaders.wrapped import innermost
from gateway.proof.doctor.inquiry import Inquiry, shown
from gateway.proof.doctor.report import Finding, Spot

# What Werkzeug's debugger answers to, at any path (werkzeug/debug/__init__.py).
_DEBUGGER: Final = "?__debugger__=yes&cmd=resource&f=debugger.js"


def debug_findings(application: str, served: object) -> Iterator[Finding]:
    """Yield which debug modes of an application are on, by its own settings.

    :param application: what it is, as :func:`identify` has it.
    """
    app = innermost(served, lambda each: getattr(each, "debug", None) is True)
    if app is None:
        return
    if application in ("FastAPI", "Starlette", "Gradio"):
        yield Finding(
            "error",
            "debug",
            "debug is on: errors are answered with the traceback and the values in it",
            f"make it with {application}(debug=False), which is the default",
        )
    elif application in ("Flask", "Dash", "native"):
        yield Finding(
            "warning",
            "debug",
            "debug is on: templates are looked up anew for each request, and errors "
            "are told as to a developer",
            "leave app.debug and FLASK_DEBUG alone, or set DEBUG: false in the mount's "
            "'config:'",
        )


def django_findings(settings: Any) -> Iterator[Finding]:
    """Yield what is wrong with the settings of a Django project.

    :param settings: ``django.conf.settings``.
    """
    if getattr(settings, "DEBUG", False):
        yield Finding(
            "error",
            "debug",
            "DEBUG is on: its error pages show settings, code and values, and it "
            "remembers every SQL query",
            "set DEBUG = False, or read it from the mount's 'env:'",
        )
    if "*" in getattr(settings, "ALLOWED_HOSTS", ()):
        yield Finding(
            "note",
            "host",
            "ALLOWED_HOSTS holds '*': URLs in its mails and redirects are built from "
            "whatever Host a client sends",
            "name the hosts that the gateway is reached at",
        )


def debugger_reachable(root: str, inquiry: Inquiry) -> Iterator[Finding]:
    """Yield a finding if Werkzeug's debugger answers at *root*, a mount's URL."""
    url = root + _DEBUGGER
    answer = inquiry.read(url)
    if answer.status == 200 and "EVALEX" in answer.text:
        yield Finding(
            "error",
            "debug",
            "Werkzeug's debugger answers: whoever causes an error sees the code, and "
            "may run some in the server's process",
            "take DebuggedApplication away, and serve without use_debugger",
            Spot(shown(root), None, f"GET {shown(url)}"),
        )
