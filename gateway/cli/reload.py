"""``gateway reload``: the gateway that serves reads its file again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gateway.cli.options import config_option
from gateway.cli.remote import PATIENCE, Remote, RemoteError, address_options
from gateway.cli.status import show_problems


@click.command("reload")
@config_option
@address_options
def command(config: Path, host: str | None, port: int | None) -> None:
    """Let the gateway that serves replace the mounts that have changed.

    It reads its file again; mounts that have changed are loaded beside the old ones
    and take over at once. Exit code 1: it could not be asked, or something is wrong;
    then nothing has changed, and the old mounts serve on.
    """
    from gateway.cli.failures import Failure
    from gateway.cli.report import report_lines
    from gateway.errors import ConfigError
    from gateway.lifecycle import Reloaded

    try:
        remote = Remote(config, host, port)
    except ConfigError as error:
        raise Failure(error) from error
    if remote.admin.token is None:
        raise RemoteError(
            "'admin:' has no token, and a reload needs one: add 'token:', such as "
            "'${file:/run/secrets/gateway_token}', and restart the gateway"
        )
    # However long the applications take to load.
    status, text = remote.ask("POST", "/reload", None)
    if status == 200:
        names = json.loads(text)
        report = Reloaded(**names)
        for line in report_lines(report):
            click.echo(line)
        _show_state(remote)
        return
    if status == 422:
        click.echo(text.rstrip(), err=True)
    raise RemoteError(_explained(status, text))


def _show_state(remote: Remote) -> None:
    """Tell why mounts are failing, and what closed ones have left.

    What this one leaves is not known yet: the old mounts may have requests to end.
    """
    status, text = remote.ask("GET", "/status", PATIENCE)
    if status == 200:
        show_problems(json.loads(text))


def _explained(status: int, text: str) -> str:
    if status == 422:
        return "nothing was reloaded: the mounts serve as before"
    if status == 401:
        return (
            "the gateway has another token than the file says: if it was changed, "
            "restart the gateway, for it has read the old one"
        )
    if status == 403:
        return (
            "the gateway was started without a token: restart it, now that the file "
            "has one"
        )
    return text.strip() if status == 409 else f"an answer of status {status}: {text!r}"
