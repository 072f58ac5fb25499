"""``gateway serve`` with the default server, in this process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

from gateway.admin.application import administer
from gateway.cli.announce import announce
from gateway.cli.development import error_page, reload_and_log, watching
from gateway.cli.log import style_lines
from gateway.cli.notices import telling_changes
from gateway.cli.refresh import Refreshing
from gateway.cli.server import Late, listening
from gateway.cli.signals import HangUp
from gateway.config.spec import GatewaySpec, ServerSpec
from gateway.failing import Failures
from gateway.lifecycle import Gateway
from gateway.servers.listening import is_loopback

if TYPE_CHECKING:
    from gateway.cli.debugger import Debugger


def serve_with_waitress(
    spec: GatewaySpec,
    server: ServerSpec,
    loading: Callable[[str], AbstractContextManager[None]],
    hang_up: HangUp,
    *,
    develop: bool,
    debug: bool,
) -> bool:
    """Serve until a signal.

    :param spec: what the file says.
    :param server: its ``server:``, with what the command line says of it.
    :param loading: entered while a mount is loaded.
    :param develop: reload what is saved, and show why a mount does not load.
    :param debug: show errors in the debugger.
    :returns: whether all requests, and the applications' shutdown, ended in time.
    """

    def reload() -> None:
        if hang_up.is_end():
            running.stop()
        else:
            reload_and_log(loaded)

    style_lines(server.access_log == "json")
    application = Late()
    with listening(application, server, reload) as running:
        hang_up.ask_reload = running.ask_reload
        debugger = _debugger(running.hosts) if debug else None
        loaded = Gateway(
            spec,
            inside=debugger,
            loading=loading,
            failures=_failures(develop, running.hosts),
            front=administer,
        )
        try:
            loaded.shares.loads = running.loads
            application.gateway = loaded
            loaded.is_stopping = lambda: running.stopped_at is not None
            application.loaded = Refreshing(loaded) if develop else loaded
            announce(loaded, running.url)
            if debugger is not None:
                click.echo(f"Debugger PIN: {debugger.pin or 'none is asked for'}")
            with (
                watching(loaded) if develop else nullcontext(),
                telling_changes(loaded),
            ):
                stragglers = running.run()
        finally:
            late = loaded.close(running.time_left())
    return not (stragglers or late)


def _debugger(hosts: tuple[str, ...]) -> Debugger:
    from gateway.cli.debugger import Debugger, require_loopback

    require_loopback(hosts)
    return Debugger()


def _failures(develop: bool, hosts: tuple[str, ...]) -> Failures:
    """Return who may fail to load; only a developer on this machine sees why."""
    if not develop:
        return Failures(degrade=True)
    page = error_page if all(map(is_loopback, hosts)) else None
    return Failures(degrade=True, development=True, page=page)
