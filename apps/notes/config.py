"""What the notes app is called, and its default settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

OWNER = "notes"
TITLE = "Notes"

DEFAULTS: dict[str, Any] = {
    # Good enough to try the app, known to everybody: set your own elsewhere.
    "SECRET_KEY": "development-only",
    "DATABASE": str(Path(__file__).resolve().parent / "var" / "notes.db"),
    # Its own name, so that other apps on this host keep their own sessions.
    "SESSION_COOKIE_NAME": "notes_session",
    "SESSION_COOKIE_SAMESITE": "Lax",
    "MAX_CONTENT_LENGTH": 64 * 1024,
}
