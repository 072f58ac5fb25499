"""Small files that values name, read without waiting for whoever writes to them."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class NotRegularError(OSError):
    """A path names a pipe, a socket or a device."""


class TooLargeError(OSError):
    """A file is larger than what it is read for ever is."""


def read_regular(path: str | Path, most: int) -> bytes:
    """Return the content of a regular file.

    :param most: how many bytes it may have.
    :raises NotRegularError: it is a pipe or a device, which might never end.
    :raises TooLargeError: it is larger.
    :raises OSError: it cannot be read.
    :raises ValueError: the path has a NUL in it.
    """
    with open(path, "rb", opener=_open_at_once) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise NotRegularError
        data = stream.read(most + 1)
    if len(data) > most:
        raise TooLargeError
    return data


def _open_at_once(path: str, flags: int) -> int:
    # Opening a named pipe would else wait until somebody writes to it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
