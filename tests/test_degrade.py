"""``on_load_error: degrade``: a mount that does not load leaves the others serving."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from composing import PLAIN, configured, get, text, write

from gateway.config.load import load_config
from gateway.errors import LoadErrors
from gateway.failing import Failures
from gateway.lifecycle import Gateway

BROKEN = "import helper\nraise RuntimeError('the database is away')\n"
MOUNTS = """
a: {app: app:application, path: a, on_load_error: degrade}
b: {app: app:application, path: b}
"""
FILES = {"a/app.py": BROKEN, "a/helper.py": "", "b/app.py": PLAIN}


@contextmanager
def serving(folder: Path, mounts: str = MOUNTS, **failures: Any) -> Iterator[Gateway]:
    spec = load_config(configured(folder, mounts, FILES))
    with Gateway(spec, failures=Failures(**failures)) as made:
        yield made


def eventually(condition: Any, seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_it_answers_503_and_tells_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, degrade=True) as gateway:
        for path in ("/a/", "/a", "/a/x/y"):
            answer = get(gateway, path)
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) in (1, 2)
            assert "database" not in answer.text
            assert "app" not in answer.text
        assert get(gateway, "/a/", method="HEAD").data == b""
        assert text(gateway, "/b/") == "plain"
        failure = gateway.members["a"].failure
        assert failure is not None
        assert "the database is away" in failure.error.message


def test_it_is_retried_until_it_loads(tmp_path: Path) -> None:
    with serving(tmp_path, degrade=True) as gateway:
        eventually(lambda: gateway.members["a"].failure.attempts >= 2)  # type: ignore[union-attr]
        write(tmp_path, {"a/app.py": PLAIN})
        eventually(lambda: gateway.members["a"].failure is None)
        assert text(gateway, "/a/") == "plain"
        other = gateway.mounts["b"]
        eventually(
            lambda: "gateway-retry" not in {t.name for t in threading.enumerate()}
        )
        assert gateway.reload().kept == ("a", "b")
        assert gateway.mounts["b"] is other


def test_the_time_between_retries_doubles(tmp_path: Path) -> None:
    with serving(tmp_path, degrade=True) as gateway:
        failure = gateway.members["a"].failure
        assert failure is not None
        waits = []
        for _ in range(9):
            failure.again(failure.error)
            waits.append(round(failure.due))
    assert waits[:5] == [2, 4, 8, 16, 32]
    assert waits[5:] == [60] * 4


def test_without_it_the_gateway_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(LoadErrors, match="the database is away"), serving(tmp_path):
        pass
    mounts = MOUNTS.replace("degrade", "fail")
    with (
        pytest.raises(LoadErrors, match="the database is away"),
        serving(tmp_path, mounts, degrade=True),
    ):
        pass


def test_from_file_honours_it(tmp_path: Path) -> None:
    with Gateway.from_file(configured(tmp_path, MOUNTS, FILES)) as gateway:
        assert get(gateway, "/a/").status_code == 503


def test_a_mount_that_serves_is_kept_when_its_reload_fails(tmp_path: Path) -> None:
    with serving(tmp_path, degrade=True) as gateway:
        write(tmp_path, {"a/app.py": PLAIN})
        assert gateway.reload().replaced == ("a",)
        old = gateway.mounts["a"]
        write(tmp_path, {"a/app.py": BROKEN})
        with pytest.raises(LoadErrors):
            gateway.reload()
        assert gateway.mounts["a"] is old
        assert text(gateway, "/a/") == "plain"


def test_one_that_still_fails_does_not_keep_others_from_reloading(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, degrade=True) as gateway:
        write(tmp_path, {"b/app.py": PLAIN.replace("plain", "other")})
        report = gateway.reload()
        assert (report.replaced, report.failed) == (("b",), ("a",))
        assert text(gateway, "/b/") == "other"
        assert get(gateway, "/a/").status_code == 503


def test_a_new_mount_has_to_load(tmp_path: Path) -> None:
    mounts = "b: {app: app:application, path: b}"
    with serving(tmp_path, mounts, degrade=True) as gateway:
        configured(tmp_path, MOUNTS, FILES)
        with pytest.raises(LoadErrors):
            gateway.reload()
        assert get(gateway, "/a/").status_code == 404


def test_in_development_any_mount_may_fail_at_any_time(tmp_path: Path) -> None:
    mounts = MOUNTS.replace("degrade", "fail")
    page = "<p>{}</p>".format
    with serving(tmp_path, mounts, development=True, page=page) as gateway:
        answer = get(gateway, "/a/")
        assert "the database is away" in answer.text
        assert "Retry-After" not in answer.headers
        write(tmp_path, {"a/app.py": PLAIN})
        assert gateway.reload().replaced == ("a",)
        first = gateway.members["a"].generation
        write(tmp_path, {"a/app.py": "def x(:"})
        assert gateway.reload().failed == ("a",)
        assert "SyntaxError" in get(gateway, "/a/").text
        assert text(gateway, "/b/") == "plain"
        write(tmp_path, {"a/app.py": PLAIN})
        assert gateway.reload().replaced == ("a",)
        assert text(gateway, "/a/") == "plain"
        # Never a namespace that old code may still be in.
        assert gateway.members["a"].generation == (first or 0) + 1


def test_what_failed_leaves_no_modules(tmp_path: Path) -> None:
    with serving(tmp_path, degrade=True) as gateway:
        eventually(lambda: gateway.members["a"].failure.attempts >= 2)  # type: ignore[union-attr]
        # Not at once: the next attempt may be under way.
        eventually(
            lambda: (
                gc.collect() >= 0
                and not any(name.startswith("mounts.a") for name in sys.modules)
            )
        )


def test_a_closed_gateway_takes_nothing_over(tmp_path: Path) -> None:
    from gateway.errors import GatewayError

    with serving(tmp_path, degrade=True) as gateway:
        pass
    write(tmp_path, {"b/app.py": PLAIN.replace("plain", "other")})
    with pytest.raises(GatewayError, match="is being closed"):
        gateway.reload()
    eventually(lambda: not gateway.draining)
