"""Options that stand for keys of ``server:``, and take what the file would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from gateway.config.address import LISTEN_ADDRESS
from gateway.config.schema import keys_of
from gateway.config.values import InvalidValue, ScalarType

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Value(click.ParamType):  # type: ignore[type-arg]
    """A value of the table of keys.

    :param of: its type there.
    """

    def __init__(self, of: ScalarType) -> None:
        self.name = of.label
        self._of = of

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """Return what *value* means.

        :raises click.BadParameter: it is no value of this type.
        """
        if not value and self._of is LISTEN_ADDRESS:
            # In a file there would be a key to remove.
            raise click.BadParameter(
                f"it is empty: write an address such as {self._of.example}", ctx, param
            )
        try:
            return self._of.parse(value)
        except InvalidValue as error:
            raise click.BadParameter(f"{value!r} {error.message}", ctx, param) from None

    def get_metavar(
        self, param: click.Parameter, ctx: click.Context | None = None
    ) -> str:
        """Return the choices, or the range, for the help."""
        words = self._of.schema.get("enum")
        if isinstance(words, list):
            return f"[{'|'.join(words)}]"
        return f"[{self.name.rpartition(', ')[2]}]"


def server_option(name: str, help: str) -> Callable[[_Command], _Command]:
    """Add the option for the key *name* of ``server:``, a single value."""
    of = cast(ScalarType, keys_of("server")[name].type)
    return click.option(f"--{name.replace('_', '-')}", type=_Value(of), help=help)
