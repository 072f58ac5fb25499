"""htpasswd files: names of users and bcrypt hashes of their passwords."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway.config.files import NotRegularError, TooLargeError, read_regular
from gateway.config.nodes import printable, shortened
from gateway.config.values import InvalidValue

_BCRYPT: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")

# Each step doubles the time: one check at 16 takes some seconds.
_COSTS: Final = range(4, 17)

# Nobody's list of users is longer, and it is read into memory.
_LARGEST: Final = 4 * 1024**2

# What else such a file may hold, by how it begins (the formats of Apache's htpasswd).
_OTHERS: Final = (
    ("$apr1$", "MD5 (apr1)"),
    ("$1$", "MD5"),
    ("$5$", "SHA-256 crypt"),
    ("$6$", "SHA-512 crypt"),
    ("$argon2", "Argon2"),
    ("{SHA}", "SHA-1"),
)


def read_htpasswd(file: Path) -> Mapping[bytes, bytes]:
    """Return the users of an htpasswd file: names, and bcrypt hashes of passwords.

    :raises InvalidValue: it cannot be read, or a line cannot be used; no message shows
        a hash.
    """
    try:
        lines = read_regular(file, _LARGEST).decode().splitlines()
    except NotRegularError:
        raise InvalidValue(
            "is a pipe or a device: name a file that 'htpasswd -B' has made"
        ) from None
    except TooLargeError:
        raise InvalidValue("is larger than 4MiB: is it the right file?") from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "it is none"
        raise InvalidValue(
            f"cannot be read ({reason}): name a file that 'htpasswd -B' has made; the "
            "path starts at the folder of this file"
        ) from None
    except UnicodeDecodeError:
        raise InvalidValue("is not in UTF-8: is it the right file?") from None
    users: dict[bytes, bytes] = {}
    wrong: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, password = line.strip().partition(":")
        problem = _problem(name, password, users)
        if problem is None:
            users[name.encode()] = password.encode()
        else:
            wrong.append(f"{printable(file.name)}:{number}: {problem}")
    if wrong:
        raise InvalidValue("has lines that cannot be used: " + "; ".join(wrong))
    if not users:
        raise InvalidValue(
            "has no users, so nobody could enter: add one with 'htpasswd -B'"
        )
    return MappingProxyType(users)


def _problem(name: str, password: str, users: Mapping[bytes, bytes]) -> str | None:
    if not name or not password:
        return "this is not 'name:hash'"
    who = repr(shortened(name))
    if name.encode() in users:
        return f"the user {who} is there already: remove one of the two"
    match = _BCRYPT.fullmatch(password)
    cure = f"set the password anew with 'htpasswd -B FILE {printable(shortened(name))}'"
    if match is None:
        return f"the password of {who} is {_kind(password)}, not a bcrypt hash: {cure}"
    if int(match[1]) not in _COSTS:
        return (
            f"the hash of {who} has a cost of {int(match[1])}, and 4 to 16 can be "
            f"checked in time: {cure}"
        )
    return None


def _kind(password: str) -> str:
    for start, kind in _OTHERS:
        if password.startswith(start):
            return kind
    if password.startswith("$2"):
        return "cut off, or of another kind of bcrypt"
    return "a plain text or an old DES hash"
