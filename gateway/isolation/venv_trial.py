"""Finds libraries that cannot be in one process twice, in a process of their own.

An extension module that is loaded for the second time may refuse, which can be told,
or end the process, which then cannot tell anybody. So before it matters a child tries:
it imports such libraries for each mount that has its own, and says which one is next.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path
from typing import Any, Final

from gateway.isolation.modules import Namespace
from gateway.isolation.private_extensions import ExtensionRefusedError, refusal_in
from gateway.isolation.venv import Environment, read_environment

_PROCESS: Final = "the process"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mount whose libraries are to be tried; the fields are :class:`Namespace`'s."""

    name: str
    path: Path
    environment: Environment | None = None
    private: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A library that cannot be in one process as often as mounts want it.

    :param library: its top-level name.
    :param mount: for which it could not be loaded, after it had been for others.
    :param reason: what happened.
    :param fatal: whether the process that tried did not survive it.
    """

    library: str
    mount: str
    reason: str
    fatal: bool

    @property
    def message(self) -> str:
        """What the mount cannot have, and the cure."""
        return (
            f"it cannot have its own {self.library!r} beside the others: "
            f"{self.reason}. Have the mounts share the one beside the gateway: "
            f"'shared: [{self.library}]'"
        )

    def __str__(self) -> str:
        return f"mount {self.mount}: {self.message}"


def try_together(
    candidates: Sequence[Candidate], *, timeout: float = 120.0
) -> tuple[Refusal, ...]:
    """Import every library with extension modules that would be there more than once.

    :param timeout: for each attempt, in seconds.
    :returns: those that cannot; empty if all is well.
    """
    wanted = {
        library: mounts
        for library, mounts in _wanted(candidates).items()
        if len(mounts) > 1
    }
    refusals: list[Refusal] = []
    while wanted:
        refusal = _attempt(candidates, wanted, timeout)
        if refusal is None:
            break
        # Once more without it, to find whether it was the only one.
        mounts = wanted.pop(refusal.library)
        if refusal.mount != mounts[0]:
            refusals.append(refusal)
    return tuple(refusals)


def _wanted(candidates: Iterable[Candidate]) -> dict[str, list[str]]:
    """Return who has a copy of each library with extension modules."""
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for candidate in candidates:
        names = {name for name in candidate.private if _is_native(_process_s(name))}
        if candidate.environment is not None:
            for site in candidate.environment.site_packages:
                names |= {
                    entry.name.partition(".")[0]
                    for entry in site.iterdir()
                    if _is_native(entry)
                }
        for name in names - set(candidate.shared) - sys.stdlib_module_names:
            wanted[name].append(candidate.name)
    for name, mounts in wanted.items():
        if _process_s(name) is not None:
            mounts.insert(0, _PROCESS)
    return dict(wanted)


def _process_s(name: str) -> Path | None:
    """Return the file or folder of the process's own library."""
    spec = PathFinder.find_spec(name)
    if spec is None or spec.origin is None:
        return None
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin


def _is_native(entry: Path | None) -> bool:
    if entry is None:
        return False
    suffixes = tuple(EXTENSION_SUFFIXES)
    if entry.is_dir():
        return (entry / "__init__.py").is_file() and any(
            file.name.endswith(suffixes) for file in entry.rglob("*.*")
        )
    return entry.name.endswith(suffixes)


def _attempt(
    candidates: Sequence[Candidate], wanted: Mapping[str, list[str]], timeout: float
) -> Refusal | None:
    """Have a child import all that is *wanted*; return what it ended with."""
    order = {
        "path": sys.path,
        "candidates": [_described(candidate) for candidate in candidates],
        "wanted": wanted,
    }
    try:
        child = subprocess.run(
            [sys.executable, "-c", _START],
            input=json.dumps(order).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
        output, ending = child.stdout, _ending(child.returncode)
    except subprocess.TimeoutExpired as expired:
        output, ending = expired.stdout or b"", f"it is not done after {timeout:g} s"
    steps: list[dict[str, str]] = [json.loads(line) for line in output.splitlines()]
    last = steps[-1] if steps else {}
    if "library" not in last:
        return None
    reason = last.get("reason")
    return Refusal(last["library"], last["mount"], reason or ending, not reason)


def _described(candidate: Candidate) -> dict[str, Any]:
    environment = candidate.environment
    return {
        "name": candidate.name,
        "path": str(candidate.path),
        "environment": None if environment is None else str(environment.folder),
        "private": candidate.private,
        "shared": candidate.shared,
    }


def _ending(code: int) -> str:
    if code < 0:
        return f"a process that loads it again dies of {signal.Signals(-code).name}"
    return f"a process that loads it again ends with exit code {code}"


# The child's side

_START: Final = """
import json, sys
order = json.load(sys.stdin)
sys.path[:] = order["path"]
from gateway.isolation.venv_trial import follow
follow(order)
"""


def follow(order: Mapping[str, Any]) -> None:
    """Import what *order* says, and tell each step before it is taken."""
    # Libraries may print while they are imported.
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(**step: str) -> None:
        print(json.dumps(step), file=report, flush=True)

    importers: dict[str, Callable[[str], object]]
    importers = {_PROCESS: importlib.import_module}
    for each in order["candidates"]:
        folder = each.pop("environment")
        environment = None if folder is None else read_environment(folder)
        namespace = Namespace(**each, environment=environment)
        importers[each["name"]] = namespace.import_module
    for library, mounts in order["wanted"].items():
        for mount in mounts:
            tell(library=library, mount=mount)
            try:
                importers[mount](library)
            except (Exception, SystemExit) as error:
                if mount == mounts[0]:
                    break  # it fails alone as well, which loading it will tell
                reason = refusal_in(error) or error
                tell(library=library, mount=mount, reason=_brief(reason))
                return
    tell(done="")


def _brief(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, ExtensionRefusedError) else error
    return str(cause or error).strip().partition("\n")[0] or type(error).__name__
