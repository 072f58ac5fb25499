"""A Django project below and above a Flask application, in a process of its own.

Django keeps its settings for the whole process. Prints ``independent`` or ``clash``.
"""

from __future__ import annotations

import sys
from typing import Any

import django
from cookies_site import Placed, browsing, check_independent, composed, flask_app
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path


def who(request: Any) -> HttpResponse:
    return HttpResponse(request.session.get("user", "-"))


def login(request: HttpRequest, user: str) -> HttpResponse:
    request.session["user"] = user
    return HttpResponse("in")


def logout(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return HttpResponse("out")


urlpatterns = [
    path("", who),
    path("login/<str:user>", login),
    path("logout", logout),
]


def main(cookies: str) -> None:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["django.contrib.sessions"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="the key of the project",
        SESSION_COOKIE_NAME="session",
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    )
    django.setup()
    project, portal = WSGIHandler(), flask_app("portal")
    below = composed(
        Placed("portal", "", portal, cookies=cookies),
        Placed("catalog", "/catalog", project, cookies=cookies),
    )
    above = composed(
        Placed("catalog", "", project, cookies=cookies),
        Placed("portal", "/portal", portal, cookies=cookies),
    )
    for site, base in ((below, "/catalog"), (above, "/portal")):
        with browsing(site) as browser:
            try:
                check_independent(browser, "", base)
            except AssertionError:
                print("clash")
            else:
                print("independent")


if __name__ == "__main__":
    main(sys.argv[1])
