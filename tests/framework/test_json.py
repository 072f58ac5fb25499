"""JSON: requests, responses, providers, and the tagged kind in sessions."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import flask.json.tag
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from gateway import App, json, jsonify, render_template_string, request
from gateway.framework.testing import Client
from gateway.json.provider import DefaultJSONProvider, JSONProvider
from gateway.json.tag import JSONTag, TaggedJSONSerializer


@dataclass
class Point:
    x: int
    y: Decimal


class Html:
    def __html__(self) -> str:
        return "<b>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Point(1, Decimal("2.50")), '{"x":1,"y":"2.50"}'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (date(2024, 2, 29), '"Thu, 29 Feb 2024 00:00:00 GMT"'),
        (
            datetime(2024, 2, 29, 1, tzinfo=timezone(timedelta(hours=1))),
            '"Thu, 29 Feb 2024 00:00:00 GMT"',
        ),
        (Html(), '"<b>"'),
        (Markup("<i>"), '"<i>"'),
        ("ä", '"\\u00e4"'),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
    ],
)
def test_more_types_than_json_has(app: App, value: Any, text: str) -> None:
    with app.app_context():
        assert jsonify(value).get_data(as_text=True) == f"{text}\n"


def test_what_jsonify_takes(app: App) -> None:
    with app.app_context():
        assert jsonify().json is None
        assert jsonify(1).json == 1
        assert jsonify(1, 2).json == [1, 2]
        assert jsonify(a=1).json == {"a": 1}
        assert jsonify({"a": 1}).mimetype == "application/json"
        with pytest.raises(TypeError, match="args or kwargs"):
            jsonify(1, a=2)
        with pytest.raises(TypeError, match="object is not JSON serializable"):
            jsonify(object())


def test_indentation_while_debugging(app: App) -> None:
    with app.app_context():
        assert jsonify({"a": [1]}).data == b'{"a":[1]}\n'
        app.debug = True
        assert jsonify({"a": [1]}).data == b'{\n  "a": [\n    1\n  ]\n}\n'
        assert isinstance(app.json, DefaultJSONProvider)
        app.json.compact = True
        assert jsonify({"a": [1]}).data == b'{"a":[1]}\n'


def test_options_of_the_provider(app: App) -> None:
    assert isinstance(app.json, DefaultJSONProvider)
    app.json.ensure_ascii = False
    app.json.sort_keys = False
    app.json.mimetype = "application/vnd.api+json"
    with app.app_context():
        answer = jsonify({"b": "ä", "a": 1})
        assert answer.get_data(as_text=True) == '{"b":"ä","a":1}\n'
        assert answer.mimetype == "application/vnd.api+json"


def test_functions_with_and_without_an_application(app: App) -> None:
    assert json.dumps({"b": UUID(int=0), "a": 1}).startswith('{"b"')
    file = io.StringIO()
    json.dump(Decimal(1), file)
    assert json.loads(file.getvalue()) == "1"
    with app.app_context():
        assert json.dumps({"b": 1, "a": 1}).startswith('{"a"')
        file = io.StringIO()
        json.dump({"x": "é"}, file)
        file.seek(0)
        assert json.load(file) == {"x": "é"}
        assert json.load(io.BytesIO(b"[1]")) == [1]


@pytest.mark.parametrize("debug", [False, True])
def test_a_broken_body(app: App, client: Client, debug: bool) -> None:
    app.debug = debug
    app.config["TRAP_BAD_REQUEST_ERRORS"] = False
    app.add_url_rule("/", "in", lambda: request.get_json(), methods=["POST"])
    answer = client.post("/", data=b"{", content_type="application/json")
    assert answer.status_code == 400
    assert (b"Failed to decode JSON object" in answer.data) is debug
    answer = client.post("/", data=b"{}", content_type="text/plain")
    assert answer.status_code == 415
    answer = client.post("/", data=b'{"a": 1}', content_type="application/x+json")
    assert answer.json == {"a": 1}


def test_an_own_provider(app: App, client: Client) -> None:
    class Own(DefaultJSONProvider):
        def default(self, o: Any) -> Any:
            return "own" if isinstance(o, complex) else super().default(o)

        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            return super().loads(s, parse_int=lambda text: int(text) * 2, **kwargs)

    app.json = Own(app)

    @app.post("/")
    def index() -> Any:
        return {"got": request.get_json(), "also": [1j, UUID(int=0)]}

    answer = client.post("/", json={"n": 1, "z": 1j})
    # Doubled by the request, and once more by the response, which has it too.
    assert answer.json == {
        "got": {"n": 4, "z": "own"},
        "also": ["own", str(UUID(int=0))],
    }


def test_the_interface_of_a_provider(app: App) -> None:
    class Shout(JSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return repr(obj).upper()

        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            return s

    provider = Shout(app)
    assert provider.response("a").data == b"'A'"
    file = io.StringIO()
    provider.dump("b", file)
    file.seek(0)
    assert provider.load(file) == "'B'"
    bare = JSONProvider(app)
    for attempt in (lambda: bare.dumps(1), lambda: bare.loads("1")):
        with pytest.raises(NotImplementedError):
            attempt()


def test_tojson_uses_the_provider(app: App) -> None:
    with app.app_context():
        text = render_template_string(
            "{{ d|tojson }}",
            d={"t": datetime(2021, 2, 1, tzinfo=UTC), "n": "</script>"},
        )
    assert text == (
        '{"n": "\\u003c/script\\u003e", "t": "Mon, 01 Feb 2021 00:00:00 GMT"}'
    )


TAGGED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.uuids()
    | st.text(max_size=3).map(Markup)
    | st.datetimes(datetime(1990, 1, 1), timezones=st.just(UTC)).map(
        lambda at: at.replace(microsecond=0)
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(
            st.sampled_from([" t", " di", " b", " d", "x", " t__"]), inner, max_size=2
        )
    ),
    max_leaves=8,
)


@given(TAGGED)
def test_tagged_json_is_flasks_both_ways(value: Any) -> None:
    ours, theirs = TaggedJSONSerializer(), flask.json.tag.TaggedJSONSerializer()
    text = ours.dumps(value)
    assert text == theirs.dumps(value)
    assert ours.loads(text) == theirs.loads(text) == value


def test_own_tags() -> None:
    class TagSet(JSONTag):
        key = " s"

        def check(self, value: Any) -> bool:
            return isinstance(value, set)

        def to_json(self, value: Any) -> Any:
            return self.serializer.tag(sorted(value))

        def to_python(self, value: Any) -> Any:
            return set(value)

    class Other(TagSet):
        pass

    serializer = TaggedJSONSerializer()
    serializer.register(TagSet)
    assert serializer.loads(serializer.dumps({"a": {1, 2}})) == {"a": {1, 2}}
    with pytest.raises(KeyError, match="already registered"):
        serializer.register(Other)
    serializer.register(Other, force=True, index=0)
    assert type(serializer.order[0]) is Other
    assert type(serializer.tags[" s"]) is Other
    serializer.register(type("Third", (TagSet,), {"key": " 3"}), index=-1)
    assert serializer.order[-2].key == " 3"


def test_the_interface_of_a_tag() -> None:
    tag = JSONTag(TaggedJSONSerializer())
    for method in (tag.check, tag.to_json, tag.to_python):
        with pytest.raises(NotImplementedError):
            method(uuid4())
