"""The addresses of the catalogue."""

from __future__ import annotations

from django.conf import settings
from django.urls import path
from django.views.static import serve

from products import views

urlpatterns = [
    path("", views.index, name="index"),
    path("seeds/<slug:slug>/", views.detail, name="detail"),
    path("healthz", views.healthz, name="healthz"),
    # One small file: no need for collectstatic and a server of its own.
    path(
        "static/<path:path>",
        serve,
        {"document_root": settings.BASE_DIR / "static"},
        name="static",
    ),
]
