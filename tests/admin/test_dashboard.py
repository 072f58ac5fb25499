"""The page at ``/_gateway/``: what it shows, and that all of it is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from composing import PLAIN, configured, get, write

from gateway.admin.application import administer
from gateway.admin.dashboard import page
from gateway.admin.snapshot import (
    LastReload,
    MountStatus,
    ReloadStatus,
    Status,
)
from gateway.config.load import load_config
from gateway.failing import Failures
from gateway.isolation.begun import LeftThread
from gateway.lifecycle import Gateway

MOUNTS = """
good: {app: app:application, path: good, host: shop.example.org}
bad: {app: app:application, path: bad, on_load_error: degrade}
"""
FILES = {"good/app.py": PLAIN, "bad/app.py": "raise ValueError('<b>bold</b>')"}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    config = configured(tmp_path, MOUNTS, FILES)
    config.write_text("admin: {token: s3cret-of-this}\n" + config.read_text())
    with Gateway(
        load_config(config), front=administer, failures=Failures(degrade=True)
    ) as gateway:
        yield gateway


def shown(gateway: Gateway) -> Any:
    answer = get(gateway, "/_gateway/", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert answer.status_code == 200
    return answer


def test_it_shows_the_mounts(gateway: Gateway) -> None:
    answer = shown(gateway)
    text = " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())
    assert "good serving shop.example.org / wsgi good app:application 1 " in text
    assert "bad failed any /bad wsgi app:application 0 ms 0 0 0 0 importing" in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in answer.text
    assert "<b>" not in answer.text
    assert "s3cret-of-this" not in answer.text
    assert "None since the start." in text


def test_it_loads_nothing_and_is_framed_by_nobody(gateway: Gateway) -> None:
    answer = shown(gateway)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script|<img|<link|src=|href=| on\w+=", answer.text)


def test_it_shows_the_last_reload(gateway: Gateway, tmp_path: Path) -> None:
    write(tmp_path, {"good/more.py": "", "bad/app.py": PLAIN})
    gateway.reload()
    assert "replaced: good" in shown(gateway).text
    write(tmp_path, {"good/app.py": "raise ValueError('<i>')"})
    with pytest.raises(Exception, match="good"):
        gateway.reload()
    text = shown(gateway).text
    assert "failed</p>" in text
    assert "&lt;i&gt;" in text
    assert "<i>" not in text


def test_every_value_is_escaped() -> None:
    evil = "<x>\"'&"
    mount = MountStatus(
        name=evil,
        prefix=evil,
        host=evil,
        kind=evil,
        source=evil,
        state="draining",
        load_seconds=0.0015,
        in_flight=3,
        queued=0,
        rejected=0,
        generation=None,
        problem=evil,
        slow=7,
    )
    status = Status(
        version=evil,
        pid=1,
        uptime=61.4,
        config=evil,
        reload=ReloadStatus(True, LastReload(evil, None, (evil,))),
        mounts=(mount,),
        left_threads=(LeftThread(evil, evil, evil, True),),
    )
    text = page(status)
    assert "<x>" not in text
    assert text.count("&lt;x&gt;&#34;&#39;&amp;") == 14
    assert "A reload is running." in text
    assert "up for\n61s" in text
