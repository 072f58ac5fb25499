"""The options ``--cert`` and ``--key`` of the development server."""

from __future__ import annotations

from typing import Any

import click
from werkzeug.utils import import_string


def _is_context(value: object) -> bool:
    try:
        from ssl import SSLContext
    except ImportError:  # a Python that was built without it
        return False
    return isinstance(value, SSLContext)


class CertParamType(click.Path):
    """A certificate's file, ``adhoc``, or the import name of an ``ssl.SSLContext``."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, resolve_path=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the file's path, ``adhoc`` or the context."""
        try:
            import ssl  # noqa: F401
        except ImportError:
            self.fail('"--cert" requires Python to have SSL support.', param, ctx)
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as missing:
            return self._without_file(value, param, ctx, missing)

    def _without_file(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
        missing: click.BadParameter,
    ) -> Any:
        if str(value).lower() == "adhoc":
            try:
                import cryptography  # type: ignore[import-not-found,unused-ignore] # noqa: F401
            except ImportError:
                self.fail(
                    "Ad-hoc certificates require the cryptography library: install "
                    "it, or give a certificate and its key.",
                    param,
                    ctx,
                )
            return "adhoc"
        found = import_string(str(value), silent=True) if value else None
        if _is_context(found):
            return found
        raise missing


def join_key(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Make a pair of a certificate's file and its key; the callback of ``--key``."""
    cert = ctx.params.get("cert")
    complete = cert == "adhoc" or _is_context(cert)
    if value is None:
        if cert is not None and not complete:
            message = '"--key" is required when using "--cert" with a file.'
            raise click.BadParameter(message, ctx, param)
        return
    if cert is None:
        raise click.BadParameter('"--cert" must also be specified.', ctx, param)
    if complete:
        message = 'When "--cert" is "adhoc" or an SSLContext, "--key" is not used.'
        raise click.BadParameter(message, ctx, param)
    ctx.params["cert"] = cert, value
