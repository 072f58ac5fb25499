"""The native framework against others: the same small application, in process.

Each round times every contender once, in turn, so that the machine's moods fall on
all of them; printed are medians over the rounds, and the ratio to Flask with its
spread (10th to 90th percentile of the rounds' ratios).

    python benchmarks/framework.py [ROUNDS]
"""

from __future__ import annotations

import io
import statistics
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

ROUTES = 100
CALLS = 500
BODY = "Hello, World!"

Application = Callable[..., Any]


def native(session: bool = False) -> Any:
    from gateway import App
    from gateway import session as current

    app = App("bench", static_folder=None)
    return _flask_like(app, current, session)


def flask(session: bool = False) -> Any:
    from flask import Flask
    from flask import session as current

    app = Flask("bench", static_folder=None)
    return _flask_like(app, current, session)


def _flask_like(app: Any, current: Any, session: bool) -> Any:
    if session:
        app.secret_key = "benchmark"
    for number in range(ROUTES - 1):
        app.add_url_rule(f"/r{number}/<int:n>", f"r{number}", lambda n: BODY)

    def hello() -> str:
        if session:
            current["user"] = "ann"
        return BODY

    app.add_url_rule("/hello", "hello", hello)
    return app


def bottle() -> Any:
    from bottle import Bottle

    app: Any = Bottle()
    for number in range(ROUTES - 1):
        app.route(f"/r{number}/<n:int>", callback=lambda n: BODY)
    app.route("/hello", callback=lambda: BODY)
    return app


def falcon() -> Any:
    from falcon import App

    class Hello:
        def on_get(self, req: Any, resp: Any, **_: Any) -> None:
            resp.text = BODY

    app: Any = App()
    for number in range(ROUTES - 1):
        app.add_route(f"/r{number}/{{n:int}}", Hello())
    app.add_route("/hello", Hello())
    return app


def pyramid() -> Application:
    from pyramid.config import Configurator
    from pyramid.response import Response

    with Configurator() as config:
        for number in range(ROUTES - 1):
            config.add_route(f"r{number}", f"/r{number}/{{n}}")
            config.add_view(lambda request: Response(BODY), route_name=f"r{number}")
        config.add_route("hello", "/hello")
        config.add_view(lambda request: Response(BODY), route_name="hello")
        app: Application = config.make_wsgi_app()
    return app


ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/hello",
    "QUERY_STRING": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "localhost",
    "HTTP_USER_AGENT": "benchmark",
    "HTTP_ACCEPT": "*/*",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.input": io.BytesIO(),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}


def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
    return None


def request(app: Application) -> bytes:
    body = app(dict(ENVIRON), start_response)
    content = b"".join(body)
    close = getattr(body, "close", None)
    if close is not None:
        close()
    return content


def seconds(app: Application) -> float:
    start = perf_counter()
    for _ in range(CALLS):
        request(app)
    return (perf_counter() - start) / CALLS


def compare(title: str, contenders: dict[str, Application], rounds: int) -> float:
    """Print the table; return the median ratio of the native framework to Flask."""
    for name, app in contenders.items():
        if request(app) != BODY.encode():
            raise SystemExit(f"{name} answers something else")
        seconds(app)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, app in contenders.items():
            times[name].append(seconds(app))
    print(f"\n{title}\n{'':10}{'median':>12}{'to Flask':>10}{'spread':>18}")
    for name in sorted(times, key=lambda name: statistics.median(times[name])):
        ratios = sorted(
            one / base for one, base in zip(times[name], times["flask"], strict=True)
        )
        low, high = ratios[rounds // 10], ratios[-1 - rounds // 10]
        median = statistics.median(times[name]) * 1e6
        ratio = statistics.median(ratios)
        print(
            f"{name:10}{median:>9.2f} us{ratio:>10.3f}{f'{low:.3f} - {high:.3f}':>18}"
        )
        if name == "gateway":
            result = ratio
    return result


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    plain = {
        "gateway": native(),
        "flask": flask(),
        "bottle": bottle(),
        "falcon": falcon(),
        "pyramid": pyramid(),
    }
    hello = compare("hello world, one route of 100", plain, rounds)
    signed = {"gateway": native(session=True), "flask": flask(session=True)}
    session = compare("hello world with a session write", signed, rounds)
    print(f"\nbars: hello {hello:.3f} <= 0.35, session {session:.3f} <= 0.60")
    raise SystemExit(hello > 0.35 or session > 0.60)


if __name__ == "__main__":
    main()
