"""The inside of waitress is the one that the server was written for.

Beside its public face the server uses the inside of waitress: it overrides some methods
and counts on what others do. The version range in pyproject.toml keeps others out; this
test fails when a version of that range is another one. Then read what has changed,
see whether ``gateway/servers`` still fits, and run this file to print the new line.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import waitress

# A change to any of these may be one to what the server relies on.
FILES = ("buffers", "channel", "parser", "server", "task", "trigger", "wasyncore")

KNOWN = {
    "3.0.1": "9d4e668681bf04cdfd4d1c2aaaa96f10c168803debb39652075972e18cf0e638",
    "3.0.2": "291cd84bc0c383826b5ca258ac92a6d7e992e32ac71eb5136296f8c0ed95718f",
}


def digest() -> str:
    folder = Path(waitress.__file__).parent
    # The line ends are the installer's.
    sources = [(folder / f"{name}.py").read_text("utf-8") for name in FILES]
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()


def test_the_inside_of_waitress_is_what_the_server_was_written_for() -> None:
    found = version("waitress")
    assert found in KNOWN, f"waitress {found} has not been read: see this file"
    assert digest() == KNOWN[found], f"waitress {found} differs: see this file"


if __name__ == "__main__":
    print(f'    "{version("waitress")}": "{digest()}",')
