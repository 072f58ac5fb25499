"""A client that calls an application without a server, and environs for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import copy
from functools import cache
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import werkzeug.test
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request as BaseRequest

from gateway.types import WSGIEnvironment


class EnvironBuilder(werkzeug.test.EnvironBuilder):
    """Builds a WSGI environment for a request to an application.

    :param app: the application, whose configuration gives host, scheme and root.
    :param path: the path, or a whole URL.
    :param base_url: scheme, host and root, in place of the configuration's.
    :param subdomain: prepended to ``SERVER_NAME``.
    :param url_scheme: in place of ``PREFERRED_URL_SCHEME``.
    :param args: those of Werkzeug's builder, as are *kwargs*.
    :raises ValueError: *base_url* is given along with a part of it.
    """

    def __init__(
        self,
        app: Any,
        path: str = "/",
        base_url: str | None = None,
        subdomain: str | None = None,
        url_scheme: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if base_url is not None and (subdomain or url_scheme):
            raise BaseURLError(
                'Cannot pass "subdomain" or "url_scheme" with "base_url": '
                f"{base_url!r} has both already."
            )
        if base_url is None:
            url = urlsplit(path)
            host = app.config.get("SERVER_NAME") or "localhost"
            if subdomain:
                host = f"{subdomain}.{host}"
            scheme = url.scheme or url_scheme or app.config["PREFERRED_URL_SCHEME"]
            root = app.config["APPLICATION_ROOT"].lstrip("/")
            base_url = f"{scheme}://{url.netloc or host}/{root}"
            path = f"{url.path}?{url.query}" if url.query else url.path
        self.app = app
        super().__init__(path, base_url, *args, **kwargs)

    def json_dumps(self, obj: Any, **kwargs: Any) -> str:
        """Encode the ``json`` argument with the application's provider."""
        text: str = self.app.json.dumps(obj, **kwargs)
        return text


class BaseURLError(ValueError, AssertionError):
    """A base URL was given along with a part of it."""


@cache
def _werkzeug_version() -> str:
    from importlib.metadata import version

    return version("werkzeug")


class Client(werkzeug.test.Client):
    """Calls an application as a browser would, with cookies.

    Used as a context manager it keeps the contexts of the last request, so that a
    test can look at ``request``, ``session`` and ``g`` after it.
    """

    application: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.preserve_context = False
        self._new_contexts: list[Any] = []
        self._context_stack = ExitStack()
        self.environ_base: dict[str, Any] = {
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_USER_AGENT": f"Werkzeug/{_werkzeug_version()}",
        }

    @contextmanager
    def session_transaction(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Open the session for a ``with`` block and save it at its end.

        :param args: those of a request, as are *kwargs*.
        :raises TypeError: the client has no cookies.
        """
        if self._cookies is None:
            raise TypeError(
                "Cookies are disabled. Create a client with 'use_cookies=True'."
            )
        app = self.application
        context = app.test_request_context(*args, **kwargs)
        self._add_cookies_to_wsgi(context.request.environ)
        with context:
            session = app.session_interface.open_session(app, context.request)
        if session is None:
            raise RuntimeError(
                "Session backend did not open a session: set the application's "
                "secret_key"
            )
        yield session
        if app.session_interface.is_null_session(session):
            return
        response = app.response_class()
        with context:
            app.session_interface.save_session(app, session, response)
        self._update_cookies_from_response(
            context.request.host.partition(":")[0],
            context.request.path,
            response.headers.getlist("Set-Cookie"),
        )

    def _with_base(self, environ: Mapping[str, Any]) -> WSGIEnvironment:
        merged = {**self.environ_base, **environ}
        if self.preserve_context:
            merged["werkzeug.debug.preserve_context"] = self._new_contexts.append
        return merged

    def _request(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> BaseRequest:
        """Build the request from any form of arguments that :meth:`open` takes."""
        first = args[0] if args else None
        if isinstance(first, werkzeug.test.EnvironBuilder):
            builder = copy(first)
            builder.environ_base = self._with_base(builder.environ_base or {})
            return builder.get_request()
        if isinstance(first, dict):
            return EnvironBuilder.from_environ(
                first, app=self.application, environ_base=self._with_base({})
            ).get_request()
        if isinstance(first, BaseRequest):
            request = copy(first)
            request.environ = self._with_base(request.environ)
            return request
        kwargs["environ_base"] = self._with_base(kwargs.get("environ_base", {}))
        builder = EnvironBuilder(self.application, *args, **kwargs)
        try:
            return builder.get_request()
        finally:
            builder.close()

    def open(
        self,
        *args: Any,
        buffered: bool = False,
        follow_redirects: bool = False,
        **kwargs: Any,
    ) -> TestResponse:
        """Send a request.

        :param args: a path and what else an :class:`EnvironBuilder` takes, or a
            builder, an environ or a request.
        :param buffered: read all of the body and close it.
        :param follow_redirects: go on until the answer is no redirect.
        """
        request = self._request(args, kwargs)
        # The contexts of the request before go now, not with the garbage.
        self._context_stack.close()
        response = super().open(
            request, buffered=buffered, follow_redirects=follow_redirects
        )
        response.json_module = self.application.json
        while self._new_contexts:
            self._context_stack.enter_context(self._new_contexts.pop(0))
        return response

    def __enter__(self) -> Client:
        if self.preserve_context:
            raise RuntimeError("Cannot nest client invocations")
        self.preserve_context = True
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.preserve_context = False
        self._context_stack.close()
