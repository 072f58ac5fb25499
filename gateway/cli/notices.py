"""What the commands tell although it is no error: what may surprise, and the cure."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Final

from gateway.config.spec import CodeTarget, GatewaySpec, MountSpec
from gateway.isolation.audit import process_audit
from gateway.isolation.finder import in_interpreter
from gateway.lifecycle import Gateway
from gateway.policies.cookies_secrets import shared_secrets

_log = logging.getLogger("gateway.serve")

_WITHOUT_CODE: Final = ("static", "redirect", "proxy")


@contextmanager
def telling_changes(gateway: Gateway) -> Iterator[None]:
    """Warn, when serving ends, of what mounts have changed of the process meanwhile.

    They are not closed by then: that may end what they have started.
    """
    process_audit.start_serving()
    try:
        yield
    finally:
        names = [
            name
            for name, mount in gateway.mounts.items()
            if mount.kind not in _WITHOUT_CODE
        ]
        for change in process_audit.serving_changes(names):
            _log.warning("%s", change)


def notices(
    spec: GatewaySpec, configs: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Yield a line for each thing that is worth knowing of a gateway that was loaded.

    :param configs: the mounts that were loaded, and their applications' configuration.
    """
    with_code = [mount for mount in spec.mounts if isinstance(mount.target, CodeTarget)]
    for mount in with_code:
        yield from standard_names(mount)
    yield from _bodies(spec)
    yield from _changes(with_code)
    yield from _secrets(with_code, configs)


def _bodies(spec: GatewaySpec) -> Iterator[str]:
    most = spec.server.max_body
    for mount in spec.mounts:
        own = mount.policies.max_body
        if own is not None and own > most:
            yield (
                f"mount {mount.name}: its max_body of {own} bytes is never reached: "
                f"that of 'server:' is {most} bytes, and holds for all mounts"
            )


def standard_names(mount: MountSpec) -> Iterator[str]:
    """Yield a line for each module of *mount* that is named like a standard one."""
    target = mount.target
    if not isinstance(target, CodeTarget):
        return
    folder = mount.home if target.path is None else target.path
    if target.path is None and target.imports is None:
        top_level = target.reference.partition(":")[0].partition(".")[0]
        if PathFinder.find_spec(top_level, [str(folder)]) is None:
            return  # an installed application: nothing is imported from the folder
    for name, file in _standard_modules_in(folder):
        if target.imports == "shared":
            effect = (
                "with 'imports: shared' every mount and library that imports it from "
                "now on gets this one: rename it, or use 'imports: private'"
            )
        else:
            effect = (
                "the mount's own code gets this one, as when it runs alone; all others "
                "get the standard one. Rename it if that is not meant"
            )
        yield (
            f"mount {mount.name} has a module named like the standard library's "
            f"{name!r}, {file}: {effect}"
        )


def _standard_modules_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the names that a folder's modules share with standard ones, and files."""
    try:
        found = {entry.name.partition(".")[0] for entry in folder.iterdir()}
    except OSError:
        return  # not loading it tells why
    for name in sorted(found & sys.stdlib_module_names):
        # What is in the interpreter itself no file replaces, anywhere.
        if not in_interpreter(name):
            spec = PathFinder.find_spec(name, [str(folder)])
            # A folder without __init__.py gives way to the library (PEP 420).
            if spec is not None and spec.loader is not None and spec.origin:
                yield name, spec.origin


def _changes(mounts: Iterable[MountSpec]) -> Iterator[str]:
    for mount in mounts:
        if not mount.strict:  # else they are an error, which tells them
            yield from map(str, process_audit.of(mount.name, "load"))


def _secrets(
    mounts: Iterable[MountSpec], configs: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    cookies = {mount.name: mount.cookies for mount in mounts}
    own = {name: config for name, config in configs.items() if name in cookies}
    for finding in shared_secrets(own):
        # Those that share a login on purpose have said so.
        if any(cookies[name] != "shared" for name in finding.mounts):
            yield str(finding)
