"""The request and the response: Werkzeug's, made lazy where most requests need little.

Only what an application asks for is computed. A request decodes nothing before it is
read; a response that is a text of a known type has no ``Headers`` object unless
somebody touches it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from werkzeug.datastructures import EnvironHeaders, Headers
from werkzeug.exceptions import BadRequest
from werkzeug.utils import get_content_type
from werkzeug.wrappers import Request as BaseRequest
from werkzeug.wrappers import Response as BaseResponse

from gateway.context import current_app_context
from gateway.framework import json
from gateway.framework.lazy import lazy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from werkzeug.exceptions import HTTPException
    from werkzeug.routing import Rule

    from gateway.types import StartResponse, WSGIEnvironment

_PLAIN_TEXTS: dict[str | None, str | None] = {None: None}
_LOCATIONS = frozenset({"location", "content-location"})


def decode_wsgi(text: str) -> str:
    """Decode a native string of a WSGI environment as UTF-8 (PEP 3333)."""
    if text.isascii():
        return text
    return text.encode("latin1").decode(errors="replace")


def split_blueprint_path(name: str) -> list[str]:
    """Return a blueprint's dotted name and those of its parents, the nearest first."""
    names = [name]
    while "." in name:
        name = name.rpartition(".")[0]
        names.append(name)
    return names


def _current_config() -> Any:
    context = current_app_context.get(None)
    return None if context is None else context.app.config


def _server(request: Request) -> tuple[str, int | None] | None:
    name = request.environ.get("SERVER_NAME")
    if name is None:
        return None
    try:
        return name, int(request.environ["SERVER_PORT"])
    except (KeyError, TypeError, ValueError):
        return name, None


class Request(BaseRequest):
    """The current request, and what routing found for it."""

    json_module: Any = json

    #: The rule that matched, if one did.
    url_rule: Rule | None = None
    #: The arguments for the view, as the rule's converters made them.
    view_args: dict[str, Any] | None = None
    #: What routing raised instead of matching; it is raised once hooks have run.
    routing_exception: HTTPException | None = None

    _max_content_length: int | None = None
    _max_form_memory_size: int | None = None
    _max_form_parts: int | None = None

    def __init__(
        self,
        environ: WSGIEnvironment,
        populate_request: bool = True,
        shallow: bool = False,
    ) -> None:
        # The base class decodes all of the environment here. The two strings that a
        # nested dispatcher shifts are taken now, the rest when it is asked for.
        self.environ = environ
        self.shallow = shallow
        self.method = environ.get("REQUEST_METHOD", "GET").upper()
        self._script_name: str = environ.get("SCRIPT_NAME") or ""
        self._path_info: str = environ.get("PATH_INFO") or ""
        if populate_request and not shallow:
            environ["werkzeug.request"] = self

    if not TYPE_CHECKING:  # the annotations of the base class stand
        scheme = lazy(lambda self: self.environ.get("wsgi.url_scheme", "http"))
        server = lazy(_server)
        root_path = lazy(lambda self: decode_wsgi(self._script_name).rstrip("/"))
        path = lazy(lambda self: f"/{decode_wsgi(self._path_info).lstrip('/')}")
        query_string = lazy(
            lambda self: self.environ.get("QUERY_STRING", "").encode("latin1")
        )
        headers = lazy(lambda self: EnvironHeaders(self.environ))
        remote_addr = lazy(lambda self: self.environ.get("REMOTE_ADDR"))

    def _limit(self, own: int | None, key: str, default: Any) -> Any:
        if own is not None:
            return own
        config = _current_config()
        return default if config is None else config.get(key, default)

    @property
    def max_content_length(self) -> int | None:
        """The largest body in bytes; a longer one is answered with 413 (RFC 9110)."""
        return cast(
            "int | None",
            self._limit(self._max_content_length, "MAX_CONTENT_LENGTH", None),
        )

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._max_content_length = value

    @property
    def max_form_memory_size(self) -> int | None:
        """The largest form field in bytes that is not a file."""
        return cast(
            "int | None",
            self._limit(self._max_form_memory_size, "MAX_FORM_MEMORY_SIZE", 500_000),
        )

    @max_form_memory_size.setter
    def max_form_memory_size(self, value: int | None) -> None:
        self._max_form_memory_size = value

    @property  # type: ignore[override]
    def max_form_parts(self) -> int | None:
        """The largest number of fields in a multipart form."""
        return cast(
            "int | None", self._limit(self._max_form_parts, "MAX_FORM_PARTS", 1_000)
        )

    @max_form_parts.setter
    def max_form_parts(self, value: int | None) -> None:
        self._max_form_parts = value

    @property
    def endpoint(self) -> str | None:
        """The endpoint that matched, or ``None``."""
        rule = self.url_rule
        return None if rule is None else cast("str", rule.endpoint)

    @property
    def blueprint(self) -> str | None:
        """The dotted name of the blueprint that the endpoint belongs to."""
        endpoint = self.endpoint
        if endpoint is None or "." not in endpoint:
            return None
        return endpoint.rpartition(".")[0]

    @property
    def blueprints(self) -> list[str]:
        """The names of the blueprint and of its parents, the nearest first."""
        name = self.blueprint
        return [] if name is None else split_blueprint_path(name)

    def close(self) -> None:
        """Close the uploaded files, if any were read."""
        if "files" in self.__dict__:
            super().close()

    def _load_form_data(self) -> None:
        super()._load_form_data()
        context = current_app_context.get(None)
        if (
            context is not None
            and getattr(context.app, "debug", False)
            and self.mimetype != "multipart/form-data"
            and not self.files
        ):
            from gateway.framework.debugging import explain_missing_files

            explain_missing_files(self)

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Answer 400 or 415; only while debugging the client is told why."""
        try:
            return super().on_json_loading_failed(e)
        except BadRequest as error:
            context = current_app_context.get(None)
            if context is not None and getattr(context.app, "debug", False):
                raise
            raise BadRequest from error


def _content_type(mimetype: str | None) -> str | None:
    try:
        return _PLAIN_TEXTS[mimetype]
    except KeyError:
        content_type = get_content_type(cast("str", mimetype), "utf-8")
        if len(_PLAIN_TEXTS) < 256:  # an application may compute its media types
            _PLAIN_TEXTS[mimetype] = content_type
        return content_type


def _first_headers(response: Response) -> Headers:
    """Build the headers that the constructor would have set."""
    headers = Headers()
    if response._first_type is not None:
        headers["Content-Type"] = response._first_type
    if response._first_length is not None:
        headers["Content-Length"] = str(response._first_length)
    return headers


class Response(BaseResponse):
    """The response; HTML unless it says otherwise.

    A text or bytes body with no headers of its own is kept as the few values that are
    sent, and becomes a full object when it is changed.
    """

    default_mimetype: str | None = "text/html"
    json_module = json
    autocorrect_location_header = False

    # Where the base class keeps its status and what follows: the values of most
    # responses, so that the constructor need not set them.
    _status = "200 OK"
    _status_code = 200
    _first_type: str | None = None
    _first_length: int | None = None
    _lean = True
    direct_passthrough = False

    if not TYPE_CHECKING:  # the annotations of the base class stand
        headers = lazy(_first_headers)
        _on_close = lazy(lambda self: [])

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._lean = all(getattr(cls, name) is value for name, value in _ORDINARY)

    def __init__(
        self,
        response: Any = None,
        status: Any = None,
        headers: Any = None,
        mimetype: str | None = None,
        content_type: str | None = None,
        direct_passthrough: bool = False,
    ) -> None:
        if headers is not None or not self._lean:
            super().__init__(
                response, status, headers, mimetype, content_type, direct_passthrough
            )
            return
        if content_type is None:
            content_type = _content_type(
                self.default_mimetype if mimetype is None else mimetype
            )
        self._first_type = content_type
        if status is not None:
            self.status = status
        if direct_passthrough:
            self.direct_passthrough = True
        if isinstance(response, str):
            response = response.encode()
        if isinstance(response, bytes | bytearray):
            self._first_length = len(response)
            self.response = [cast("bytes", response)]
        else:
            self.response = [] if response is None else response

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Send the response (PEP 3333)."""
        fields = self._plain_fields()
        if fields is None:
            return super().__call__(environ, start_response)
        start_response(self._status, fields)
        if environ["REQUEST_METHOD"] == "HEAD":
            return []
        return cast("list[bytes]", self.response)

    def _plain_fields(self) -> list[tuple[str, str]] | None:
        """Return the header fields where they and the body can be sent as they are.

        ``None`` leaves the response to the base class: it has a body to encode or to
        close, none at all because of its status, or a location to complete.
        """
        state = self.__dict__
        body = self.response
        code = self._status_code
        if (
            not self._lean
            or type(body) is not list
            or len(body) != 1
            or type(body[0]) is not bytes
            or "_on_close" in state
            or 100 <= code < 200
            or code in (204, 304)
        ):
            return None
        if "headers" in state:
            fields = self.headers.to_wsgi_list()
            names = {name.lower() for name, _ in fields}
            if "content-length" in names and names.isdisjoint(_LOCATIONS):
                return fields
            return None
        if self._first_length is None:
            return None
        length = ("Content-Length", str(len(body[0])))
        if self._first_type is None:
            return [length]
        return [("Content-Type", self._first_type), length]

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """Return the headers to send; a bodiless status has no content headers."""
        headers = super().get_wsgi_headers(environ)
        code = self._status_code
        if 100 <= code < 200 or code in (204, 304):
            headers.remove("Content-Type")
        return headers

    @property
    def max_cookie_size(self) -> int:  # type: ignore[override]
        """The size in bytes above which setting a cookie warns."""
        config = _current_config()
        if config is None:
            return super().max_cookie_size
        return cast("int", config.get("MAX_COOKIE_SIZE", super().max_cookie_size))


#: What a subclass must have left alone for its responses to be kept lean.
_ORDINARY = tuple(
    (name, getattr(Response, name))
    for name in (
        "__call__",
        "_clean_status",
        "_on_close",
        "automatically_set_content_length",
        "close",
        "data",
        "default_status",
        "get_app_iter",
        "get_wsgi_headers",
        "get_wsgi_response",
        "headers",
        "iter_encoded",
        "set_data",
        "status",
        "status_code",
    )
)
