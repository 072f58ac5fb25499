"""The notebook: its table and what can be done with it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

OWNER = "notes"
TITLE_LIMIT = 120
BODY_LIMIT = 5000

_VERSION = 1
_HIGHEST = 2**63 - 1  # what fits into an SQLite INTEGER
_TABLE = """CREATE TABLE note (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    author TEXT NOT NULL,
    pinned INTEGER NOT NULL,
    changed TEXT NOT NULL
)"""
_INSERT = "INSERT INTO note (title, body, author, pinned, changed) VALUES (?,?,?,?,?)"
_SAMPLES = (
    (
        "Bread, second try",
        "500 g flour, 350 g water, 10 g salt, a spoonful of starter.\n"
        "Fold four times in the first two hours, then leave it alone.",
        "Mira",
        0,
    ),
    (
        "Books to give back",
        "The tide atlas to Jonas.\nThe one about lighthouses: before Friday!",
        "Jonas",
        0,
    ),
    (
        "Welcome to your notebook",
        "Everybody who opens this page writes in the same book.\n"
        "Pinned notes stay on top; the search looks at titles, texts and names.",
        "Notes",
        1,
    ),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person fills in."""

    title: str = ""
    body: str = ""
    pinned: bool = False

    def problems(self) -> dict[str, str]:
        """Return what is wrong, by field; empty if the draft can be kept."""
        found = {}
        if not self.title:
            found["title"] = "A note needs a title."
        elif len(self.title) > TITLE_LIMIT:
            found["title"] = f"At most {TITLE_LIMIT} characters, please."
        if len(self.body) > BODY_LIMIT:
            found["body"] = f"At most {BODY_LIMIT} characters, please."
        return found


@dataclass(frozen=True, slots=True)
class Note:
    """A kept note; *changed* is the time of its last change, in UTC."""

    id: int
    title: str
    body: str
    author: str
    pinned: bool
    changed: datetime


def connect(path: str, samples: bool = True) -> sqlite3.Connection:
    """Open the database at *path*, making folder, table and samples if absent."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=10)
    try:
        if _version(db) < _VERSION:
            _create(db, samples)
    except BaseException:
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _create(db: sqlite3.Connection, samples: bool) -> None:
    with db:
        # Of several first requests at once, one builds; the others wait, then see it.
        db.execute("BEGIN IMMEDIATE")
        if _version(db) >= _VERSION:
            return
        db.execute(_TABLE)
        if samples:
            db.executemany(_INSERT, [(*row, _now()) for row in _SAMPLES])
        db.execute(f"PRAGMA user_version = {_VERSION}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _note(row: tuple[int, str, str, str, int, str]) -> Note:
    number, title, body, author, pinned, changed = row
    when = datetime.fromisoformat(changed)
    return Note(number, title, body, author, bool(pinned), when)


_SELECT = "SELECT id, title, body, author, pinned, changed FROM note"


def find(db: sqlite3.Connection, text: str = "") -> list[Note]:
    """Return the notes that contain *text*, pinned ones first, then the newest."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = db.execute(
        f"{_SELECT} WHERE title || char(10) || body || char(10) || author"
        " LIKE ? ESCAPE '\\' ORDER BY pinned DESC, changed DESC, id DESC",
        (f"%{escaped}%",),
    )
    return [_note(row) for row in rows]


def get(db: sqlite3.Connection, number: int) -> Note | None:
    """Return the note with this *number*, if there is one."""
    if number > _HIGHEST:
        return None
    row = db.execute(f"{_SELECT} WHERE id = ?", (number,)).fetchone()
    return None if row is None else _note(row)


def add(db: sqlite3.Connection, draft: Draft, author: str) -> int:
    """Keep *draft* as a new note and return its number."""
    values = (draft.title, draft.body, author, int(draft.pinned), _now())
    with db:
        return int(db.execute(_INSERT, values).lastrowid or 0)


def change(db: sqlite3.Connection, number: int, draft: Draft) -> None:
    """Write *draft* over the note with this *number*."""
    with db:
        db.execute(
            "UPDATE note SET title = ?, body = ?, pinned = ?, changed = ? WHERE id = ?",
            (draft.title, draft.body, int(draft.pinned), _now(), number),
        )


def remove(db: sqlite3.Connection, number: int) -> None:
    """Delete the note with this *number*."""
    with db:
        db.execute("DELETE FROM note WHERE id = ?", (number,))
