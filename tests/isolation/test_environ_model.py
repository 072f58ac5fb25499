"""``os.environ`` against what dictionaries would do, operation by operation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.isolation import environ
from gateway.isolation.environ import Overlay

PLACES = ["process", "notes", "shop"]
NAMES = st.sampled_from([f"GATEWAY_TEST_{letter}" for letter in "abAZ"])
VALUES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0")
    | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF),
    max_size=3,
)

Variables = MutableMapping[str, str]


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    before = type(os.environ)
    environ.install()
    yield
    if before is os._Environ:
        environ.uninstall()


class Model:
    """One mount's variables: what it has changed, over the live process."""

    def __init__(self, process: dict[str, str]) -> None:
        self.process = process
        self.changed: dict[str, str | None] = {}

    def seen(self) -> dict[str, str]:
        merged = {**self.process, **self.changed}
        return {name: value for name, value in merged.items() if value is not None}

    def apply(self, operation: Callable[[Any], Any]) -> Any:
        """Run *operation* on what the mount sees; keep what that changes."""
        before = self.seen()
        after = Recorder(before)
        try:
            return operation(after)
        finally:
            self.changed.update(after.changed)


class Recorder(dict[str, str]):
    """A dictionary that knows what was written and deleted."""

    def __init__(self, content: dict[str, str]) -> None:
        super().__init__(content)
        self.changed: dict[str, str | None] = {}

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name, value)
        self.changed[name] = value

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self.changed[name] = None

    def pop(self, name: str, *default: Any) -> Any:
        if name in self:
            self.changed[name] = None
        return super().pop(name, *default)

    def setdefault(self, name: str, default: str) -> str:
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, other: dict[str, str]) -> None:  # type: ignore[override]
        for name, value in other.items():
            self[name] = value

    def __ior__(self, other: dict[str, str]) -> Recorder:  # type: ignore[override, misc]
        self.update(other)
        return self

    def clear(self) -> None:
        for name in list(self):
            del self[name]


def in_place_or(variables: Any, other: dict[str, str]) -> None:
    variables |= other


def operations() -> st.SearchStrategy[tuple[str, Callable[[Any], Any]]]:
    """Return what can be done, to a dictionary as well as to ``os.environ``."""
    items = st.dictionaries(NAMES, VALUES, max_size=3)
    return st.one_of(
        st.builds(lambda n, v: ("set", lambda e: e.__setitem__(n, v)), NAMES, VALUES),
        st.builds(lambda n: ("delete", lambda e: e.__delitem__(n)), NAMES),
        st.builds(lambda n: ("item", lambda e: e[n]), NAMES),
        st.builds(lambda n, v: ("get", lambda e: e.get(n, v)), NAMES, VALUES),
        st.builds(lambda n: ("pop", lambda e: e.pop(n)), NAMES),
        st.builds(lambda n, v: ("pop or", lambda e: e.pop(n, v)), NAMES, VALUES),
        st.builds(
            lambda n, v: ("default", lambda e: e.setdefault(n, v)), NAMES, VALUES
        ),
        st.builds(lambda d: ("update", lambda e: e.update(d)), items),
        st.builds(lambda d: ("|=", lambda e: in_place_or(e, d)), items),
        st.builds(lambda d: ("|", lambda e: dict(e | d)), items),
        st.builds(lambda d: ("reversed |", lambda e: dict(d | e)), items),
        st.builds(lambda d: ("==", lambda e: e == d), items),
        st.builds(lambda n: ("in", lambda e: n in e), NAMES),
        st.just(("copy", lambda e: dict(e.copy()))),
        st.just(("clear", lambda e: e.clear())),
    )


def outcome(run: Callable[[Any], Any], argument: Any) -> Any:
    try:
        return run(argument)
    except KeyError as error:
        return repr(error)


def check(variables: Variables, expected: dict[str, str]) -> None:
    assert dict(variables) == expected
    assert dict(variables.items()) == expected
    assert sorted(variables) == sorted(expected)
    assert sorted(variables.values()) == sorted(expected.values())
    assert len(variables) == len(expected)
    assert variables == expected
    as_bytes = {os.fsencode(n): os.fsencode(v) for n, v in expected.items()}
    assert dict(os.environb) == as_bytes
    assert eval(repr(variables).removeprefix("environ")) == expected


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), operations()), max_size=14))
def test_every_place_is_like_a_dictionary_of_its_own(
    steps: list[tuple[str, tuple[str, Callable[[Any], Any]]]],
) -> None:
    process: dict[str, str] = {"GATEWAY_TEST_a": "process"}
    overlays = {place: Overlay(name=place) for place in PLACES[1:]}
    models = {place: Model(process) for place in overlays}

    def inside(place: str) -> AbstractContextManager[None]:
        return overlays[place].active() if place in overlays else nullcontext()

    with patch.dict(os.environ, process, clear=True):
        for place, (_, operation) in steps:
            with inside(place):
                found = outcome(operation, os.environ)
            if place in models:
                assert found == outcome(models[place].apply, operation)
            else:
                assert found == outcome(operation, process)
            for each in PLACES:
                with inside(each):
                    check(
                        os.environ, models[each].seen() if each in models else process
                    )
