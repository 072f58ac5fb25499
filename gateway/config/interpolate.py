"""``${…}`` in the values of a ``gateway.yaml``.

The forms are those of a Compose file, and one for secrets that are files::

    ${NAME}            an environment variable, which must be set
    ${NAME:-default}   the default where it is unset or empty
    ${NAME:?message}   an error with the message where it is unset or empty
    ${file:path}       the text of a file, without one newline at its end
    $$                 a dollar sign

What comes out is never looked at again: a value may hold ``${``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.config.files import NotRegularError, TooLargeError, read_regular

# Secrets and certificates are small; a device or a log file is not meant.
MAX_FILE_BYTES: Final = 64 * 1024

# An unclosed "${" takes the rest of the text, so that the search stays linear.
_TOKEN = re.compile(r"\$(?:\$|\{(?P<inner>[^}]*)(?P<end>\}?)|(?P<bare>[A-Za-z_]))")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::([-?])(.*))?", re.DOTALL)
_WHOLE = re.compile(r"\$\{[^}]*\}")

# No message repeats what it is about: it may be a password that holds a dollar sign.
_NOT_CLOSED = "a '${' is not closed: add the '}', or write '$${' for a plain '${'"
_BARE = "a '$' before a name is not replaced: write '${NAME}', or '$$' for a plain '$'"
_NESTED = "a '${' stands inside another: write the default out, without '${'"
_FORM = (
    "a '${…}' is none of ${NAME}, ${NAME:-default}, ${NAME:?message} and ${file:path}: "
    "correct it, or write '$${' for a plain '${'"
)


class InterpolationError(Exception):
    """Parts of a text cannot be replaced.

    :param messages: one for each such part.
    """

    def __init__(self, messages: list[str]) -> None:
        self.messages = messages
        super().__init__("; ".join(messages))


def is_one_variable(text: str) -> bool:
    """Tell whether *text* is one whole ``${…}``, with nothing around it."""
    return _WHOLE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Interpolator:
    """Replaces each ``${…}`` of a text.

    :param environ: the environment variables.
    :param home: the folder of the configuration, which ``${GATEWAY_HOME}`` stands for.
    """

    environ: Mapping[str, str]
    home: Path

    def expand(self, text: str, folder: Path) -> str:
        """Return *text* with everything replaced.

        :param folder: where the relative paths of ``${file:…}`` start.
        :raises InterpolationError: something cannot be replaced.
        """
        messages: list[str] = []

        def replace(match: re.Match[str]) -> str:
            try:
                if match["end"]:
                    return self._value(match["inner"], folder)
                return _dollar(match)
            except _Refused as error:
                messages.append(str(error))
                return ""

        expanded = _TOKEN.sub(replace, text)
        if messages:
            raise InterpolationError(list(dict.fromkeys(messages)))
        return expanded

    def _value(self, inner: str, folder: Path) -> str:
        if "${" in inner.replace("$$", ""):
            raise _Refused(_NESTED)
        if inner.startswith("file:"):
            return _read(inner.removeprefix("file:"), folder)
        match = _VARIABLE.fullmatch(inner)
        if match is None:
            raise _Refused(_FORM)
        name, operator, rest = match.groups()
        value = str(self.home) if name == "GATEWAY_HOME" else self.environ.get(name)
        if operator == "-":
            return value or _TOKEN.sub(_dollar, rest)
        if operator == "?" and not value:
            raise _Refused(f"{name} is not set: {rest or 'set it'}")
        if value is None:
            raise _Refused(
                f"the environment variable {name} is not set: set it, or give a "
                f"default as in ${{{name}:-default}}"
            )
        return value


class _Refused(Exception):
    """One ``${…}`` cannot be replaced."""


def _dollar(match: re.Match[str]) -> str:
    """Return the dollar sign that ``$$`` stands for."""
    if match["inner"] is not None:
        raise _Refused(_NOT_CLOSED)
    if match["bare"]:
        raise _Refused(_BARE)
    return "$"


def _read(name: str, folder: Path) -> str:
    if not name:
        raise _Refused("${file:} names no file: write its path behind the colon")
    try:
        data = read_regular(os.path.join(folder, name), MAX_FILE_BYTES)
    except NotRegularError:
        raise _Refused(
            f"{name!r} is a pipe or a device: name a regular file behind 'file:'"
        ) from None
    except TooLargeError:
        raise _Refused(
            f"the file {name!r} is larger than {MAX_FILE_BYTES // 1024} KiB: "
            "${file:…} is for secrets"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _Refused(
            f"the file {name!r} cannot be read ({reason}): create it, or correct the "
            "path behind 'file:'"
        ) from None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise _Refused(
            f"the file {name!r} is not UTF-8 text: encode its content, in base64 for "
            "one"
        ) from None
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
