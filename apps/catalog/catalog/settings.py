"""Settings of the catalogue; README.md explains what the environment can change."""

from __future__ import annotations

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parents[1]

SECRET_KEY = os.environ.get("CATALOG_SECRET_KEY", "development-only")
DEBUG = os.environ.get("CATALOG_DEBUG") == "1"
ALLOWED_HOSTS = os.environ.get(
    "CATALOG_ALLOWED_HOSTS", "localhost,.localhost,127.0.0.1,[::1],testserver"
).split(",")

INSTALLED_APPS = ["products"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "catalog.urls"
WSGI_APPLICATION = "catalog.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("CATALOG_DB") or BASE_DIR / "var" / "catalog.sqlite3",
        "OPTIONS": {"timeout": 10},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_I18N = False
USE_TZ = True
# A value would be written to the TZ of the whole process. This app shows no times.
TIME_ZONE = None

# Errors go to the server's own log handlers. Django alone would mail them to nobody
# while DEBUG is off.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"django": {"handlers": [], "level": "ERROR"}},
}
