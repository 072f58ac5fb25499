"""The examination: load a gateway, read each mount from its root on, and tell."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Thread
from time import perf_counter
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urljoin

from gateway.config.spec import GatewaySpec, MountSpec, ProxyTarget, RedirectTarget
from gateway.errors import GatewayError
from gateway.generation import Around
from gateway.lifecycle import Gateway
from gateway.proof.doctor.applications import identify
from gateway.proof.doctor.crawl import Crawl, Limits, Patient
from gateway.proof.doctor.debugging import (
    debug_findings,
    django_findings,
)
from gateway.proof.doctor.inquiry import shown
from gateway.proof.doctor.references import Reference
from gateway.proof.doctor.report import (
    Diagnosis,
    Finding,
    MountDiagnosis,
    most_severe_first,
)
from gateway.proof.doctor.secrets import equal_secrets, key_of, weak_secret
from gateway.proof.doctor.targets import PUBLIC_URL, Targets
from gateway.site import MountPoint, check_known

# What a mount gets beyond its time to answer what it is being asked, in seconds.
_GRACE: Final = 5.0

# Where an ASGI application says that it shows its API.
_API_PAGES: Final = ("docs_url", "redoc_url", "openapi_url")

# How many skipped addresses a remark names.
_NAMED: Final = 5


def examine(
    spec: GatewaySpec,
    mounts: Sequence[str] = (),
    *,
    limits: Limits | None = None,
    public: str = PUBLIC_URL,
    starts: Sequence[str] = (),
    loading: Around = nullcontext,
    grace: float = _GRACE,
) -> Diagnosis:
    """Load a gateway and find out what its mounts send out of their prefixes.

    Each mount is asked in process, by a thread of its own; only those with ``proxy:``
    ask a server in turn.

    :param mounts: which to examine, all by default. The others are loaded too.
    :param limits: how much of each mount is read.
    :param public: scheme, host and perhaps port that the gateway is reached at.
    :param starts: further paths to start from, from the gateway's root on.
    :param loading: what to enter while a mount of the given name is loaded.
    :param grace: how long a mount that is out of time is waited for, in seconds.
    :raises UnknownMountError: there is no mount of such a name.
    :raises PublicURLError: *public* is no such URL.
    :raises UnservedStartError: no mount serves one of *starts*.
    :raises LoadErrors: applications could not be loaded.
    """
    started = perf_counter()
    check_known(mounts, [mount.name for mount in spec.mounts])
    points = [MountPoint(each.name, each.prefix, each.host, "") for each in spec.mounts]
    admin = () if spec.admin is None else (spec.admin.prefix,)
    targets = Targets(points, public, admin)
    further = _by_mount(targets, spec, starts)
    with Gateway(spec, loading=loading) as gateway:
        practice = _Practice(gateway, targets, limits or Limits(), grace, further)
        found = tuple(
            practice.examine(each)
            for each in spec.mounts
            if not mounts or each.name in mounts
        )
    return Diagnosis(found, perf_counter() - started)


class UnservedStartError(GatewayError, LookupError):
    """A path to start from is no mount's."""


class _Asked(dict[str, MountPoint]):
    """The mounts of a site, noting which of them are asked for by name."""

    def __init__(self, points: Mapping[str, MountPoint]) -> None:
        super().__init__(points)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> MountPoint:
        point = super().__getitem__(name)
        self.names.add(name)
        return point


@dataclass(frozen=True, slots=True)
class _Practice:
    """What the examinations of all mounts have in common."""

    gateway: Gateway
    targets: Targets
    limits: Limits
    grace: float
    further: Mapping[str, Sequence[str]]

    def examine(self, spec: MountSpec) -> MountDiagnosis:
        member = self.gateway.members[spec.name]
        application = identify(member.loaded.served) or (
            "proxy" if isinstance(spec.target, ProxyTarget) else ""
        )
        crawl, remarks = self._crawled(spec, application)
        findings = [*self._of_settings(spec, application)]
        if crawl is not None:
            findings += crawl.findings
        return MountDiagnosis(
            mount=spec.name,
            prefix=spec.prefix,
            host=spec.host,
            kind=member.mount.kind,
            application=application or member.mount.kind,
            pages=0 if crawl is None else crawl.pages,
            references=0 if crawl is None else crawl.references,
            findings=most_severe_first(findings),
            remarks=tuple(remarks),
        )

    def _crawled(
        self, spec: MountSpec, application: str
    ) -> tuple[Crawl | None, list[str]]:
        if isinstance(spec.target, RedirectTarget):
            return None, ["a redirect leads where the file says: nothing to read"]
        root = self.targets.root(spec.name)
        site = self.gateway.site
        points = site.mounts
        asked = _Asked(points)
        patient = Patient(
            self.gateway.mounts[spec.name], root, application, spec.cookies,
            alone=self._is_alone(spec),
        )  # fmt: skip
        crawl = Crawl(self.gateway, self.targets, patient, self.limits, asked.names)
        further = self.further.get(spec.name, ())
        starts = [*_starts(spec, root, self._served(spec.name)), *further]
        # Not the gateway's own thread: a mount that hangs would keep all from going on.
        thread = Thread(
            target=crawl.run,
            args=(starts,),
            name=f"gateway-doctor-{spec.name}",
            daemon=True,
        )
        site.mounts = MappingProxyType(asked)
        try:
            thread.start()
            thread.join(self.limits.seconds + self.grace)
        finally:
            site.mounts = points
            crawl.abandon()
        remarks = _remarks(crawl, root, further, hangs=thread.is_alive())
        return crawl, [*remarks]

    def _of_settings(self, spec: MountSpec, application: str) -> Iterator[Finding]:
        served = self._served(spec.name)
        yield from debug_findings(application, served)
        if application == "Django":
            yield from django_findings(_django_settings())
        weak = weak_secret(spec.name, application, self._key(spec.name))
        if weak is not None:
            yield weak
        yield from self._equal_secrets(spec.name)

    def _equal_secrets(self, name: str) -> Iterator[Finding]:
        mounts = self.gateway.spec.mounts
        found = equal_secrets(
            {each.name: self._key(each.name) for each in mounts},
            {each.name: each.cookies for each in mounts},
            {each.name: identify(self._served(each.name)) for each in mounts},
        )
        return (finding for mount, finding in found if mount == name)

    def _served(self, name: str) -> object:
        return self.gateway.members[name].loaded.served

    def _key(self, name: str) -> object:
        served = self._served(name)
        if identify(served) == "Django":
            return getattr(_django_settings(), "SECRET_KEY", None)
        return key_of(self.gateway.mounts[name].application.config, served)

    def _is_alone(self, spec: MountSpec) -> bool:
        return not any(
            other.name != spec.name
            and (other.host == spec.host or None in (other.host, spec.host))
            for other in self.gateway.spec.mounts
        )


def _by_mount(
    targets: Targets, spec: GatewaySpec, paths: Iterable[str]
) -> Mapping[str, Sequence[str]]:
    """Return the URLs of *paths* by the mount that serves each.

    A path that several hosts have is each host's.

    :raises UnservedStartError: no mount serves one of them.
    """
    found: dict[str, list[str]] = {}
    for path in paths:
        served = False
        for mount in spec.mounts:
            url = path if "://" in path else f"/{path.lstrip('/')}"
            start = Reference("link", url, None, path)
            target = targets.of(targets.root(mount.name), start)
            if target is not None and target.mount == mount.name:
                found.setdefault(mount.name, []).append(target.url)
                served = True
        if not served:
            raise UnservedStartError(
                f"no mount serves {path!r}, which was to start from: write a path from "
                "the gateway's root on, such as /notes/admin/, or its URL below --url"
            )
    return found


def _starts(spec: MountSpec, root: str, served: object) -> Iterator[str]:
    yield root
    paths = [spec.probe, *(getattr(served, name, None) for name in _API_PAGES)]
    for path in paths:
        if isinstance(path, str):
            yield urljoin(root, path.lstrip("/"))


def _remarks(
    crawl: Crawl, root: str, further: Iterable[str], *, hangs: bool
) -> Iterator[str]:
    if hangs:
        yield (
            f"GET {crawl.asking} does not end, so the rest of the mount was not read"
        )
    elif crawl.stopped:
        yield f"stopped {crawl.stopped}: --pages and --seconds let it read more"
    skipped = crawl.skipped
    if skipped:
        more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
        yield (
            f"not asked for, as a GET there may change something: "
            f"{', '.join(skipped[:_NAMED])}{more}"
        )
    for url in further:
        if crawl.status(url) in (404, 410):
            yield f"{shown(url)}, which was to start from, answers {crawl.status(url)}"
    if not crawl.pages and not hangs:
        status = crawl.status(root) or "nothing"
        hint = ": where it serves certain hosts only, --url tells which" * (
            status == 400
        )
        yield f"no page was found from its root on: it answers {status}{hint}"


def _django_settings() -> Any:
    """Return the settings of the one Django project that a process can have."""
    configuration: Any = sys.modules.get("django.conf")
    return getattr(configuration, "settings", None)
