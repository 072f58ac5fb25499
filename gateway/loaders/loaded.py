"""What every loader returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.isolation.environ import Overlay
from gateway.isolation.modules import Namespace
from gateway.joint_context import ForeignContext
from gateway.types import Application, WSGIApplication


@dataclass(frozen=True, slots=True)
class Loaded:
    """An application that is ready to serve.

    :param application: the owner of its contexts.
    :param wsgi: what serves its requests.
    :param kind: what sort of application it is, such as ``flask``.
    :param source: where it comes from, for people.
    :param served: the application itself, without the middleware around it where that
        can be told, so that two mounts of the same one are noticed; ``None`` where
        sharing is harmless.
    :param exclusive: of what, such as ``Django``, the process can have only this one.
    :param native: whether it pushes request contexts of its own.
    :param slash: whether a bare prefix is redirected to its slash.
    :param namespace: the modules that are its own, if there are any.
    :param environ: the environment variables that are its own; none without code.
    :param framework_context: makes the context that its framework has outside of a
        request, if it has one.
    :param close: ends what it has running; may raise.
    :param bare: what *wsgi* is without the mount's middleware, if that has any.
    :param before_fork: has it rest, so that it has no thread when processes are forked.
    :param after_fork: has it go on in a process that was forked; may raise.
    """

    application: Application
    wsgi: WSGIApplication
    kind: str
    source: str
    served: object = None
    exclusive: str | None = None
    native: bool = False
    slash: bool = True
    namespace: Namespace | None = None
    environ: Overlay | None = None
    framework_context: Callable[[], ForeignContext] | None = None
    close: Callable[[], None] | None = None
    bare: WSGIApplication | None = None
    before_fork: Callable[[], None] | None = None
    after_fork: Callable[[], None] | None = None
