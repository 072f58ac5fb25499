"""One mount, read from its root on: what it sends out of its prefix."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from gateway.explain import counted
from gateway.mount import Mount
from gateway.paths import from_text, quote_path
from gateway.proof.doctor.applications import cure_of
from gateway.proof.doctor.ask import HTML, Answer
from gateway.proof.doctor.cookies import CookieHome, cookie_findings
from gateway.proof.doctor.debugging import debugger_reachable
from gateway.proof.doctor.escapes import Home, judge_escape
from gateway.proof.doctor.inquiry import Inquiry, shown
from gateway.proof.doctor.reading import references
from gateway.proof.doctor.references import FOLLOWED, Reference, clipped
from gateway.proof.doctor.report import Finding, Severity, Spot
from gateway.proof.doctor.targets import Target, Targets
from gateway.types import WSGIApplication

# How many queries of one path are asked: a calendar has no end.
_QUERIES: Final = 4

# Style sheets, scripts and the like, for each page.
_FILES: Final = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a mount is read.

    :param pages: how many pages; files that belong to them are bounded in proportion.
    :param depth: how many links a page may be away from where it starts.
    :param size: how much of each response, in bytes.
    :param seconds: how long it may take for each mount.
    """

    pages: int = 60
    depth: int = 8
    size: int = 1 << 20
    seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class Patient:
    """A mount to examine.

    :param root: the URL of its root.
    :param application: what it is, as :func:`identify` has it.
    :param policy: its ``cookies:``.
    :param alone: whether no other mount is reached on its host.
    """

    mount: Mount
    root: str
    application: str
    policy: str
    alone: bool


class Crawl:
    """Reads one mount, breadth first, and collects what is wrong.

    What was found so far can be read from another thread while it runs.

    :param gateway: what serves every mount.
    :param meant: the mounts whose address has been asked for; may grow meanwhile.
    """

    def __init__(
        self,
        gateway: WSGIApplication,
        targets: Targets,
        patient: Patient,
        limits: Limits,
        meant: Collection[str],
    ) -> None:
        self._inquiry = Inquiry(gateway, patient.mount, patient.root, limits.size)
        self._targets = targets
        self._patient = patient
        self._limits = limits
        self._home = Home(patient.mount.name, patient.mount.prefix, meant)
        self._queue: deque[tuple[str, int]] = deque()
        self._queued: set[str] = set()
        self._queries: Counter[str] = Counter()
        self._found: dict[tuple[str, ...], Finding] = {}
        self._redirects: dict[str, str] = {}
        self._until = 0.0
        self.pages = 0
        self.files = 0
        self.references = 0
        self.stopped = ""

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, in the order in which it was found."""
        return list(self._found.values())

    @property
    def skipped(self) -> list[str]:
        """The paths that were not asked for, as a GET might change something."""
        return list(self._inquiry.skipped)

    @property
    def asking(self) -> str:
        """The path that was asked for last."""
        return self._inquiry.asking

    def status(self, url: str) -> int | None:
        """Return what the mount answered to *url*; ``None`` if it was not asked."""
        return self._inquiry.status(url)

    def run(self, starts: Iterable[str]) -> None:
        """Read the mount.

        :param starts: the URLs to start from.
        """
        self._until = monotonic() + self._limits.seconds
        with self._telling(self._patient.root):
            for finding in debugger_reachable(self._patient.root, self._inquiry):
                self._add((finding.kind,), finding)
        for url in starts:
            self._enqueue(url, 0)
        while self._queue:
            url, depth = self._queue.popleft()
            self.stopped = self._reached()
            if self.stopped:
                return
            with self._telling(url):
                self._read(url, depth)

    @contextmanager
    def _telling(self, url: str) -> Iterator[None]:
        """Tell of a page that cannot be read, and go on: the others still count."""
        try:
            yield
        except Exception as error:  # whatever a page does to who reads it
            page, why = shown(url), f"{type(error).__name__}: {error}"
            message = f"{page} cannot be read: {clipped(why)}"
            spot = Spot(page, None, f"GET {page}")
            self._add(("broken", page), Finding("warning", "broken", message, "", spot))

    def _reached(self) -> str:
        """Return which limit is reached, in words; nothing if none is."""
        if monotonic() > self._until:
            return f"after {self._limits.seconds:g} s"
        if self.pages >= self._limits.pages:
            return f"after {counted(self.pages, 'page')}"
        if self.files >= self._limits.pages * _FILES:
            return f"after {counted(self.files, 'file')}"
        return ""

    def abandon(self) -> None:
        """Have it end with what it is reading."""
        self._until = 0.0

    def _read(self, url: str, depth: int) -> None:
        answer = self._inquiry.read(url)
        page = shown(url)
        if answer.media_type in HTML and answer.status < 300:
            self.pages += 1
        else:
            self.files += 1
        if answer.status >= 500:
            self._add_broken(answer, page)
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                self._judge_cookie(value, page)
        for reference in references(answer):
            target = self._targets.of(url, reference)
            if target is None:
                continue
            self.references += 1
            if target.wrong is not None or target.mount != self._home.mount:
                self._judge(self._of_base(reference, url), target, page)
                self._follow_home(reference, target, depth + 1)
            elif reference.kind == "redirect" and self._circles(url, target):
                self._add_circle(reference, page)
            elif self._has_prefix_twice(target):
                self._add_prefix_twice(reference, target, page)
            elif reference.kind in FOLLOWED:
                self._enqueue(target.url, depth + 1)

    def _of_base(self, reference: Reference, url: str) -> Reference:
        """Blame the page's base for what it leads astray, and not each reference."""
        if not reference.base or reference.kind == "base":
            return reference
        without = self._targets.of(url, replace(reference, base=""))
        if without is None or without.mount != self._home.mount:
            return reference
        return replace(
            reference,
            kind="base",
            url=reference.base,
            text=clipped(f'<base href="{reference.base}">'),
        )

    def _enqueue(self, url: str, depth: int) -> None:
        if url in self._queued or depth > self._limits.depth:
            return
        self._queued.add(url)
        path, _, query = url.partition("?")
        if query:
            self._queries[path] += 1
            if self._queries[path] > _QUERIES:
                return
        if self._inquiry.may_ask(url):
            self._queue.append((url, depth))

    def _judge(self, reference: Reference, target: Target, page: str) -> None:
        verdict = judge_escape(
            reference, target, self._home, lambda: self._inquiry.gather(target.url)
        )
        if verdict is not None:
            self._add_reference(
                verdict.severity,
                reference,
                verdict.message,
                page,
                cured=verdict.own_fault,
            )

    def _follow_home(self, reference: Reference, target: Target, depth: int) -> None:
        """Read what an escape was meant to lead to, as if it were cured."""
        if target.wrong or reference.kind not in FOLLOWED:
            return
        url = self._inquiry.at_home(target.url)
        if url != target.url and self._inquiry.gather(target.url).belongs_here:
            self._enqueue(url, depth)

    def _circles(self, url: str, target: Target) -> bool:
        """Note a redirect, and tell whether it leads back to where it started."""
        self._redirects[url] = target.url
        seen, at = {url}, self._redirects.get(url)
        while at is not None and at not in seen:
            seen.add(at)
            at = self._redirects.get(at)
        # With a cookie that was set on the way, the next answer may be another one.
        return at == url and not any(map(self._sets_cookie, seen))

    def _sets_cookie(self, url: str) -> bool:
        headers = self._inquiry.ask(url).headers
        return any(name.lower() == "set-cookie" for name, _ in headers)

    def _has_prefix_twice(self, target: Target) -> bool:
        prefix = from_text(self._home.prefix)
        return (
            prefix != ""
            and target.path.startswith(f"{prefix}{prefix}/")
            and self._inquiry.may_ask(target.url)
            and not self._inquiry.ask(target.url).exists
            and self._inquiry.ask(self._once(target)).exists
        )

    def _once(self, target: Target) -> str:
        """Return the URL of *target* with the prefix once where it has it twice."""
        prefix = from_text(self._home.prefix)
        inner = quote_path(target.path.removeprefix(prefix))
        parts = urlsplit(target.url)
        return parts._replace(path=inner).geturl()

    def _add_circle(self, reference: Reference, page: str) -> None:
        message = (
            f"{page} is redirected in a circle: the application does not know where it "
            "is mounted"
        )
        self._add_reference("error", reference, message, page)

    def _add_prefix_twice(
        self, reference: Reference, target: Target, page: str
    ) -> None:
        once = self._once(target)
        self._add_reference(
            "warning" if reference.kind == "relation" else "error",
            reference,
            f"{shown(target.url)} has the prefix twice: {shown(once)} answers "
            f"{self._inquiry.ask(once).status}",
            page,
        )

    def _add_reference(
        self,
        severity: Severity,
        reference: Reference,
        message: str,
        page: str,
        *,
        cured: bool = True,
    ) -> None:
        cure = ""
        if cured:
            cure = cure_of(self._patient.application, self._home.prefix)
        spot = Spot(page, reference.line, reference.text)
        finding = Finding(severity, reference.kind, message, cure, spot)
        self._add((reference.kind, message), finding)

    def _add_broken(self, answer: Answer, page: str) -> None:
        message = f"{page} answers {answer.status}, so nothing is known of that page"
        spot = Spot(page, None, f"GET {page}")
        cure = "the log of 'gateway serve' tells why"
        self._add(("broken", page), Finding("warning", "broken", message, cure, spot))

    def _judge_cookie(self, header: str, page: str) -> None:
        home = CookieHome(self._home.prefix, self._patient.alone, self._patient.policy)
        for finding in cookie_findings(header, page, home):
            self._add((finding.kind, finding.message), finding)

    def _add(self, key: tuple[str, ...], finding: Finding) -> None:
        known = self._found.get(key)
        self._found[key] = (
            finding if known is None else replace(known, places=known.places + 1)
        )
