"""Mounts that would accept each other's signed cookies are found."""

from __future__ import annotations

from typing import Any

import pytest
from cookies_site import flask_app
from werkzeug.test import Client

from gateway.policies.cookies_secrets import SharedSecret, shared_secrets


@pytest.mark.parametrize(
    ("configs", "found"),
    [
        ({}, []),
        ({"a": {"SECRET_KEY": "k"}}, []),
        ({"a": {"SECRET_KEY": "k"}, "b": {"SECRET_KEY": "other"}}, []),
        ({"a": {"SECRET_KEY": "k"}, "b": {"SECRET_KEY": "k"}}, [("session", "a", "b")]),
        # Text signs as UTF-8.
        (
            {"a": {"SECRET_KEY": "ké"}, "b": {"SECRET_KEY": "ké".encode()}},
            [("session", "a", "b")],
        ),
        # Nothing is signed without a key, and what is no key is none.
        ({"a": {"SECRET_KEY": ""}, "b": {"SECRET_KEY": ""}}, []),
        ({"a": {"SECRET_KEY": None}, "b": {}}, []),
        ({"a": {"SECRET_KEY": 1}, "b": {"SECRET_KEY": 1}}, []),
        # Cookies of different names.
        (
            {
                "a": {"SECRET_KEY": "k"},
                "b": {"SECRET_KEY": "k", "SESSION_COOKIE_NAME": "other"},
            },
            [],
        ),
        (
            {
                "a": {"SECRET_KEY": "k"},
                "b": {"SECRET_KEY": "k", "SESSION_COOKIE_NAME": None},
                "c": {"SECRET_KEY": "k", "SESSION_COOKIE_NAME": "session"},
                "d": {"SECRET_KEY": "l", "SESSION_COOKIE_NAME": "sid"},
                "e": {"SECRET_KEY": "l", "SESSION_COOKIE_NAME": "sid"},
            },
            [("session", "a", "b", "c"), ("sid", "d", "e")],
        ),
        # One still accepts what the other signs.
        (
            {
                "a": {"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": ["older", "old"]},
                "b": {"SECRET_KEY": "old"},
            },
            [("session", "a", "b")],
        ),
        # Nobody signs with what both still accept.
        (
            {
                "a": {"SECRET_KEY": "a", "SECRET_KEY_FALLBACKS": ["old", None]},
                "b": {"SECRET_KEY": "b", "SECRET_KEY_FALLBACKS": ("old",)},
            },
            [],
        ),
        # Two keys in common are one finding.
        (
            {
                "a": {"SECRET_KEY": "x", "SECRET_KEY_FALLBACKS": ["y"]},
                "b": {"SECRET_KEY": "y", "SECRET_KEY_FALLBACKS": ["x"]},
            },
            [("session", "a", "b")],
        ),
        ({"a": {"SECRET_KEY": "k", "SECRET_KEY_FALLBACKS": "k"}}, []),
    ],
)
def test_equal_names_with_equal_keys(
    configs: dict[str, Any], found: list[tuple[str, ...]]
) -> None:
    assert shared_secrets(configs) == [
        SharedSecret(mounts, cookie)
        for cookie, *names in found
        for mounts in [tuple(names)]
    ]


def test_a_finding_names_the_mounts_and_the_cure_but_never_the_key() -> None:
    key = "a key that nobody may see"
    finding = shared_secrets({name: {"SECRET_KEY": key} for name in "abc"})[0]
    assert str(finding) == (
        "mounts 'a' and 'b' and 'c' sign the cookie 'session' with the same "
        "SECRET_KEY, so what one of them has signed is valid in the others, whoever "
        "copies it there: give each a SECRET_KEY of its own in its 'config:'"
    )
    assert key not in repr(finding)


def test_what_is_found_is_real() -> None:
    """A session of one Flask application is valid in the other."""
    one, other = flask_app("one"), flask_app("other")
    for same in (False, True):
        if same:
            other.secret_key = one.secret_key
        configs = {"one": one.config, "other": other.config}
        assert bool(shared_secrets(configs)) is same
        session = Client(one).get("/login/ada").headers["Set-Cookie"].partition(";")[0]
        answer = Client(other, use_cookies=False).get("/", headers={"Cookie": session})
        assert answer.text == ("ada" if same else "-")
