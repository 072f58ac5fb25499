"""``static:`` mounts: the files of a folder, through WhiteNoise.

Ranges are not left to WhiteNoise: it refuses one of a single byte, and does not know
``If-Range``, so that a download which is resumed after the file has changed would be
made of two halves that do not fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import parsedate
from http import HTTPStatus
from os.path import relpath
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

from werkzeug.http import parse_range_header

from gateway.errors import MissingExtraError
from gateway.loaders.foreign import ForeignApplication
from gateway.loaders.loaded import Loaded
from gateway.pages import answer
from gateway.types import StartResponse, WSGIEnvironment

# How long browsers take a file for current, in seconds.
_MAX_AGE = 60


def load_static(name: str, folder: Path, home: Path) -> Loaded:
    """Serve the files of *folder*: GET and HEAD, ranges, ETags, ``index.html``.

    Files are looked up anew for each request, so what changes on disk is seen at once.
    Symbolic links are followed. Hidden files are not served, but for those in
    ``.well-known`` (RFC 8615).

    :param home: the folder of the configuration, which sources are shown relative to.
    :raises MissingExtraError: whitenoise is not installed.
    """
    try:
        from whitenoise import WhiteNoise
        from whitenoise.responders import NotARegularFileError
        from whitenoise.string_utils import decode_path_info
    except ImportError as error:
        raise MissingExtraError("a static: mount", "static") from error

    files = WhiteNoise(
        None,
        root=str(folder),
        index_file=True,
        # WhiteNoise else remembers each file's size from start-up and cuts a file that
        # has grown since.
        autorefresh=True,
        max_age=_MAX_AGE,
        # Any web site could else read what is meant for an internal network.
        allow_all_origins=False,
    )

    def find(path: str) -> Any:
        if "/." in "/" + path.removeprefix("/.well-known/"):
            return None
        try:
            return files.find_file(decode_path_info(path))
        except NotARegularFileError:
            return None  # a pipe, or the like

    def serve(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        file = find(environ["PATH_INFO"])
        if file is None:
            return answer(HTTPStatus.NOT_FOUND, environ, start_response)
        whole = {**environ, "HTTP_RANGE": ""}
        response = file.get_response(environ["REQUEST_METHOD"], whole)
        if response.file is not None and "HTTP_RANGE" in environ:
            response = _ranged(response, file, environ)
        status: HTTPStatus = response.status
        start_response(f"{status.value} {status.phrase}", list(response.headers))
        if response.file is None:
            return []
        wrapper = environ.get("wsgi.file_wrapper", FileWrapper)
        body: Iterable[bytes] = wrapper(response.file)
        return body

    application = ForeignApplication(name, {})
    return Loaded(application, serve, "static", relpath(folder, home))


def _ranged(response: Any, file: Any, environ: WSGIEnvironment) -> Any:
    """Return the part of *response* that the request asks for (RFC 9110, 14.2).

    Several ranges, other units and nonsense get the whole, which is always allowed.
    """
    from whitenoise.responders import Response, SlicedFile

    wanted = parse_range_header(environ["HTTP_RANGE"])
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return response
    condition = environ.get("HTTP_IF_RANGE")
    if condition is not None and not _is_current(file, condition):
        return response
    fields = dict(response.headers)
    size = int(fields["Content-Length"])
    start, stop = wanted.ranges[0]
    start = max(start + size, 0) if start < 0 else start
    stop = size if stop is None else min(stop, size)
    if start >= size:
        response.file.close()
        refusal = {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
        status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        return Response(status, list(refusal.items()), None)
    fields["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    fields["Content-Length"] = str(stop - start)
    part = SlicedFile(response.file, start, stop - 1)
    return Response(HTTPStatus.PARTIAL_CONTENT, list(fields.items()), part)


def _is_current(file: Any, condition: str) -> bool:
    """Tell whether an ``If-Range`` holds (RFC 9110, 13.1.5)."""
    if condition.startswith('"'):
        return bool(condition == file.etag)
    return bool(parsedate(condition) == file.last_modified)
