"""Clients that send requests through a gateway in this process, without a server."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import werkzeug.test
from werkzeug.test import TestResponse

from gateway.lifecycle import Gateway
from gateway.paths import from_text, quote_path
from gateway.site import UnknownMountError
from gateway.testing.hosts import host_of
from gateway.testing.served import as_served

_WHOLE_URL = re.compile(r"https?://", re.IGNORECASE)


class GatewayClient(werkzeug.test.Client):
    """A browser for a gateway: Werkzeug's test client, with cookies that are kept.

    A request goes the whole way: dispatch by host and prefix, policies, a context of
    the mount's own, the application. What an application raises is answered with a 500
    and logged, as it is when the gateway is served.

    :param gateway: what to send requests to.
    """

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(as_served(gateway), allow_subdomain_redirects=True)
        self.gateway = gateway

    def mount(self, name: str) -> MountClient:
        """Return a client for the URLs of one mount, with the cookies of this one.

        :raises UnknownMountError: the gateway has no such mount.
        """
        client = MountClient(self.gateway, name)
        client._cookies = self._cookies
        return client

    def open(
        self,
        *args: Any,
        buffered: bool = True,
        follow_redirects: bool = False,
        **kwargs: Any,
    ) -> TestResponse:
        """Send a request; ``get``, ``post`` and so on do it with their method.

        :param args: a path, or a whole URL whose host chooses the mount; or a builder,
            an environ or a request as Werkzeug's client takes them.
        :param buffered: read all of the body and close it, so that the request's
            context has ended; ``False`` is for streams.
        :param follow_redirects: go on until the answer is no redirect.
        :param kwargs: what Werkzeug's ``EnvironBuilder`` takes: ``data``, ``json``,
            ``headers``, ``query_string`` ...
        """
        if not args or isinstance(args[0], str):
            url = args[0] if args else kwargs.pop("path", "/")
            base, path = self._address(url)
            if len(args) < 2:
                kwargs.setdefault("base_url", base)
            args = (path, *args[1:])
        return super().open(
            *args, buffered=buffered, follow_redirects=follow_redirects, **kwargs
        )

    def __repr__(self) -> str:
        return f"<GatewayClient of {', '.join(self.gateway.mounts)}>"

    def _address(self, url: str) -> tuple[str, str]:
        """Return scheme and host, and the rest."""
        if not _WHOLE_URL.match(url):
            return "http://localhost", url
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}", (parts.path or "/") + query


class MountClient(GatewayClient):
    """A client whose paths are those inside one mount: ``/`` is the mount's root.

    An empty path is the bare prefix, without its slash. A whole URL is taken as it is.

    :param gateway: what to send requests to.
    :param name: the mount; its prefix goes before each path, and its host is asked.
    :raises UnknownMountError: the gateway has no such mount.
    """

    def __init__(self, gateway: Gateway, name: str) -> None:
        super().__init__(gateway)
        if name not in gateway.mounts:
            raise UnknownMountError(name, gateway.mounts)
        self.name = name

    @property
    def prefix(self) -> str:
        """What goes before each path, percent-encoded; empty for the root."""
        return quote_path(from_text(self.gateway.mounts[self.name].prefix))

    def __repr__(self) -> str:
        return f"<MountClient {self.name!r}>"

    def _address(self, url: str) -> tuple[str, str]:
        if _WHOLE_URL.match(url):
            return super()._address(url)
        slash = "" if not url or url[0] in "/?" else "/"
        host = host_of(self.gateway, self.name)
        return f"http://{host}", self.prefix + slash + url or "/"
