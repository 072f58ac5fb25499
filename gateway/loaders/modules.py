"""Where a mount's modules are imported from: for itself alone, or shared by all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path

from gateway.config.spec import AppTarget, AsgiTarget
from gateway.isolation.modules import Namespace
from gateway.loaders.reference import Importer, shared_importer


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Modules:
    """The imports of one mount.

    :param import_module: imports a module by the name that the mount has for it.
    :param searched: the folder it is expected in, for messages.
    :param source: the folder and the reference, for people.
    :param active: makes this mount the one that is being loaded.
    :param close: drops the modules that are the mount's alone.
    """

    import_module: Importer
    searched: Path | None
    source: str
    active: Callable[[], AbstractContextManager[None]] = nullcontext
    close: Callable[[], None] = _nothing


def modules_of(name: str, target: AppTarget | AsgiTarget, home: Path) -> Modules:
    """Return the imports of the mount *name*.

    :param home: the folder of the configuration, which sources are shown relative to.
    """
    if target.path is None:
        return Modules(shared_importer(None), None, target.reference)
    source = f"{relpath(target.path, home)} {target.reference}"
    if target.imports == "shared":
        return Modules(shared_importer(target.path), target.path, source)
    namespace = Namespace(name, target.path)
    return Modules(
        namespace.import_module, target.path, source, namespace.active, namespace.close
    )
