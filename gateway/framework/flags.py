"""What environment variables say about how an application is developed."""

from __future__ import annotations

import os

_NO = frozenset({"0", "false", "no"})


def get_debug_flag() -> bool:
    """Return whether ``FLASK_DEBUG`` asks for debugging."""
    value = os.environ.get("FLASK_DEBUG", "")
    return bool(value) and value.lower() not in _NO


def get_load_dotenv(default: bool = True) -> bool:
    """Return whether files such as ``.env`` are to be read.

    :param default: the answer where ``FLASK_SKIP_DOTENV`` is not set.
    """
    value = os.environ.get("FLASK_SKIP_DOTENV", "")
    return value.lower() in _NO if value else default
