"""Writes a first ``gateway.yaml``: commented, and for people to go on with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway.cli.discover.plan import Planned
from gateway.cli.discover.project import Candidate
from gateway.config.nodes import printable

_MOST_OTHERS: Final = 5

_HEAD: Final = """\
# The applications of this gateway, and where each of them answers.
# 'gateway init' wrote it from what it read in their source; from here on it is yours.
#
#   gateway check     loads every mount and reports every problem
#   gateway serve     serves them all from one process
#   gateway schema    prints the JSON Schema of this file, for editors

server:
  host: 127.0.0.1
  port: 8080

mounts:
"""

_TAIL: Final = """
# More that a mount can say:
#
#   host: notes.example.com     answer on this host only
#   config: {TITLE: Notes}      the application's own configuration
#   args: {testing: false}      keyword arguments of its factory
#   shutdown: app:close         what to call when the gateway ends
"""

# What YAML 1.1 reads as something else than text.
_WORDS: Final = frozenset(
    {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"}
)
_PLAIN: Final = re.compile(r"[A-Za-z_/][\w./-]*(:[A-Za-z_][\w.]*)?|\.{1,2}(/[\w./-]*)?")


def gateway_yaml(mounts: Sequence[Planned], home: Path) -> str:
    """Return the text of a configuration with *mounts*.

    :param home: the folder where it will stand, which its paths are relative to.
    """
    blocks = ("\n".join(_block(mount, home)) for mount in mounts)
    return _HEAD + "\n\n".join(blocks) + "\n" + _TAIL


def _block(mount: Planned, home: Path) -> Iterator[str]:
    yield f"  # {_title(mount, home)}"
    lines = [f"  {scalar(mount.name)}:", f"    prefix: {scalar(mount.prefix)}"]
    if mount.found.app is None:
        lines.append(f"    static: {_path(mount.found.folder, home)}")
    else:
        lines.extend(_app(mount.found.app, mount.found.folder, home))
        lines.extend(_others(mount.found.others))
    if mount.obstacle is None:
        yield from lines
        return
    yield f"  # Not mounted: {mount.obstacle}."
    for line in lines:
        yield f"  # {line.removeprefix('  ')}"


def _title(mount: Planned, home: Path) -> str:
    app = mount.found.app
    if app is None:
        return "Static files"
    return f"{describe(app)}: {shown_path(app.file, home)}, line {app.line}"


def describe(app: Candidate) -> str:
    """Return in words what an application is, such as ``Flask factory``."""
    return {
        "object": f"{app.made.framework} application",
        "function": f"{app.made.framework} function",
        "factory": f"{app.made.framework} factory",
    }[app.form]


def _app(app: Candidate, folder: Path, home: Path) -> Iterator[str]:
    key = "asgi" if app.made.interface == "asgi" else "app"
    yield f"    {key}: {scalar(app.reference)}"
    yield f"    path: {_path(folder, home)}"
    if app.shared_imports:
        yield "    imports: shared    # Django's settings are those of the process"
    if app.explicit:
        yield f"    factory: {str(app.form == 'factory').lower()}"
    if app.runs is not None:
        yield f"    # Line {app.runs} of {printable(app.file.name)} runs a server, also"
        yield "    # when it is imported: put 'if __name__ == \"__main__\":' above it."
    if app.pyramid_main:
        yield "    args: {global_config: {}}"
    elif app.required:
        yield "    args:"
        for parameter in app.required:
            kind = f"    # {parameter.annotation}" if parameter.annotation else ""
            yield f"      {scalar(parameter.name)}: ...{printable(kind)}"


def _others(others: Sequence[Candidate]) -> Iterator[str]:
    for other in others[:_MOST_OTHERS]:
        yield f"    # Also there: {other.reference} ({describe(other)})"
    if len(others) > _MOST_OTHERS:
        yield f"    # and {len(others) - _MOST_OTHERS} more"


def _path(path: Path, home: Path) -> str:
    return scalar(_relative(path, home).replace("$", "$$"))


def shown_path(path: Path, home: Path) -> str:
    """Return *path* for people, relative to *home*."""
    return printable(_relative(path, home))


def _relative(path: Path, home: Path) -> str:
    try:
        return os.path.relpath(path, home).replace(os.sep, "/")
    except ValueError:
        # Windows has no relative path from one drive to another.
        return os.fspath(path)


def scalar(text: str) -> str:
    """Return *text* as a YAML scalar, quoted where YAML would not read it as text."""
    if _PLAIN.fullmatch(text) and text.isascii() and text.lower() not in _WORDS:
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\U{ord(character):08X}"
