"""Subrequests between mounts of every framework, in every order."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from composing import composed, get, run_alone, write
from subrequest_site import FILES, FRAMEWORKS, MOUNTS, STEPS

# WebOb, below Pyramid, still imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'cgi':DeprecationWarning")


def test_there_and_back_and_there(tmp_path: Path) -> None:
    with composed(tmp_path, MOUNTS, FILES) as gateway:
        said, expected = {}, {}
        for one, other in product(FRAMEWORKS, repeat=2):
            expected[one, other] = [one, other, one, other]
            response = get(gateway, f"/{one}/?via=/{other}/&via=/{one}/&via=/{other}/")
            said[one, other] = response.json
        assert said == expected
        via = "&".join(f"via=/{name}/" for name in FRAMEWORKS)
        assert get(gateway, f"/plain/?{via}").json == ["plain", *FRAMEWORKS]
        assert not any(mount.in_flight for mount in gateway.mounts.values())


def test_django(tmp_path: Path) -> None:
    settings = """
        SECRET_KEY = "x"
        ROOT_URLCONF = "shop.urls"
        ALLOWED_HOSTS = ["*"]
        MIDDLEWARE = []
        """
    urls = f"""{STEPS}
from django.http import JsonResponse
from django.urls import path, reverse
from django.utils import translation

def index(request):
    assert translation.get_language() == "en-us"
    translation.activate("fr")
    said = walk(request.GET.getlist("via"))
    assert reverse("index") == "/shop/"
    assert translation.get_language() == "fr"
    return JsonResponse(said, safe=False)

urlpatterns = [path("", index, name="index")]
"""
    wsgi = """
        import os
        from django.core.wsgi import get_wsgi_application
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
        application = get_wsgi_application()
        """
    mounts = """
mounts:
  shop: {app: "shop.wsgi:application", imports: shared, path: .}
  flask: {app: app:app, path: flask}
"""
    files = {"shop/__init__.py": "", "shop/settings.py": settings, "shop/wsgi.py": wsgi}
    write(tmp_path, files)
    (tmp_path / "shop/urls.py").write_text(urls)
    write(tmp_path, {"gateway.yaml": mounts, "flask/app.py": FRAMEWORKS["flask"]})
    code = """
        from composing import get
        from gateway import Gateway
        with Gateway.from_file("gateway.yaml") as gateway:
            print(get(gateway, "/shop/?via=/flask/&via=/shop/&via=/shop/").json)
            print(get(gateway, "/flask/?via=/shop/&via=/flask/").json)
        """
    assert run_alone(code, tmp_path).splitlines() == [
        "['shop', 'flask', 'shop', 'shop']",
        "['flask', 'shop', 'flask']",
    ]
