"""What ``gateway run`` and ``gateway shell`` have in common."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from gateway.generation import Member


def in_mount(
    config: Path, name: str, everything: bool, work: Callable[[Member], None]
) -> NoReturn:
    """Load a mount, do *work* in its context, and exit as a script would.

    :param everything: load all the mounts.
    :param work: given the mount.
    """
    from gateway.cli.loading import printing_to_stderr, telling_slow
    from gateway.config.load import load_config
    from gateway.offline.opening import open_mount
    from gateway.offline.script import ScriptError
    from gateway.offline.session import show, within

    spec = load_config(config)
    with printing_to_stderr():
        gateway = open_mount(spec, name, everything=everything, loading=telling_slow)
    with gateway:
        member = gateway.members[name]
        end = within(member.mount, lambda: work(member))
        if end is not None and not isinstance(end, SystemExit | ScriptError):
            # Before the mount is closed, whose modules are in its traceback.
            sys.exit(show(end))
    if end is not None:
        raise end
    sys.exit(0)
