"""The links: what may become one, and the table that keeps them."""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

OWNER = "links"

_LONGEST = 2000
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # without 0 o, 1 l i
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{1,31}")
_SAMPLES = (
    ("python", "https://docs.python.org/3/"),
    ("http", "https://www.rfc-editor.org/rfc/rfc9110.html"),
    ("wsgi", "https://peps.python.org/pep-3333/"),
)
_TABLE = """CREATE TABLE link (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    target TEXT NOT NULL,
    hits INTEGER NOT NULL DEFAULT 0
)"""
_INSERT = "INSERT INTO link (code, target) VALUES (?, ?)"


class Refused(ValueError):
    """An address or a code that cannot be taken; its text tells the person why."""


@dataclass(frozen=True, slots=True)
class Link:
    """A short code, the address behind it, and how often it was followed."""

    code: str
    target: str
    hits: int

    @property
    def host(self) -> str:
        """The host of the address."""
        return urlsplit(self.target).hostname or ""


def clean_target(text: str) -> str:
    """Return *text* as an address that can stand in a Location header.

    :raises Refused: it is no http or https address, or one that hides its host.
    """
    text = text.strip()
    if not text:
        raise Refused("Paste an address first.")
    if len(text) > _LONGEST:
        raise Refused(f"That address is too long: at most {_LONGEST} characters.")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise Refused("An address has no spaces in it.")
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:  # a bad port, bad brackets or a host that IDNA refuses
        raise Refused("That is not a well-formed address.") from None
    if parts.scheme not in ("http", "https"):
        raise Refused("Only addresses that start with http:// or https:// are taken.")
    if not host:
        raise Refused("That address names no host.")
    if "@" in parts.netloc:
        # https://bank.example@evil.example looks like the bank and is not.
        raise Refused("An address with a user name in it is not taken.")
    netloc = f"[{host}]{port}" if ":" in host else host + port
    plain = parts._replace(netloc=netloc).geturl()
    return quote(plain, safe="!#$%&'()*+,/:;=?@[]~")


class LinkStore:
    """The links in one SQLite file; any thread may use it.

    Every operation has a connection of its own, and SQLite sees to the locking.

    :param path: the file; its folder, table and samples are made on first use.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def add(self, target: str, code: str = "") -> str:
        """Keep *target* under *code*, or under a new code, and return the code.

        :raises Refused: the address or the code cannot be taken.
        """
        target = clean_target(target)
        code = code.strip()
        if code and not _CODE.fullmatch(code):
            raise Refused("A code has 2 to 32 letters, digits or hyphens.")
        with self._connection() as db:
            while True:
                chosen = code or "".join(secrets.choice(_ALPHABET) for _ in range(6))
                try:
                    with db:
                        db.execute(_INSERT, (chosen, target))
                    return chosen
                except sqlite3.IntegrityError:
                    if code:
                        raise Refused(f"The code “{code}” is taken.") from None

    def all(self) -> list[Link]:
        """Return the links, the newest first."""
        with self._connection() as db:
            rows = db.execute("SELECT code, target, hits FROM link ORDER BY id DESC")
            return [Link(*row) for row in rows]

    def get(self, code: str) -> Link | None:
        """Return the link with this *code*, if there is one."""
        with self._connection() as db:
            row = db.execute(
                "SELECT code, target, hits FROM link WHERE code = ?", (code,)
            ).fetchone()
            return None if row is None else Link(*row)

    def count_hit(self, code: str) -> None:
        """Count that somebody followed the link with this *code*."""
        with self._connection() as db, db:
            db.execute("UPDATE link SET hits = hits + 1 WHERE code = ?", (code,))

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=10)) as db:
            if not _has_table(db):
                _create(db)
            yield db


def _has_table(db: sqlite3.Connection) -> bool:
    return bool(db.execute("PRAGMA user_version").fetchone()[0])


def _create(db: sqlite3.Connection) -> None:
    with db:
        # Of several first requests at once, one builds; the others wait, then see it.
        db.execute("BEGIN IMMEDIATE")
        if not _has_table(db):
            db.execute(_TABLE)
            db.executemany(_INSERT, _SAMPLES)
            db.execute("PRAGMA user_version = 1")
