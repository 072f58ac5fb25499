"""The catalogue as a WSGI application (PEP 3333)."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "catalog.settings")
application = get_wsgi_application()

from catalog.startup import migrate  # noqa: E402 (needs the settings of above)

migrate()
