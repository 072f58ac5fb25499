"""What is freed goes back to the system: glibc alone keeps more and more of it.

There, each thread allocates from an arena of its own, up to eight for each processor,
and each arena keeps as much free memory as a threshold allows. That begins at 128 KiB
and grows to twice the largest block that was ever freed, up to 64 MiB (mallopt(3),
M_MMAP_THRESHOLD). So after some large responses every arena may keep megabytes.

Threads of Python allocate one at a time, so two arenas are enough, and with a threshold
that stays they keep little. With one of 128 KiB the system would have to clear memory
for each larger body anew: a response of 1 MB would take twice the processor time.
"""

from __future__ import annotations

import os
from typing import Final

# In bytes. A body is in memory in blocks of 1 MiB at most, or else in a file.
_THRESHOLD: Final = 2 * 1024 * 1024

# As mallopt() numbers them: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX.
_SETTINGS: Final = ((-1, _THRESHOLD), (-3, _THRESHOLD), (-8, 2))

# By these an operator has said what he wants.
_SAID: Final = (
    "GLIBC_TUNABLES",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
)


def return_what_is_freed() -> bool:
    """Have glibc return freed memory, unless the environment has settings for it.

    It counts for arenas that are yet to be made: call it before there are threads.

    :returns: whether it will; other C libraries are left alone.
    """
    if any(name in os.environ for name in _SAID):
        return False
    try:
        import ctypes

        library = ctypes.CDLL(None)
    except (ImportError, OSError, TypeError):  # Built without it, or on Windows.
        return False
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    return all(library.mallopt(option, value) == 1 for option, value in _SETTINGS)
