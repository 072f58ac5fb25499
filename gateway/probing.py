"""Asks a mount's ``probe:`` path, in process."""

from __future__ import annotations

from gateway.errors import LoadError
from gateway.mount import Mount
from gateway.paths import from_text


def probe(mount: Mount, path: str) -> None:
    """Ask *mount* for *path*, as its server would.

    :param path: below the mount's prefix, percent-encoded; a query may follow.
    :raises LoadError: it does not answer, or with a status of 400 or more.
    """
    # Imported here: a gateway without probes needs no client.
    from werkzeug.test import EnvironBuilder, run_wsgi_app

    host = (mount.host or "localhost").replace("*", "probe")
    builder = EnvironBuilder(path, base_url=f"http://{host}/")
    try:
        environ = builder.get_environ()
    finally:
        builder.close()
    environ["SCRIPT_NAME"] = from_text(mount.prefix)
    try:
        body, status, _ = run_wsgi_app(mount.serve, environ, buffered=True)
        for _ in body:
            pass
    except Exception as error:
        raise LoadError(mount.name, f"probe: {path} failed: {error!r}") from error
    if int(status[:3]) >= 400:
        raise LoadError(
            mount.name,
            f"probe: {path} answered {status}: the mount does not serve before it "
            "answers its probe with less than 400",
        )
