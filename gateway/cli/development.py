"""``gateway serve --reload``: what is saved is served."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.cli.refresh import RELOAD_SCRIPT
from gateway.cli.report import has_changed, report_lines, restart_lines
from gateway.config.spec import CodeTarget, GatewaySpec
from gateway.errors import GatewayError, LoadError, MissingExtraError
from gateway.explain import explain
from gateway.fingerprint import is_source
from gateway.types import WSGIEnvironment

if TYPE_CHECKING:
    from gateway.lifecycle import Gateway

_log = logging.getLogger("gateway.reload")

# How often the files of the configuration are read, in milliseconds. They are few, and
# editors replace a file instead of writing it, which ends the watching of a file.
_TICK: Final = 300

# How long to wait when a folder goes while its watching begins, in seconds.
_PAUSE: Final = 1.0

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>{mount} does not load</title>
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 3rem auto; width: 50rem;
max-width: 94% }} pre {{ overflow-x: auto }}</style>
<h1>{mount} does not load</h1>
<pre>{text}</pre>
<p>The other mounts serve. Once a correction is saved, this page is loaded again.</p>
{script}</html>
"""


def require_watchfiles() -> None:
    """Refuse ``--reload`` before anything is loaded, if it cannot be had.

    :raises MissingExtraError: watchfiles is not installed.
    """
    try:
        import watchfiles  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("serve --reload", "reload") from error


def error_page(error: LoadError, environ: WSGIEnvironment) -> str:
    """Return what a mount shows that did not load: for the developer's eyes only."""
    source = environ.get(RELOAD_SCRIPT)
    return _PAGE.format(
        mount=escape(error.mount),
        text=escape("\n".join(explain(error))),
        script=f'<script src="{escape(source)}"></script>\n' if source else "",
    )


def reload_and_log(gateway: Gateway, quietly: bool = False) -> None:
    """Reload *gateway*; what comes of it goes to the log.

    :param quietly: whether there is nothing to say if nothing has changed.
    """
    before = _problems(gateway)
    try:
        report = gateway.reload()
    except GatewayError as error:
        for line in explain(error):
            _log.error("%s", line)
        _log.error("nothing was reloaded: the mounts serve as before")
    except Exception:
        _log.exception("the reload failed: the mounts serve as before")
    else:
        problems = _problems(gateway)
        told = problems != before or has_changed(replace(report, failed=()))
        if quietly and not told:
            return
        restart = set(restart_lines(report))
        for line in report_lines(report):
            _log.log(logging.WARNING if line in restart else logging.INFO, "%s", line)
        for name, lines in problems.items():
            if not quietly or lines != before.get(name):
                for line in lines:
                    _log.error("%s", line)


def _problems(gateway: Gateway) -> dict[str, list[str]]:
    """Return why mounts have failed."""
    return {
        name: list(explain(member.failure.error))
        for name, member in gateway.members.items()
        if member.failure is not None
    }


@contextmanager
def watching(gateway: Gateway) -> Iterator[None]:
    """Reload *gateway* whenever a source or its file changes, for ``with``."""
    stop = threading.Event()
    thread = threading.Thread(
        target=_watch, args=(gateway, stop), name="gateway-watch", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)


def _watch(gateway: Gateway, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            _watch_folders(gateway, _folders(gateway.spec), stop)
        except FileNotFoundError:
            stop.wait(_PAUSE)  # It went just now.


def _watch_folders(
    gateway: Gateway, folders: frozenset[Path], stop: threading.Event
) -> None:
    """Reload at each change, until the folders are other ones.

    A folder that was deleted and made anew is another one, though of the same name.
    """
    from watchfiles import watch

    def matters(_change: object, path: str) -> bool:
        return any(is_source(Path(path), folder) for folder in folders)

    seen = b""
    with ExitStack() as stack:
        there = {folder: _opened(folder, stack) for folder in folders}
        for changes in watch(
            *(folder for folder, descriptor in there.items() if descriptor is not None),
            watch_filter=matters,
            stop_event=stop,
            rust_timeout=_TICK,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            now = _digest(gateway.spec.files)
            same = all(_is_same(*each) for each in there.items())
            # The first time too: what was saved before it watched would go unnoticed.
            if not changes and now == seen and same:
                continue
            seen = now
            reload_and_log(gateway, quietly=True)
            if _folders(gateway.spec) != folders or not same:
                return


def _opened(folder: Path, stack: ExitStack) -> int | None:
    """Open *folder*, so that no other one can have its number; ``None`` if it is gone.

    :param stack: closes it.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    stack.callback(os.close, descriptor)
    return descriptor


def _is_same(folder: Path, descriptor: int | None) -> bool:
    try:
        status = folder.stat()
    except OSError:
        return descriptor is None
    return descriptor is not None and os.path.samestat(status, os.fstat(descriptor))


def _folders(spec: GatewaySpec) -> frozenset[Path]:
    """Return the folders that the sources of the mounts are in."""
    return frozenset(
        mount.target.path or mount.home
        for mount in spec.mounts
        if isinstance(mount.target, CodeTarget)
    )


def _digest(files: Iterable[Path]) -> bytes:
    digest = hashlib.blake2b()
    for file in files:
        try:
            digest.update(file.read_bytes())
        except OSError:
            digest.update(b"?")  # An editor is at it, or it is gone.
    return digest.digest()
