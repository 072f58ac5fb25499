"""Bring the database up to date when the app starts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

_LONGEST_WAIT = 60.0  # seconds


def migrate() -> None:
    """Apply the migrations that are missing; of several processes, one does it."""
    path = Path(settings.DATABASES["default"]["NAME"])
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if not _missing():
            return
        # The lock of an empty SQLite file beside the database: it works on every
        # system, and a process that dies leaves it open.
        lock = f"{path}.lock"
        with closing(sqlite3.connect(lock, timeout=_LONGEST_WAIT)) as guard:
            guard.execute("BEGIN EXCLUSIVE")
            if _missing():
                call_command("migrate", verbosity=0, interactive=False)
            guard.rollback()
    finally:
        connection.close()


def _missing() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
