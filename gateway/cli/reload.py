"""``gateway reload``: the gateway that serves reads its file again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.options import config_option
from gateway.cli.remote import PATIENCE, Answer, Remote, RemoteError, address_options
from gateway.cli.status import problem_lines


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
    from gateway.errors import ConfigError

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
    answer = remote.ask("POST", "/reload", None)
    if answer.status == 200:
        for line in answer.read(_done):
            click.echo(line)
        for line in _state(remote):
            click.echo(line)
        return
    if answer.status == 422:
        click.echo(answer.text.rstrip(), err=True)
    raise _refusal(answer)


def _done(found: dict[str, Any]) -> list[str]:
    from gateway.cli.report import report_lines
    from gateway.reloaded import Reloaded

    return list(report_lines(Reloaded(**found)))


def _state(remote: Remote) -> list[str]:
    """Return why mounts are failing, and what closed ones have left.

    What this one leaves is not known yet: the old mounts may have requests to end.
    """
    answer = remote.ask("GET", "/status", PATIENCE)
    if answer.status != 200:
        return []
    return answer.read(lambda found: list(problem_lines(found)))


def _refusal(answer: Answer) -> RemoteError:
    status = answer.status
    if status == 422:
        return RemoteError("nothing was reloaded: the mounts serve as before")
    if status == 401:
        return RemoteError(
            "the gateway has another token than the file says: if it was changed, "
            "restart the gateway, for it has read the old one"
        )
    if status == 403:
        return RemoteError(
            "the gateway was started without a token: restart it, now that the file "
            "has one"
        )
    return RemoteError(answer.text.strip()) if status == 409 else answer.unexpected()
