"""What is counted of requests: by mount, by class of status, and no more labels."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from composing import configured, get, run_alone
from prometheus_client import REGISTRY
from werkzeug.test import Client, create_environ

from gateway.admin.application import administer
from gateway.config.load import load_config
from gateway.errors import MissingExtraError
from gateway.lifecycle import Gateway
from gateway.testing.served import as_served

APP = """
def application(environ, start_response):
    kind = environ["PATH_INFO"]
    if kind == "/boom":
        raise ValueError("boom")
    if kind == "/never":
        return [b""]
    start_response(kind[1:4] + " Status", [])
    return iter([b"x"])
"""
MOUNTS = """
one: {app: app:application, path: app}
two: {app: app:application, path: app}
"""
LOCAL = {"REMOTE_ADDR": "127.0.0.1"}


def made(folder: Path, metrics: bool | None = None) -> Gateway:
    config = configured(folder, MOUNTS, {"app/app.py": APP})
    config.write_text("admin:\n" + config.read_text())
    spec = load_config(config)
    server = replace(spec.server, metrics=metrics)
    return Gateway(replace(spec, server=server), front=administer)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with made(tmp_path) as gateway:
        yield gateway


def ask(gateway: Any, path: str, **options: Any) -> Any:
    return get(as_served(gateway), path, environ_base=LOCAL, **options)


def scraped(gateway: Any) -> dict[str, float]:
    """Return the samples, by their name and labels."""
    lines = ask(gateway, "/_gateway/metrics").text.splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def test_requests_by_mount_and_class(gateway: Gateway) -> None:
    for path in ("/one/200", "/one/204", "/one/404", "/one/boom", "/two/302", "/no"):
        ask(gateway, path)
    found = scraped(gateway)
    name = "gateway_requests_total"
    assert {key: value for key, value in found.items() if key.startswith(name)} == {
        f'{name}{{mount="one",status="2xx"}}': 2,
        f'{name}{{mount="one",status="4xx"}}': 1,
        f'{name}{{mount="one",status="5xx"}}': 1,
        f'{name}{{mount="two",status="3xx"}}': 1,
        f'{name}{{mount="-",status="4xx"}}': 1,
    }
    assert found['gateway_request_errors_total{mount="one"}'] == 1
    assert found['gateway_request_duration_seconds_count{mount="one"}'] == 4
    assert 0 < found['gateway_request_duration_seconds_sum{mount="one"}'] < 10


def test_clients_make_no_labels(gateway: Gateway) -> None:
    ask(gateway, "/one/200")
    before = scraped(gateway).keys() | scraped(gateway).keys()
    for number in range(50):
        ask(
            gateway,
            f"/one/2{number:02}",
            method=f"M{number}",
            headers={"Host": f"h{number}.example", "X-Request-ID": str(number)},
        )
    assert scraped(gateway).keys() == before


def test_a_status_that_is_none(gateway: Gateway) -> None:
    ask(gateway, "/one/xyz")
    list(gateway(create_environ("/one/never"), lambda *args: lambda data: None))
    found = scraped(gateway)
    assert found['gateway_requests_total{mount="one",status="none"}'] == 2


def test_what_is_read_off_the_gateway(gateway: Gateway) -> None:
    response = Client(gateway).get("/one/200")
    found = scraped(gateway)
    assert found['gateway_requests_in_flight{mount="one"}'] == 1
    assert found['gateway_requests_in_flight{mount="two"}'] == 0
    response.close()
    gateway.reload()
    gateway.spec.source.write_text("x")
    with pytest.raises(Exception, match=r"gateway\.yaml"):
        gateway.reload()
    found = scraped(gateway)
    assert found['gateway_requests_in_flight{mount="one"}'] == 0
    assert found['gateway_reloads_total{result="succeeded"}'] == 1
    assert found['gateway_reloads_total{result="failed"}'] == 1
    assert found['gateway_mount_up{mount="one"}'] == 1
    assert found['gateway_mount_load_seconds{mount="one"}'] > 0
    assert found["gateway_start_time_seconds"] == pytest.approx(gateway.started)


def test_openmetrics_for_those_who_ask_for_it(gateway: Gateway) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = ask(gateway, "/_gateway/metrics", headers=accept)
    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    plain = ask(gateway, "/_gateway/metrics")
    assert plain.content_type.startswith("text/plain")


def test_the_applications_own_registry_stays_theirs(gateway: Gateway) -> None:
    ask(gateway, "/one/200")
    assert not any(each.name.startswith("gateway") for each in REGISTRY.collect())
    assert "python_gc" not in ask(gateway, "/_gateway/metrics").text


def test_others_find_nothing_there(gateway: Gateway) -> None:
    far = {"REMOTE_ADDR": "192.0.2.1"}
    assert get(gateway, "/_gateway/metrics", environ_base=far).status_code == 404


def test_off_counts_nothing(tmp_path: Path) -> None:
    with made(tmp_path, metrics=False) as gateway:
        assert gateway.metrics is None
        answer = ask(gateway, "/_gateway/metrics")
    assert answer.status_code == 404
    assert "'metrics:' of 'server:'" in answer.text


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with made(tmp_path) as gateway:
        assert "wsgi-gateway[metrics]" in ask(gateway, "/_gateway/metrics").text
    with pytest.raises(MissingExtraError, match=r"wsgi-gateway\[metrics\]"):
        made(tmp_path / "wanted", metrics=True)


WORKERS = """
import os
from dataclasses import replace
from pathlib import Path
import prometheus_client
from test_metrics import ask, made, scraped
from werkzeug.test import Client, create_environ

with made(Path("site")) as gateway:
    prometheus_client.Counter("of_the_application", "x").inc()

    def work():
        ask(gateway, "/one/200")
        ask(gateway, "/one/boom")

    for _ in range(2):
        child = os.fork()
        if not child:
            work()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    work()
    open_one = Client(gateway).get("/two/200")
    found = scraped(gateway)
    open_one.close()
    after = scraped(gateway)
    for name, value in sorted(found.items()):
        if not any(part in name for part in ("bucket", "_sum", "_admin")):
            print(name, int(value))
    print("after", after['gateway_requests_in_flight{mount="two"}'])
"""


def test_worker_processes_add_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "multiprocess"
    folder.mkdir()
    code = (
        f"import os, sys\nos.environ['PROMETHEUS_MULTIPROC_DIR'] = {str(folder)!r}\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n" + WORKERS
    )
    lines = run_alone(code, tmp_path).splitlines()
    assert lines == [
        'gateway_request_duration_seconds_count{mount="one"} 6',
        'gateway_request_errors_total{mount="one"} 3',
        'gateway_requests_in_flight{mount="one"} 0',
        'gateway_requests_in_flight{mount="two"} 1',
        'gateway_requests_total{mount="one",status="2xx"} 3',
        'gateway_requests_total{mount="one",status="5xx"} 3',
        "after 0.0",
    ]
