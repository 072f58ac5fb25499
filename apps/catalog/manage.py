"""Django's command line for the catalogue."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "catalog.settings")
    if sys.argv[1:2] == ["runserver"]:
        # Migrates, before runserver would ask for it.
        import catalog.wsgi  # noqa: F401
    execute_from_command_line(sys.argv)
