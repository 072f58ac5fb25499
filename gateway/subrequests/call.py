"""``subrequest``: ask another mount of the same gateway, as a client would."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import Context, copy_context
from typing import Any, Final, TypedDict, Unpack

from gateway.context import RequestContext, current_app_context, top_request_context
from gateway.errors import SubrequestError
from gateway.paths import MOUNT_STACK
from gateway.site import Mounted, Site, current_mounted, url_in
from gateway.subrequests.request import Ask, Data, Headers
from gateway.subrequests.response import Subresponse, answered
from gateway.subrequests.target import Query, host_outside, target_of
from gateway.subrequests.thread_locals import locals_kept

# How many requests may wait for one another. Python has room for about ten times as
# many frames as one of them takes with a large framework.
DEEPEST: Final = 10

# What a request finds in its execution context belongs to the request around it: the
# contexts of frameworks. The rest goes along, such as the span that is being traced.
_OF_ONE_REQUEST: Final = ("gateway.", "flask.", "quart.", "asgiref.")


class Options(TypedDict, total=False):
    """What may be said of a subrequest; see :func:`subrequest`."""

    method: str | None
    query: Query | None
    headers: Headers
    data: Data | None
    json: Any
    cookies: bool | Mapping[str, str]
    authorization: bool


def subrequest(
    url: str,
    *,
    mount: str | None = None,
    method: str | None = None,
    query: Query | None = None,
    headers: Headers = (),
    data: Data | None = None,
    json: Any = None,
    cookies: bool | Mapping[str, str] = False,
    authorization: bool = False,
) -> Subresponse:
    """Make a request to a mount of the gateway that serves the current application.

    It has the client, scheme, host and request id of the request that is being served.
    The response is a werkzeug one whose body is made while it is read: close it, use it
    with ``with``, or read it to its end.

    :param url: an absolute path, or a URL; what ``mount_url`` returns is one.
    :param mount: the mount that *url* is a path in, which then is below its prefix.
    :param method: by default POST if there is a body, else GET.
    :param query: a query string or its parts; added to what *url* has.
    :param headers: they replace what is sent by default.
    :param data: the body: bytes, text, a file, or the fields and files of a form.
    :param json: the body, as JSON.
    :param cookies: those to send; true for the ones that the client has sent, of which
        the mount sees its own.
    :param authorization: whether the mount is told who the client has proven to be.
    :raises SubrequestError: the request cannot be made, or too many wait for it.
    :raises UnknownMountError: there is no mount of that name.
    :raises OutsideContextError: no application of a gateway is current.
    """
    here = current_mounted("subrequest")
    ask = Ask(method, query, headers, data, json, cookies, authorization)
    return _respond(here.site, url, mount, ask)


class Subrequests:
    """Makes requests to the mounts of one gateway, also where it serves none.

    :param site: the gateway's mounts.
    """

    __slots__ = ("_site",)

    def __init__(self, site: Site) -> None:
        self._site = site

    def __call__(
        self, url: str, *, mount: str | None = None, **options: Unpack[Options]
    ) -> Subresponse:
        """Make one; the parameters are those of :func:`gateway.subrequest`."""
        return _respond(self._site, url, mount, Ask(**options))


def _respond(site: Site, url: str, mount: str | None, ask: Ask) -> Subresponse:
    _refuse_running_loop()
    serve = site.serve
    if serve is None:
        raise SubrequestError(
            "the gateway has not loaded all its mounts yet: they can be asked when it "
            "serves, not by a mount's 'probe:' before"
        )
    request = _request_of(site)
    outer = None if request is None else request.environ
    here = _mounted_in(site)
    pattern = None if here is None else here.point.host
    stack = () if request is None else _stack(request)
    if mount is not None:
        url = url_in(site, pattern, outer, mount, url)
    target = target_of(url, ask.query, site, outer)
    environ = ask.environ(target, outer, host_outside(pattern), stack)
    around = locals_kept(None if here is None else here.namespace)
    return answered(serve, environ, _fresh_context(), around)


def _refuse_running_loop() -> None:
    """Refuse what would stop an event loop until the response is there.

    :raises SubrequestError: one runs in this thread, perhaps the one that is asked.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise SubrequestError(
        "an event loop is running in this thread, and a subrequest would block it: "
        "use 'await asyncio.to_thread(subrequest, ...)'"
    )


def _request_of(site: Site) -> RequestContext | None:
    """Return the request that is being served, if a mount of *site* serves it."""
    request = top_request_context()
    mounted: Mounted | None = getattr(request and request.app, "mount", None)
    return request if mounted is not None and mounted.site is site else None


def _mounted_in(site: Site) -> Mounted | None:
    """Return the place of the current application, if it is in *site*."""
    context = current_app_context.get(None)
    mounted: Mounted | None = getattr(context and context.app, "mount", None)
    return mounted if mounted is not None and mounted.site is site else None


def _stack(request: RequestContext) -> tuple[str, ...]:
    """Return the mounts whose requests wait for a subrequest of *request*.

    :raises SubrequestError: they are too many.
    """
    above: tuple[str, ...] = request.environ.get(MOUNT_STACK, ())
    stack = (*above, request.app.mount.point.name)
    if len(stack) > DEEPEST:
        raise SubrequestError(
            f"more than {DEEPEST} requests wait for one another "
            f"({' -> '.join(stack)}): mounts that ask each other in a circle never end"
        )
    return stack


def _fresh_context() -> Context:
    """Return an execution context without what belongs to the current request."""
    fresh = Context()
    for variable, value in copy_context().items():
        if not variable.name.startswith(_OF_ONE_REQUEST):
            fresh.run(variable.set, value)
    return fresh
