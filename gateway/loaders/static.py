"""``static:`` mounts: the files of a folder, through WhiteNoise."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path

from gateway.errors import MissingExtraError
from gateway.loaders.foreign import ForeignApplication
from gateway.loaders.loaded import Loaded
from gateway.pages import answer
from gateway.types import StartResponse, WSGIEnvironment


def load_static(name: str, folder: Path) -> Loaded:
    """Serve the files of *folder*: GET and HEAD, ranges, ETags, ``index.html``.

    Files are looked up anew for each request, so what changes on disk is seen at once.
    Hidden files are not served, but for ``.well-known`` (RFC 8615).

    :raises MissingExtraError: whitenoise is not installed.
    """
    try:
        from whitenoise import WhiteNoise
    except ImportError as error:
        raise MissingExtraError("a static: mount", "static") from error

    def not_found(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        return answer(HTTPStatus.NOT_FOUND, environ, start_response)

    # autorefresh: WhiteNoise else remembers each file's size from start-up and cuts a
    # file that has grown since.
    files = WhiteNoise(
        not_found, root=str(folder), index_file=True, autorefresh=True, max_age=60
    )

    def serve(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if "/." in path and not path.startswith("/.well-known/"):
            return not_found(environ, start_response)
        body: Iterable[bytes] = files(environ, start_response)
        return body

    application = ForeignApplication(name, {})
    return Loaded(application, serve, "static", f"{folder}")
