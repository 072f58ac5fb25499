"""The proof of the demo: five frameworks; and of its Django, broken on purpose."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from composing import ROOT, run_alone

DEMO = """
    import json
    import logging
    from dataclasses import asdict
    from pathlib import Path

    from gateway import generation
    from gateway.config.load import load_config
    from gateway.mount import Mount
    from gateway.proof.prove import prove

    for name in ("gateway", "waitress"):
        logging.getLogger(name).propagate = False
        logging.getLogger(name).addHandler(logging.NullHandler())

    class Broken(Mount):
        def _compose(self, wsgi, native):
            serve = super()._compose(wsgi, native)
            return self.broken(serve) if self.name == "catalog" else serve

        def broken(self, serve):
            from django.conf import UserSettingsHolder, settings

            def call(environ, start_response):
                own = settings._wrapped
                settings._wrapped = UserSettingsHolder(own)
                try:
                    return serve(environ, start_response)
                finally:
                    settings._wrapped = own

            return call

    spec = load_config(Path("gateway.yaml"))
    reports = [prove(spec, requests=4)]
    generation.Mount = Broken
    reports.append(prove(spec, ["catalog", "legacy"], requests=2))
    print(json.dumps([asdict(report) for report in reports]))
"""


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    # A copy, so that its databases are the test's own.
    left_out = shutil.ignore_patterns("var", "instance", "__pycache__", "*.sqlite3")
    shutil.copytree(ROOT / "apps", tmp_path / "apps", ignore=left_out)
    shutil.copy(ROOT / "gateway.yaml", tmp_path)
    return tmp_path


def test_the_demo_is_proven_and_its_broken_django_is_not(demo: Path) -> None:
    intact, broken = json.loads(run_alone(DEMO, demo).splitlines()[-1])
    assert intact["violations"] == []
    assert intact["notes"] == []
    unproven = {
        (mount["mount"], verdict["claim"])
        for mount in intact["mounts"]
        for verdict in mount["verdicts"]
        if verdict["status"] != "proven"
    }
    assert unproven == {
        ("links", "framework"),
        ("legacy", "framework"),
        # Its imports are shared: they are the process's, and so is what replaces it.
        ("catalog", "modules"),
        ("catalog", "reload"),
    }
    assert {mount["kind"] for mount in intact["mounts"]} == {
        *("native", "flask", "django", "wsgi", "asgi")
    }
    assert {
        (each["mount"], each["claim"], each["check"]) for each in broken["violations"]
    } == {("catalog", "framework", "app")}
    assert broken["violations"][0]["evidence"] == (
        "before the view django.conf.settings was another object than the mount's own"
    )
