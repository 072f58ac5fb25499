"""What a gateway has been asked so far, on behalf of one mount."""

from __future__ import annotations

from dataclasses import replace
from secrets import token_hex
from urllib.parse import urlsplit

from gateway.mount import Mount
from gateway.proof.doctor.ask import Answer, ask, ask_mount
from gateway.proof.doctor.escapes import Evidence
from gateway.proof.doctor.safety import may_change_something
from gateway.types import WSGIApplication


class Inquiry:
    """Asks, and remembers the answers without their bodies.

    :param root: the URL of the mount's root.
    :param most: how much of each body is read, in bytes.
    :ivar asking: the path that was asked for last.
    :ivar skipped: the paths not asked for, as a GET might change something; a set that
        keeps its order.
    """

    def __init__(
        self, gateway: WSGIApplication, mount: Mount, root: str, most: int
    ) -> None:
        self._gateway = gateway
        self._mount = mount
        self._root = root
        self._most = most
        self._answers: dict[str, Answer] = {}
        self._evidence: dict[str, Evidence] = {}
        self._nonsense: Answer | None = None
        self.asking = ""
        self.skipped: dict[str, None] = {}

    def may_ask(self, url: str) -> bool:
        """Tell whether a GET of *url* is harmless, and note it if it may not be."""
        if may_change_something(url):
            self.skipped[shown(url)] = None
            return False
        return True

    def read(self, url: str) -> Answer:
        """Return what the gateway answers, with the body."""
        self.asking = shown(url)
        answer = ask(self._gateway, url, self._most)
        self._answers[url] = replace(answer, text="")
        return answer

    def ask(self, url: str) -> Answer:
        """Return what the gateway answers, without the body; it is asked once."""
        return self._answers[url] if url in self._answers else self.read(url)

    def gather(self, url: str) -> Evidence:
        """Return how an address outside of the mount answers, there and here."""
        if url not in self._evidence:
            there = here = None
            if self.may_ask(url):
                there, here = self.ask(url), self._ask_mount(self.at_home(url))
            self._evidence[url] = Evidence(there, here, self._ask_nonsense())
        return self._evidence[url]

    def at_home(self, url: str) -> str:
        """Return *url* as it is below the mount's prefix."""
        if url.startswith(self._root):
            return url
        return self._root.removesuffix("/") + shown(url)

    def status(self, url: str) -> int | None:
        """Return what was answered to *url*, if it has been asked for."""
        answer = self._answers.get(url)
        return None if answer is None else answer.status

    def _ask_mount(self, url: str) -> Answer:
        self.asking = shown(url)
        return replace(ask_mount(self._mount, url, self._most), text="")

    def _ask_nonsense(self) -> Answer:
        if self._nonsense is None:
            self._nonsense = self._ask_mount(f"{self._root}{token_hex(8)}")
        return self._nonsense


def shown(url: str) -> str:
    """Return the path and the query of *url*."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")
