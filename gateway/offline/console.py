"""An interactive Python in a mount's namespace: IPython's, or the plain one."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

from gateway.framework.interactive import interact, run_startup_file
from gateway.globals import current_app, g
from gateway.isolation.modules import Namespace
from gateway.mount import Mount


def shell_names(served: object) -> dict[str, Any]:
    """Return the names that a shell begins with.

    :param served: the application of the mount that is current.
    """
    names: dict[str, Any] = {"app": served, "g": g, "current_app": current_app}
    make = getattr(served, "make_shell_context", None)
    if make is not None:
        # What is current in Flask's eyes is not what stands for the mount.
        names["current_app"] = served
        names.update(make())
    return names


def run_console(mount: Mount, served: object, *, plain: bool) -> None:
    """Ask for Python code and run it, until there is no more.

    :param served: the application of *mount*, which is current.
    :param plain: do without IPython.
    """
    mounted = mount.application.mount
    namespace: Namespace | None = mounted.namespace
    names: dict[str, Any] = {"__name__": "__main__", "__doc__": None}
    if namespace is not None:
        names["__builtins__"] = namespace.builtins.live
    names.update(shell_names(served))
    banner = f"Python {sys.version} on {sys.platform}\n{_told(mount, names)}"
    if not plain and sys.stdin.isatty() and find_spec("IPython") is not None:
        _ipython(names, banner)
        return
    run_startup_file(names)
    interact(names, banner)


def _told(mount: Mount, names: dict[str, Any]) -> str:
    shown = ", ".join(sorted(name for name in names if not name.startswith("__")))
    return f"Mount: {mount.name} ({mount.kind}, {mount.source})\nNames: {shown}"


def _ipython(names: dict[str, Any], banner: str) -> None:
    from IPython import start_ipython
    from traitlets.config import Config

    config = Config()
    config.TerminalInteractiveShell.banner1 = f"{banner}\n"
    # It reads the user's own configuration and startup files itself.
    start_ipython(argv=[], user_ns=names, config=config)
