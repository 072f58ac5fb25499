"""``gateway call``: one request, in process, printed like curl."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import config_option

if TYPE_CHECKING:
    from gateway.cli.client import Response

# The exit codes of curl, which scripts know.
_EXIT_HTTP_ERROR = 22
_EXIT_PARTIAL = 18


@click.command("call")
@click.argument("url")
@config_option
@click.option("-X", "--request", "method", help="The method; POST where data is sent.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'")
@click.option(
    "-d",
    "--data",
    multiple=True,
    metavar="DATA",
    help="The body; @FILE reads a file, @- standard input. Several are joined by '&'.",
)
@click.option("--json", "json_data", metavar="DATA", help="The body, as JSON.")
@click.option("-i", "--include", is_flag=True, help="Print status and headers too.")
@click.option("-I", "--head", is_flag=True, help="Print status and headers only.")
@click.option("-f", "--fail", is_flag=True, help="Exit code 22 from status 400 on.")
@click.pass_context
def command(
    ctx: click.Context,
    url: str,
    config: Path,
    method: str | None,
    headers: tuple[str, ...],
    data: tuple[str, ...],
    json_data: str | None,
    include: bool,
    head: bool,
    fail: bool,
) -> None:
    """Send one request through the gateway, in process.

    URL is a path, or a whole URL: then its host chooses the mount, as that of a real
    request would. The options are those of curl.
    """
    from gateway.cli.client import Call, CutOffError, InvalidRequestError, Response
    from gateway.cli.loading import printing_to_stderr, telling_slow
    from gateway.config.load import load_config
    from gateway.lifecycle import Gateway

    body = _body((*data, *([json_data] if json_data is not None else [])))
    usual = "HEAD" if head else "GET" if body is None else "POST"
    verb = usual if method is None else method
    try:
        environ = Call(url, verb, headers, body, json=json_data is not None).environ()
    except InvalidRequestError as error:
        raise click.UsageError(str(error)) from error

    out = sys.stdout.buffer

    def start(response: Response) -> None:
        if include or head:
            out.write(_head(response))
            out.flush()

    def write(part: bytes) -> None:
        if verb != "HEAD" and not (fail and response.code >= 400):
            out.write(part)
            out.flush()

    response = Response(start, write)
    spec = load_config(config)
    cut_off: CutOffError | None = None
    with printing_to_stderr(), Gateway(spec, loading=telling_slow) as gateway:
        try:
            response.take(gateway, environ)
        except CutOffError as error:
            cut_off = error
    if cut_off is not None:
        click.echo(f"error: {cut_off}", err=True)
        ctx.exit(_EXIT_PARTIAL)
    if fail and response.code >= 400:
        click.echo(f"error: the status is {response.status}", err=True)
        ctx.exit(_EXIT_HTTP_ERROR)


def _head(response: Response) -> bytes:
    lines = [f"HTTP/1.1 {response.status}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    return "\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _body(parts: tuple[str, ...]) -> bytes | None:
    return b"&".join(map(_part, parts)) if parts else None


def _part(text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode("utf-8", "surrogateescape")
    name = text[1:]
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise click.UsageError(
            f"the data file {name!r} cannot be read: {error.strerror}"
        ) from error
