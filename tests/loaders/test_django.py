"""Django mounts, each test in a process of its own: Django's settings are global."""

from __future__ import annotations

from pathlib import Path

from composing import run_alone, write

PROJECT = {
    "settings.py": """
        SECRET_KEY = "x"
        ROOT_URLCONF = "{name}.urls"
        ALLOWED_HOSTS = ["*"]
        INSTALLED_APPS = ["{name}.shop"]
        DATABASES = {{
            "default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
        }}
        """,
    "urls.py": """
        from django.http import HttpResponse, StreamingHttpResponse
        from django.urls import path, reverse

        def show(request):
            import gateway
            from {name}.shop.models import Seed
            assert "mark" not in gateway.g
            gateway.g.mark = True
            found = [
                gateway.current_app.name, gateway.current_app.config["TITLE"],
                reverse("show"), gateway.request.path, Seed._meta.label,
            ]
            return HttpResponse(" ".join(found))

        def stream(request):
            def lines():
                for number in range(3):
                    yield f"{{number}} {{reverse('show')}} "
            return StreamingHttpResponse(lines())

        urlpatterns = [
            path("show", show, name="show"),
            path("stream", stream),
        ]
        """,
    "shop/__init__.py": "",
    "shop/models.py": """
        from django.db import models

        class Seed(models.Model):
            id = models.AutoField(primary_key=True)
        """,
    "__init__.py": "",
    "wsgi.py": """
        import os
        from django.core.wsgi import get_wsgi_application
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{name}.settings")
        application = get_wsgi_application()
        """,
    "asgi.py": """
        import os
        from django.core.asgi import get_asgi_application
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{name}.settings")
        application = get_asgi_application()
        """,
    "middleware.py": """
        from whitenoise import WhiteNoise
        from {name}.wsgi import application as django

        application = WhiteNoise(django)
        """,
}


def project(folder: Path, name: str) -> None:
    files = {f"{name}/{file}": code for file, code in PROJECT.items()}
    write(folder / name, {file: code.format(name=name) for file, code in files.items()})


def test_a_django_project_is_served_below_its_prefix(tmp_path: Path) -> None:
    project(tmp_path, "seeds")
    code = """
        from pathlib import Path
        from composing import composed, get, text
        mount = '''
            catalog:
              app: seeds.wsgi:application
              path: seeds
              imports: shared
              config: {TITLE: Seeds}
            '''
        with composed(Path.cwd(), mount) as gateway:
            print(gateway.mounts["catalog"].kind)
            for _ in range(2):
                print(text(gateway, "/catalog/show"))
            print(text(gateway, "/catalog/stream"))
            print(get(gateway, "/catalog/none").status_code)
        import sys
        print("seeds" in sys.path, "seeds.urls" in sys.modules)
        """
    assert run_alone(code, tmp_path).splitlines() == [
        "django",
        "catalog Seeds /catalog/show /show shop.Seed",
        "catalog Seeds /catalog/show /show shop.Seed",
        "0 /catalog/show 1 /catalog/show 2 /catalog/show ",
        "404",
        "False True",
    ]


def test_a_second_django_project_is_refused_however_it_is_served(
    tmp_path: Path,
) -> None:
    project(tmp_path, "seeds")
    project(tmp_path, "bulbs")
    code = """
        from pathlib import Path
        from composing import failures
        mounts = '''
            seeds: {app: seeds.middleware:application, path: seeds, imports: shared}
            wsgi: {app: bulbs.wsgi:application, path: bulbs, imports: shared}
            wrapped: {app: bulbs.middleware:application, path: bulbs, imports: shared}
            asgi: {asgi: bulbs.asgi:application, path: bulbs, imports: shared}
            '''
        for error in failures(Path.cwd(), mounts):
            print(error)
        """
    lines = run_alone(code, tmp_path).splitlines()
    message = (
        "mount 'seeds' is a Django project already, and Django keeps its settings for "
        "the whole process: serve this one from a process of its own, "
        "and mount that with 'proxy:'"
    )
    assert lines == [
        f"mount {name!r}: {message}" for name in ("wsgi", "wrapped", "asgi")
    ]


def test_a_django_project_that_needs_shared_imports_is_told_so(tmp_path: Path) -> None:
    project(tmp_path, "seeds")
    code = """
        from pathlib import Path
        from composing import failure
        mount = "catalog: {app: seeds.wsgi:application, path: seeds}"
        print(failure(Path.cwd(), mount))
        """
    shown = run_alone(code, tmp_path)
    assert "importing 'seeds.wsgi' failed: " in shown
    assert "a Django project needs 'imports: shared'" in shown


def test_a_django_view_that_fails_is_the_mounts_own_500(tmp_path: Path) -> None:
    project(tmp_path, "seeds")
    (tmp_path / "seeds" / "seeds" / "urls.py").write_text(
        "from django.urls import path\n"
        "def fail(request):\n    raise ValueError('secret')\n"
        "urlpatterns = [path('fail', fail)]\n"
    )
    code = """
        from pathlib import Path
        from composing import PLAIN, composed, get, text
        mounts = '''
            catalog: {app: seeds.wsgi:application, path: seeds, imports: shared}
            other: {app: app:application}
            '''
        with composed(Path.cwd(), mounts, {"app.py": PLAIN}) as gateway:
            response = get(gateway, "/catalog/fail")
            print(response.status_code, "secret" in response.text)
            print(text(gateway, "/other/"))
        """
    assert run_alone(code, tmp_path) == "500 False\nplain\n"
