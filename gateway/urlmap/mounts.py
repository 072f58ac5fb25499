"""The URL map of a whole gateway, mount by mount."""

from __future__ import annotations

from contextvars import copy_context
from dataclasses import dataclass, replace

from gateway.generation import Member
from gateway.lifecycle import Gateway
from gateway.urlmap.ask import ask
from gateway.urlmap.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class MountMap:
    """What one mount answers at.

    :param prefix: ``/`` for the root.
    :param endpoints: with the prefix before each path.
    :param policies: what is done around it, the outermost first.
    :param unknown: why it has no endpoints here; ``None`` if it has been asked.
    """

    mount: str
    prefix: str
    host: str | None
    kind: str
    source: str
    policies: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    unknown: str | None = None


def url_maps(gateway: Gateway) -> list[MountMap]:
    """Return the URL map of each mount, in the order of the file."""
    # What being asked does to context variables is forgotten afterwards.
    return [copy_context().run(_mapped, each) for each in gateway.members.values()]


def _mapped(member: Member) -> MountMap:
    mount = member.mount
    asked = MountMap(
        mount.name,
        mount.prefix or "/",
        mount.host,
        mount.kind,
        mount.source,
        member.policies,
    )
    if member.failure is not None:
        return replace(asked, unknown="it does not load")
    if mount.kind in _PLAIN:
        return replace(asked, unknown=_PLAIN[mount.kind])
    application = member.loaded.bare or member.loaded.wsgi
    try:
        # Its own modules and settings may be needed: Django imports its patterns late.
        with mount.app_context():
            found = ask(application)
    except Exception as error:  # whatever somebody's code does
        return replace(
            asked, unknown=f"asking it failed: {type(error).__name__}: {error}"
        )
    if found is None:
        return replace(
            asked, unknown="it cannot be asked: of no framework that is known here"
        )
    return replace(
        asked,
        endpoints=tuple(replace(each, path=mount.prefix + each.path) for each in found),
    )


# What has no URL map, and needs none.
_PLAIN = {
    "static": "the files of a folder",
    "redirect": "all of it is redirected",
    "proxy": "a server of its own answers",
}
