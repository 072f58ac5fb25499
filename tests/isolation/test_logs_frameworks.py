"""How frameworks set logging up, side by side, and from many threads at once."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from logs_site import LoadMount, process_root

pytestmark = pytest.mark.usefixtures("logs_installed")

FLASK = """
from flask import Flask

app = application = Flask(__name__)

@app.route("/say")
def view():
    app.logger.warning("from flask")
    return "said"
"""

NATIVE = FLASK.replace("from flask import Flask", "from gateway import App as Flask")


@pytest.mark.parametrize("framework", [FLASK, NATIVE], ids=["Flask", "native"])
def test_an_applications_logger_is_not_left_to_another_mounts_handlers(
    load: LoadMount, framework: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with process_root() as process:
        logging.root.handlers.clear()
        configured = load(
            "configured",
            "logging.basicConfig(handlers=[mine], level=logging.DEBUG)" + framework,
        )
        plain = load("plain", framework)
        for each in (configured, plain):
            assert each.call("say", "r1") == "said"
        assert configured.lines[-1] == "from flask"
        assert plain.lines == process.lines == []
        written = capsys.readouterr().err
        assert written.count("WARNING in app: from flask") == 1


def test_flasks_handler_marks_what_it_writes(
    load: LoadMount, capsys: pytest.CaptureFixture[str]
) -> None:
    marked = """
from flask.logging import default_handler
import gateway

before = default_handler.formatter
default_handler.setFormatter(logging.Formatter("%(mount)s %(request_id)s"))
"""
    with process_root():
        logging.root.handlers.clear()
        notes = load("notes", marked + FLASK)
        try:
            notes.call("say", "r1")
        finally:
            notes.module.default_handler.setFormatter(notes.module.before)
    assert capsys.readouterr().err == "notes r1\n"


DJANGO = """
import logging
from django.conf import settings
from gateway.isolation.environ import Overlay
from gateway.isolation.logs import logging_kept_apart

class Records(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []
    def emit(self, record):
        self.lines.append(record.getMessage())

existing = logging.getLogger("existing")
process = Records()
logging.root.addHandler(process)
with logging_kept_apart(Overlay(name="catalog")):
    import django
    settings.configure(LOGGING={
        "version": 1,
        "handlers": {"mine": {"()": Records}},
        "root": {"handlers": ["mine"]},
    })
    django.setup()
    (mine,) = logging.root.handlers
    assert logging.getLogger("django").handlers
    logging.getLogger("new").warning("loading")
    existing.warning("disabled")
    logging.getLogger("django.server").warning("disabled")
assert mine.lines == ["loading"], mine.lines
existing.warning("process")
logging.getLogger("django.request").warning("process")
assert process.lines == ["process", "process"], process.lines
assert logging.getLogger("django").handlers == []
print("apart")
"""


def test_django_sets_its_loggers_up_for_its_own_mount() -> None:
    pytest.importorskip("django", reason="component not installed: django")
    # Django has its settings for as long as the process lives.
    done = subprocess.run(
        [sys.executable, "-c", DJANGO],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert (done.stdout, done.stderr) == ("apart\n", "")


def test_mounts_keep_apart_while_they_log_and_are_configured_at_once(
    load: LoadMount,
) -> None:
    rounds, names = 60, ["notes", "shop", "links"]
    code = """
        logging.root.addHandler(mine)
        logging.root.setLevel(logging.INFO)
        logger = logging.getLogger("shared.library")

        def info():
            logger.info("%s", __name__)

        def configure():
            logging.config.dictConfig({
                "version": 1, "root": {"level": "ERROR", "handlers": []},
            })
        """
    with process_root() as process:
        mounts = [load(name, code) for name in names]
        restless = load("restless", code)
        with ThreadPoolExecutor(4) as pool:
            work = [pool.submit(restless.call, "configure") for _ in range(rounds)]
            for _ in range(rounds):
                work += [pool.submit(each.call, "info", "r") for each in mounts]
                logging.getLogger("shared.library").info("not shown")
            for done in work:
                done.result()
        for each in mounts:
            name = f"mounts.{each.mount.name}.app"
            assert Counter(each.lines) == {name: rounds}
        assert len(process.lines) == rounds * len(mounts)
        assert set(process.marks) == {(name, "r") for name in names}
        assert restless.lines == []
