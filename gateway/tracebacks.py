"""Whose frames of a traceback say nothing about the application."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Final

# Ours, what the interpreter has frozen (its import system for one), and importlib.
_MACHINERY: Final = (
    str(Path(__file__).parent) + os.sep,
    "<frozen ",
    importlib.__file__,
)


def is_machinery(filename: str) -> bool:
    """Tell whether the code of *filename* is the gateway's or the interpreter's own."""
    return filename.startswith(_MACHINERY)
