"""The keys that say which libraries a mount has for itself."""

from __future__ import annotations

from typing import Final

from gateway.config.keys import CODE, Key
from gateway.config.shapes import ENVIRONMENT, LIBRARIES

LIBRARY_KEYS: Final = (
    Key(
        "venv",
        ("mount", "defaults"),
        ENVIRONMENT,
        "The virtual environment whose libraries this mount has for itself, in "
        "versions of its own.",
        otherwise="libraries are those of the process",
        kinds=CODE,
    ),
    Key(
        "private",
        ("mount", "defaults"),
        LIBRARIES,
        "Libraries of which this mount has a copy of its own, because they keep what "
        "applications define in one place for the whole process. The names are those "
        "of import statements.",
        otherwise="none",
        kinds=CODE,
    ),
    Key(
        "shared",
        ("mount", "defaults"),
        LIBRARIES,
        "Libraries that this mount has from the process, whatever its `venv` has.",
        otherwise="none",
        kinds=CODE,
    ),
)
