"""Views that are classes."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import App, request
from gateway.framework.testing import Client
from gateway.views import MethodView, View


def test_a_view_is_made_for_each_request(app: App, client: Client) -> None:
    class Counter(View):
        """Counts."""

        made = 0

        def __init__(self, start: int, step: int = 1) -> None:
            type(self).made += 1
            self.start = start + step

        def dispatch_request(self, **kwargs: Any) -> Any:
            return f"{self.start} {kwargs}"

    view = Counter.as_view("counter", 1, step=2)
    assert (view.__name__, view.__doc__, view.view_class) == (
        *("counter", "Counts."),
        Counter,
    )
    app.add_url_rule("/<x>", view_func=view)
    assert client.get("/a").text == "3 {'x': 'a'}"
    client.get("/b")
    assert Counter.made == 2


def test_one_instance_for_all_requests(app: App, client: Client) -> None:
    class Once(View):
        init_every_request = False

        def __init__(self) -> None:
            self.calls = 0

        def dispatch_request(self, **kwargs: Any) -> Any:
            self.calls += 1
            return str(self.calls)

    app.add_url_rule("/", view_func=Once.as_view("once"))
    assert [client.get("/").text for _ in range(2)] == ["1", "2"]


class Base(MethodView):
    def get(self) -> str:
        return "get"

    def post(self) -> str:
        return "post"


def _allowed(client: Client, path: str = "/") -> set[str]:
    answer: Any = client.open(path, method="OPTIONS")
    return {method.upper() for method in answer.allow}


def test_methods_are_those_it_has(app: App, client: Client) -> None:
    class Derived(Base):
        def put(self) -> str:
            return "put"

    class Without(Derived):
        methods = ["GET", "PUT"]  # noqa: RUF012 - as users write it

    app.add_url_rule("/", view_func=Derived.as_view("derived"))
    app.add_url_rule("/less", view_func=Without.as_view("less"))
    assert client.get("/").text == "get"
    assert client.put("/").text == "put"
    assert client.head("/").status_code == 200
    assert client.delete("/").status_code == 405
    assert _allowed(client) == {"GET", "HEAD", "OPTIONS", "POST", "PUT"}
    assert client.post("/less").status_code == 405
    assert _allowed(client, "/less") == {"GET", "HEAD", "OPTIONS", "PUT"}


def test_methods_come_from_every_base(app: App, client: Client) -> None:
    class Deletes(MethodView):
        def delete(self) -> str:
            return "deleted"

    class Both(Base, Deletes):
        pass

    app.add_url_rule("/", view_func=Both.as_view("both"))
    assert client.get("/").text == "get"
    assert client.delete("/").text == "deleted"


def test_head_can_have_its_own_method(app: App, client: Client) -> None:
    class Heads(MethodView):
        def head(self) -> Any:
            return "", {"X-Method": "HEAD"}

        def get(self) -> Any:
            return "body", {"X-Method": request.method}

    app.add_url_rule("/", view_func=Heads.as_view("heads"))
    assert client.head("/").headers["X-Method"] == "HEAD"
    assert client.get("/").headers["X-Method"] == "GET"
    app.view_functions["heads"].view_class = Base  # type: ignore[attr-defined]
    assert client.head("/").status_code == 200


def test_a_method_that_was_routed_but_is_missing(app: App, client: Client) -> None:
    app.add_url_rule("/", view_func=Base.as_view("base"), methods=["PATCH"])
    with pytest.raises(AssertionError, match="Unimplemented method 'PATCH'"):
        client.patch("/")


@pytest.mark.parametrize("automatic", [True, False, None])
def test_automatic_options(app: App, client: Client, automatic: bool | None) -> None:
    class Optional(View):
        methods = ["GET"] if automatic is False else ["GET", "OPTIONS"]
        provide_automatic_options = automatic

        def dispatch_request(self, **kwargs: Any) -> Any:
            return f"own {request.method}"

    app.add_url_rule("/", view_func=Optional.as_view("optional"))
    answer = client.open("/", method="OPTIONS")
    assert client.get("/").text == "own GET"
    if automatic is None:
        assert answer.text == "own OPTIONS"
    elif automatic:
        assert (answer.status_code, answer.text) == (200, "")
    else:
        assert answer.status_code == 405


def test_decorators_and_patching(app: App, client: Client) -> None:
    def loud(view: Any) -> Any:
        def decorated(**kwargs: Any) -> Any:
            return view(**kwargs).upper()

        return decorated

    class Decorated(Base):
        decorators = [loud]  # noqa: RUF012

    class Patched(Base):
        def get(self) -> str:
            return "patched"

    view = Decorated.as_view("decorated")
    assert (view.__name__, view.__module__) == ("decorated", __name__)
    app.add_url_rule("/", view_func=view)
    assert client.get("/").text == "GET"
    view.view_class = Patched
    assert client.get("/").text == "PATCHED"


def test_the_interface_alone_answers_nothing() -> None:
    with pytest.raises(NotImplementedError):
        View().dispatch_request()
