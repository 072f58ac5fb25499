"""Asks a mount's ``probe:`` path, in process."""

from __future__ import annotations

import re
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from gateway.errors import LoadError, ResponseCutError
from gateway.mount import Mount
from gateway.paths import from_text
from gateway.policies.stack import PAST_POLICIES

# How long a mount may take to answer, in seconds.
_PATIENCE: Final = 30.0

# PEP 3333, "The start_response() Callable".
_is_status: Final = re.compile(r"[0-9]{3}").match


def probe(mount: Mount, path: str) -> None:
    """Ask *mount* for *path*, as its server would.

    :param path: below the mount's prefix, percent-encoded; a query may follow.
    :raises LoadError: it does not answer in time, or with a status of 400 or more.
    """
    answers: SimpleQueue[str | BaseException] = SimpleQueue()
    # A call cannot be ended from outside; all that waits for it goes on without it.
    Thread(
        target=copy_context().run,
        args=(lambda: answers.put(ask(mount, path)),),
        name=f"gateway-probe-{mount.name}",
        daemon=True,
    ).start()
    try:
        answer = answers.get(timeout=_PATIENCE)
    except Empty:
        message = f"probe: {path} has not answered within {_PATIENCE:g}s"
        raise LoadError(mount.name, message) from None
    check(mount, path, answer)


def check(mount: Mount, path: str, answer: object) -> None:
    """Check what :func:`ask` has returned.

    :raises LoadError: it is an error, no status, or a status of 400 or more.
    """
    if isinstance(answer, BaseException):
        raise LoadError(mount.name, f"probe: {path} failed: {answer!r}") from answer
    # The application's own, which no server has looked at.
    if not isinstance(answer, str) or not _is_status(answer):
        message = f"probe: {path} answered {answer!r}, which is no status"
        raise LoadError(mount.name, message)
    if int(answer[:3]) >= 400:
        raise LoadError(
            mount.name,
            f"probe: {path} answered {answer}: the mount does not serve before it "
            "answers its probe with less than 400",
        )


def ask(mount: Mount, path: str) -> str | BaseException:
    """Return the status that *mount* answers *path* with, or what it has raised."""
    # Imported here: a gateway without probes needs no client.
    from werkzeug.test import EnvironBuilder, run_wsgi_app

    try:
        host = (mount.host or "localhost").replace("*", "probe")
        builder = EnvironBuilder(path, base_url=f"http://{host}/")
        try:
            environ = builder.get_environ()
        finally:
            builder.close()
        environ["SCRIPT_NAME"] = from_text(mount.prefix)
        environ[PAST_POLICIES] = True
        body, status, _ = run_wsgi_app(mount.serve, environ, buffered=True)
        for _ in body:
            pass
    except ResponseCutError as error:
        # Nothing is sent by a probe, nor cut: what the application has raised counts.
        return error.__cause__ or error
    except BaseException as error:
        return error
    return status
