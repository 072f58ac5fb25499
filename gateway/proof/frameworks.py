"""Looks through the frameworks' own doors: ``flask.g``, Django's settings, a request.

The applications are given functions to call with each request, where their frameworks
would have them registered, and these are taken away again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.context import current_app_context
from gateway.framework.app import App
from gateway.loaders.django import is_django
from gateway.loaders.flask import flask_class, is_flask
from gateway.loaders.wrapped import innermost
from gateway.proof.identity import Identities
from gateway.proof.looks import FrameworkLook, Phase
from gateway.proof.record import Recording
from gateway.proof.sight import TOKEN, behind, names
from gateway.proof.ticket import TICKET_KEY
from gateway.types import WSGIApplication

Find = Callable[[], Recording | None]


class Watched(Protocol):
    """A framework's application with a context of its own."""

    @property
    def number(self) -> int:
        """The application object's; Django's settings'."""

    @property
    def g_names(self) -> frozenset[str]:
        """What a new ``g`` holds."""

    def watching(self) -> Any:
        """Return a context manager: within, each request is looked at."""


def watch(
    application: WSGIApplication, identities: Identities, find: Find
) -> Watched | None:
    """Return how to look into *application*; ``None`` for no framework known here.

    :param application: as its mount calls it, with the middleware around it.
    :param find: returns the recording of the call that is being served.
    """
    native = innermost(application, lambda each: isinstance(each, App))
    if native is not None:
        return _Flaskish(native, sys.modules["gateway.globals"], identities, find)
    flask = innermost(application, is_flask)
    if flask is not None:
        # The mount's own Flask, where it has one.
        package = flask_class(flask).__module__.rpartition(".")[0]
        return _Flaskish(flask, sys.modules[package], identities, find)
    django = innermost(application, is_django)
    if hasattr(django, "_middleware_chain") and "django" in sys.modules:
        return _Django(django, identities, find)
    return None


@dataclass(frozen=True, slots=True)
class _Flaskish:
    """Flask, and the native framework with its names.

    :param doors: what has ``current_app``, ``g`` and ``request``.
    """

    app: Any
    doors: Any
    identities: Identities
    find: Find

    @property
    def number(self) -> int:
        return self.identities.number(self.app)

    @property
    def g_names(self) -> frozenset[str]:
        return frozenset(names(self.app.app_ctx_globals_class()))

    @property
    def own_g(self) -> bool:
        """Whether its ``g`` is another one than the gateway's."""
        return not isinstance(self.app, App)

    @contextmanager
    def watching(self) -> Iterator[None]:
        def before(endpoint: object, arguments: object) -> None:
            recording = self.find()
            if recording is not None and not self._is_further(recording):
                recording.framework.append(self._look(Phase.BEFORE))
                if self.own_g:
                    setattr(behind(self.doors.g), TOKEN, recording.token)

        def after(response: Any) -> Any:
            recording = self.find()
            if recording is not None and not self._is_further(recording):
                recording.framework.append(self._look(Phase.AFTER))
            return response

        def teardown(error: object) -> None:
            recording = self.find()
            if recording is not None:
                recording.framework.append(self._look(Phase.TEARDOWN))

        registered: list[tuple[list[Any], Any]] = [
            # The first functions to be called with a request.
            (self.app.url_value_preprocessors.setdefault(None, []), before),
            (self.app.after_request_funcs.setdefault(None, []), after),
        ]
        if self.own_g:
            registered.append((self.app.teardown_appcontext_funcs, teardown))
        for functions, function in registered:
            functions.insert(0, function)
        try:
            yield
        finally:
            for functions, function in registered:
                functions.remove(function)

    def _is_further(self, recording: Recording) -> bool:
        """Tell whether the request is one that the application makes of itself.

        By its test client, say, in a view; the call's own request came before it, with
        the prover's header.
        """
        request: Any = behind(self.doors.request)
        return bool(recording.framework) and TICKET_KEY not in request.environ

    def _look(self, phase: Phase) -> FrameworkLook:
        number = self.identities.number
        app: Any = behind(self.doors.current_app)
        request: Any = None
        if phase is not Phase.TEARDOWN:
            request = behind(self.doors.request)
        namespace: Any = behind(self.doors.g) if self.own_g else None
        return FrameworkLook(
            phase,
            _context(number),
            app=number(app),
            config=number(app.config),
            g=None if namespace is None else number(namespace),
            g_names=names(namespace),
            token=getattr(namespace, TOKEN, None),
            request=None if request is None else number(request),
            ticket="" if request is None else request.environ.get(TICKET_KEY, ""),
            prefix=None if request is None else request.environ.get("SCRIPT_NAME"),
        )


@dataclass(frozen=True, slots=True)
class _Django:
    """A Django project: its settings, and the request that its views get."""

    handler: Any
    identities: Identities
    find: Find
    g_names: frozenset[str] = frozenset()

    @property
    def number(self) -> int:
        return self.identities.number(_settings())

    @contextmanager
    def watching(self) -> Iterator[None]:
        chain = self.handler._middleware_chain

        def watched(request: Any) -> Any:
            self._note(Phase.BEFORE, request)
            response = chain(request)
            self._note(Phase.AFTER, request)
            return response

        self.handler._middleware_chain = watched
        try:
            yield
        finally:
            self.handler._middleware_chain = chain

    def _note(self, phase: Phase, request: Any) -> None:
        from django.urls import get_script_prefix

        recording = self.find()
        if recording is None:
            return
        number = self.identities.number
        look = FrameworkLook(
            phase,
            _context(number),
            app=number(_settings()),
            request=number(request),
            ticket=request.META.get(TICKET_KEY, ""),
            prefix=get_script_prefix().rstrip("/"),
        )
        recording.framework.append(look)


def _settings() -> object:
    from django.conf import settings

    return settings._wrapped


def _context(number: Callable[[object], int]) -> int | None:
    context = current_app_context.get(None)
    return None if context is None else number(context)
