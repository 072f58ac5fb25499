"""Answers that are files."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, cast

import werkzeug.utils

from gateway.globals import require_app_context, require_request_context

if TYPE_CHECKING:
    from gateway.framework.wrappers import Response


def _arguments(options: dict[str, Any]) -> dict[str, Any]:
    app: Any = require_app_context().app
    if options.get("max_age") is None:
        options["max_age"] = app.get_send_file_max_age
    return {
        **options,
        "environ": require_request_context().request.environ,
        "use_x_sendfile": app.config["USE_X_SENDFILE"],
        "response_class": app.response_class,
        "_root_path": app.root_path,
    }


def send_file(
    path_or_file: str | os.PathLike[str] | IO[bytes],
    mimetype: str | None = None,
    as_attachment: bool = False,
    download_name: str | None = None,
    conditional: bool = True,
    etag: bool | str = True,
    last_modified: Any = None,
    max_age: Any = None,
) -> Response:
    """Answer with a file that the application chose.

    :param path_or_file: a path (relative to the application's root) or an open file.
        Never a path from the request: for that there is :func:`send_from_directory`.
    :param mimetype: its media type; by default guessed from the name.
    :param as_attachment: let the browser save it instead of showing it.
    :param download_name: the name that it is saved under.
    :param conditional: answer conditional and range requests (RFC 9110).
    :param etag: its entity tag, or whether to make one.
    :param last_modified: when it was changed; by default the file's own time.
    :param max_age: for how many seconds it may be cached, or a function of its name.
    """
    options: dict[str, Any] = {
        "path_or_file": path_or_file,
        "mimetype": mimetype,
        "as_attachment": as_attachment,
        "download_name": download_name,
        "conditional": conditional,
        "etag": etag,
        "last_modified": last_modified,
        "max_age": max_age,
    }
    return cast("Response", werkzeug.utils.send_file(**_arguments(options)))


def send_from_directory(
    directory: str | os.PathLike[str], path: str | os.PathLike[str], **kwargs: Any
) -> Response:
    """Answer with a file below a folder; 404 for anything outside it.

    :param directory: the folder, relative to the application's root.
    :param path: the path from the request.
    :param kwargs: those of :func:`send_file`.
    """
    return cast(
        "Response",
        werkzeug.utils.send_from_directory(directory, path, **_arguments(kwargs)),
    )
