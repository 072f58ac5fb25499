"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

DEFAULT_FILE = "gateway.yaml"


def config_option(command: _Command) -> _Command:
    """Add ``-c/--config``: the option, then ``GATEWAY_CONFIG``, then ``gateway.yaml``.

    Whether the file exists is left to whoever reads it, who says what to do about it.
    """
    return click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        envvar="GATEWAY_CONFIG",
        show_envvar=True,
        default=DEFAULT_FILE,
        show_default=True,
        help="The configuration file.",
    )(command)
