"""Whether a reference that leaves its mount is an escape, decided from evidence."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from gateway.paths import from_text, quote_path
from gateway.proof.doctor.ask import Answer
from gateway.proof.doctor.references import WEAK, Kind, Reference, clipped
from gateway.proof.doctor.report import Severity
from gateway.proof.doctor.targets import Target

_WHAT: Final[dict[Kind, str]] = {
    "link": "the link",
    "asset": "the file",
    "form": "the form's action",
    "refresh": "the refresh",
    "redirect": "the redirect",
    "relation": "the related address",
    "base": "the page's base",
    "request": "the page's request",
    "API": "the API's address",
    "script": "what looks like an address in a script",
    "data": "what looks like an address in an attribute",
}

# Browsers refuse it over http:// in a page that came by https://, or it loses data.
_NEEDED: Final[Collection[Kind]] = {
    *("asset", "form", "request", "API", "redirect", "base")
}

# Nobody follows these by chance, or nothing says for sure that they are addresses.
_MILD: Final[Collection[Kind]] = WEAK | {"relation"}

_LEADING_ON: Final[Collection[Kind]] = {"link", "refresh", "redirect", "form"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a reference.

    :param own_fault: whether the application has to be told better; else the message
        says what to do.
    """

    severity: Severity
    message: str
    own_fault: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """How the addresses in question answer.

    :param there: what the gateway answers to the address as it is; ``None`` if it was
        not asked, because a GET might change something.
    :param here: what the mount itself answers to that path below its own prefix.
    :param nonsense: what the mount answers to a path that nobody can know.
    """

    there: Answer | None
    here: Answer | None
    nonsense: Answer

    @property
    def belongs_here(self) -> bool:
        """Whether the mount has that path, and not only an answer to every path."""
        here, other = self.here, self.nonsense
        if here is None or not here.exists:
            return False
        return (here.status, here.media_type) != (other.status, other.media_type)

    @property
    def answers_there(self) -> bool:
        """Whether there is something at the address as it is."""
        return self.there is not None and self.there.exists


@dataclass(frozen=True, slots=True)
class Home:
    """The mount that a reference stands in.

    :param prefix: without a trailing slash, as text.
    :param meant: the mounts whose address it has asked for, with ``mount_url``.
    """

    mount: str
    prefix: str
    meant: Collection[str]


def judge_escape(
    reference: Reference,
    target: Target,
    home: Home,
    gather: Callable[[], Evidence],
) -> Verdict | None:
    """Decide about a reference that leads out of its mount.

    :param gather: asks for the evidence, where it takes any.
    :returns: ``None`` if nothing is wrong with it, or nothing proves that it is.
    """
    what = f"{_WHAT[reference.kind]} {clipped(reference.url)}"
    if target.wrong is not None:
        return _missed(reference, target, what)
    evidence = gather()
    if evidence.belongs_here:
        meant = target.mount in home.meant and reference.kind in _LEADING_ON
        if meant and evidence.answers_there:
            return None
        return _belongs_here(reference, target, home, evidence, what)
    if reference.kind in WEAK or evidence.answers_there:
        return None
    return _belongs_nowhere(target, evidence, what)


def _missed(reference: Reference, target: Target, what: str) -> Verdict:
    severity: Severity = "error" if reference.kind in _NEEDED else "warning"
    if target.wrong == "address":
        why = "names a server on the visitor's own machine, and not the gateway"
    else:
        why = (
            "has another scheme than its page: the application does not take it from "
            "the request (wsgi.url_scheme)"
        )
    return Verdict(severity, f"{what} {why}")


def _belongs_here(
    reference: Reference, target: Target, home: Home, evidence: Evidence, what: str
) -> Verdict:
    severity: Severity = "warning" if reference.kind in _MILD else "error"
    if target.path.startswith(f"{from_text(home.prefix)}/"):
        return Verdict(
            "warning" if evidence.answers_there else severity,
            f"{what} leads to mount {target.mount}, which is in front of what this "
            f"mount has there itself. Give one of them another path, or link with "
            f"mount_url({target.mount!r}) if that mount is meant",
            own_fault=False,
        )
    if target.path == "/" and evidence.answers_there and reference.kind == "link":
        return Verdict(
            "warning",
            f"{what} leads to the front page of mount {target.mount}, and not to that "
            f"of this mount, {home.prefix}/. If it is meant, build it with "
            f"mount_url({target.mount!r})",
        )
    return Verdict(
        severity,
        f"{what} leaves the mount: {_there(target, evidence)}, and "
        f"{clipped(quote_path(from_text(home.prefix) + target.path))} "
        f"{_answers(evidence.here)}",
    )


def _belongs_nowhere(target: Target, evidence: Evidence, what: str) -> Verdict:
    if evidence.there is None:
        # At another mount it may be meant; nowhere it cannot be.
        return Verdict(
            "note" if target.mount else "warning",
            f"{what} leaves the mount; whether it is this mount's own was not asked, "
            "as a GET of it may change something",
        )
    return Verdict(
        "warning",
        f"{what} leaves the mount: {_there(target, evidence)}; nor does this mount "
        "have it, as far as a GET tells",
    )


def _there(target: Target, evidence: Evidence) -> str:
    if target.mount is None:
        return "no mount is there"
    return f"mount {target.mount} {_answers(evidence.there)} there"


def _answers(answer: Answer | None) -> str:
    return "was not asked" if answer is None else f"answers {answer.status}"
