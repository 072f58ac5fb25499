"""One request to a WSGI application in this process, and its response as it comes."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

from gateway._version import __version__
from gateway.bodies import close_body
from gateway.errors import GatewayError
from gateway.paths import quote_query
from gateway.types import WSGIApplication, WSGIEnvironment

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_PORTS: Final = {"http": 80, "https": 443}


class InvalidRequestError(GatewayError):
    """A request cannot be made of what was given."""


class CutOffError(GatewayError):
    """The application failed when part of its response was out already."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request to make.

    :param url: a path, or a whole URL whose host the gateway routes by.
    :param headers: ``Name: value`` each. They replace what is sent by default;
        ``Name:`` alone takes it away.
    :param body: ``None`` for none.
    :param json: whether the body is JSON, and the response should be.
    """

    url: str
    method: str = "GET"
    headers: Sequence[str] = ()
    body: bytes | None = None
    json: bool = False

    def environ(self) -> WSGIEnvironment:
        """Return the WSGI environment of the request (PEP 3333).

        :raises InvalidRequestError: the URL, the method or a header is malformed.
        """
        if not _TOKEN.fullmatch(self.method):
            raise InvalidRequestError(
                f"{self.method!r} is not a method (RFC 9110, 9.1): write one such as "
                "POST"
            )
        target = _Target.of(self.url)
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": _unquoted(target.path),
            "QUERY_STRING": target.query,
            "SERVER_NAME": _bytes_as_latin1(target.host),
            "SERVER_PORT": str(target.port),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": target.scheme,
            "wsgi.input": io.BytesIO(self.body or b""),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": True,
        }
        environ.update(_headers(self, target.authority))
        return environ


@dataclass(frozen=True, slots=True)
class _Target:
    scheme: str
    authority: str
    host: str
    port: int
    path: str
    query: str

    @classmethod
    def of(cls, url: str) -> _Target:
        whole = url if "://" in url else f"http://localhost{url}"
        try:
            parts = urlsplit(whole)
            port = parts.port or _PORTS[parts.scheme]
        except (ValueError, KeyError) as error:
            reason = "" if isinstance(error, KeyError) else f" ({error})"
            raise InvalidRequestError(f"{url!r} is not an HTTP URL{reason}") from None
        if not parts.hostname or ("://" not in url and not url.startswith("/")):
            raise InvalidRequestError(
                f"{url!r} names no path: write one such as /notes/, or a whole URL "
                "with http://"
            )
        return cls(
            scheme=parts.scheme,
            authority=parts.netloc.rpartition("@")[2],
            host=parts.hostname,
            port=port,
            path=parts.path or "/",
            query=quote_query(_bytes_as_latin1(parts.query)),
        )


def _bytes_as_latin1(text: str) -> str:
    # What came with the command line as undecodable bytes goes on as those bytes.
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _unquoted(path: str) -> str:
    # As bytes: unquote_to_bytes() refuses a text with undecodable ones in it.
    raw = path.encode("utf-8", "surrogateescape")
    return unquote_to_bytes(raw).decode("latin-1")


def _headers(call: Call, authority: str) -> dict[str, str]:
    fields: dict[str, tuple[str, ...]] = {
        "host": (authority,),
        "user-agent": (f"gateway/{__version__}",),
        "accept": (_JSON if call.json else "*/*",),
    }
    if call.body is not None:
        fields["content-type"] = (_JSON if call.json else _FORM,)
        fields["content-length"] = (str(len(call.body)),)
    for name, values in _given(call.headers).items():
        fields[name] = values
    environ = {}
    for name, values in fields.items():
        joined = ("; " if name == "cookie" else ", ").join(values)
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if values:
            environ[key] = _bytes_as_latin1(joined)
    return environ


def _given(headers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The given headers by name; one to take away has no value."""
    given: dict[str, tuple[str, ...]] = {}
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or re.search(r"[\r\n\0]", value):
            raise InvalidRequestError(
                f"{header!r} is not a header: write 'Name: value', on one line"
            )
        values = (value.strip(),) if value.strip() else ()
        given[name.lower()] = given.get(name.lower(), ()) + values
    return given


@dataclass(slots=True)
class Response:
    """What a response is made of, collected as PEP 3333 hands it over.

    :param on_start: called once, before the first byte of the body.
    :param on_body: called with each part of the body.
    """

    on_start: Callable[[Response], None]
    on_body: Callable[[bytes], None]
    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    started: bool = False

    @property
    def code(self) -> int:
        """The status code."""
        return int(self.status[:3])

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Take the status and the headers; with *exc_info*, others than before."""
        if exc_info is not None and self.started:
            raise exc_info[1].with_traceback(exc_info[2])
        self.status, self.headers = status, headers
        return self._write

    def _write(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise CutOffError(
                f"the application's body has a {type(data).__name__}, where PEP 3333 "
                "has bytes: encode it"
            )
        if not self.started:
            self._check_head()
            self.started = True
            self.on_start(self)
        if data:
            self.on_body(data)

    def _check_head(self) -> None:
        if not self.status:
            raise CutOffError("the application gave no status: see PEP 3333")
        if not re.match(r"[1-9][0-9]{2}( |$)", str(self.status)):
            raise CutOffError(
                f"the application gave the status {self.status!r}, where PEP 3333 has "
                "a code of three digits and a reason, such as '200 OK'"
            )
        for header in self.headers:
            if [type(part) for part in header] != [str, str]:
                raise CutOffError(
                    f"the application gave the header {header!r}, where PEP 3333 has "
                    "a name and a value, both str"
                )

    def take(self, application: WSGIApplication, environ: WSGIEnvironment) -> None:
        """Make the request and hand on its response part by part.

        :raises CutOffError: the application failed in the middle of its response, or
            handed over what PEP 3333 does not allow.
        """
        with _cutting_off():
            body = application(environ, self.start_response)
        try:
            with _cutting_off():
                iterator = iter(body)
            while True:
                with _cutting_off():
                    part = next(iterator, _END)
                if part is _END:
                    break
                if part or not isinstance(part, bytes):
                    self._write(part)
            self._write(b"")
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell
                close_body(body)
            raise
        with _cutting_off("the response is whole, but when its body was closed"):
            close_body(body)


_END: Final[Any] = object()


@contextmanager
def _cutting_off(when: str = "the response ends in the middle:") -> Iterator[None]:
    """Tell what the application raises from what printing its response raises."""
    try:
        yield
    except CutOffError:
        raise  # from the write() of PEP 3333
    except Exception as error:
        raise CutOffError(
            f"{when} the application raised {type(error).__name__}"
        ) from error
