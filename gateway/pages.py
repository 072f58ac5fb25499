"""The few answers that come from the gateway itself; they name no internals."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from gateway.types import StartResponse, WSGIEnvironment

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{code} {phrase}</title>
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 20vh auto; width: 24rem;
max-width: 90% }} h1 {{ font-size: 1.4rem }}</style>
<h1>{code} {phrase}</h1>
<p>{text}</p>
</html>
"""

_TEXTS = {
    HTTPStatus.PERMANENT_REDIRECT: "The page is at the same address with a slash.",
    HTTPStatus.BAD_REQUEST: "The request could not be understood.",
    HTTPStatus.UNAUTHORIZED: "This page is for those with a name and a password.",
    HTTPStatus.FORBIDDEN: "This page is not for you.",
    HTTPStatus.NOT_FOUND: "Nothing is served at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This page is not for that kind of request.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "What was sent is too large.",
    HTTPStatus.TOO_MANY_REQUESTS: "There were too many requests. Try again later.",
    HTTPStatus.SERVICE_UNAVAILABLE: "This page is not available now. Try again later.",
    HTTPStatus.BAD_GATEWAY: "The server behind this page does not answer. Try again "
    "later.",
    HTTPStatus.GATEWAY_TIMEOUT: "The server behind this page takes too long. Try again "
    "later.",
    HTTPStatus.NOT_IMPLEMENTED: "WebSocket connections and requests like this one "
    "are not passed on.",
    HTTPStatus.LOOP_DETECTED: "The server behind this page is this one.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong while serving this page.",
}
_BODIES = {
    status: _PAGE.format(code=status.value, phrase=status.phrase, text=text).encode()
    for status, text in _TEXTS.items()
}


def answer(
    status: HTTPStatus,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    headers: Iterable[tuple[str, str]] = (),
    exc_info: object = None,
) -> list[bytes]:
    """Answer with the gateway's own page for *status*."""
    body = _BODIES[status]
    fields = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(body))),
        *headers,
    ]
    line = f"{status.value} {status.phrase}"
    if exc_info is None:
        start_response(line, fields)
    else:
        start_response(line, fields, exc_info)  # type: ignore[arg-type]
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]
