"""What ``gateway check`` tells of the libraries that mounts have for themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from gateway.config.spec import CodeTarget, GatewaySpec, MountSpec
from gateway.errors import GatewayError, LoadError, LoadErrors
from gateway.isolation.venv import read_environment
from gateway.isolation.venv_trial import Candidate, Refusal, try_together
from gateway.lifecycle import Gateway


def try_libraries(spec: GatewaySpec) -> tuple[Refusal, ...]:
    """Try whether the mounts can have the extension modules that they want.

    A process of its own tries it, so that whatever comes of it can be told.

    :returns: what refuses, which concerns a mount only if it imports it.
    :raises LoadErrors: something would end this process too, or hang it.
    """
    refusals = try_together([*_candidates(spec.mounts)])
    fatal = [
        LoadError(refusal.mount, refusal.message)
        for refusal in refusals
        if refusal.fatal
    ]
    if fatal:
        raise LoadErrors(fatal)
    return refusals


def _candidates(mounts: Iterable[MountSpec]) -> Iterator[Candidate]:
    for mount in mounts:
        target = mount.target
        if not isinstance(target, CodeTarget):
            continue
        if target.venv is None and not target.private:
            continue
        # What is wrong with an environment is told when the mount is loaded.
        with suppress(GatewayError):
            yield Candidate(
                mount.name,
                target.path or mount.home,
                None if target.venv is None else read_environment(target.venv),
                target.private,
                target.shared,
            )


def borrowed_by(gateway: Gateway) -> dict[str, tuple[str, ...]]:
    """Return what each mount has from the process that its environment lacks."""
    namespaces = {
        name: member.loaded.namespace for name, member in gateway.members.items()
    }
    return {
        name: namespace.borrowed()
        for name, namespace in namespaces.items()
        if namespace is not None
    }


def library_notices(
    spec: GatewaySpec,
    borrowed: Mapping[str, tuple[str, ...]],
    refusals: Iterable[Refusal],
) -> Iterator[str]:
    """Yield a line for each thing that is worth knowing of the mounts' libraries.

    :param borrowed: by the names of the mounts that were loaded.
    :param refusals: what cannot be in one process as often as mounts want it.
    """
    for mount in spec.mounts:
        venv = getattr(mount.target, "venv", None)
        if venv is None or mount.name not in borrowed:
            continue
        for note in read_environment(venv).notes:
            yield f"mount {mount.name}: {note}"
        if names := ", ".join(borrowed[mount.name]):
            yield (
                f"mount {mount.name} has from the process what is not installed in "
                f"{venv}: {names}. Run alone it would not have them: install them "
                "there, or name them under 'shared:'"
            )
    for refusal in refusals:
        if refusal.mount in borrowed:  # else not loading it tells
            yield str(refusal)
