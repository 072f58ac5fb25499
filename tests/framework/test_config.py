"""The configuration mapping: where it can be filled from."""

from __future__ import annotations

import json
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import flask
import pytest

from gateway import App, Config
from gateway.settings import ConfigAttribute


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path, {"A": 1})


class Values:
    KEY = "value"
    lower = "left out"


class Derived(Values):
    OTHER = 2

    @property
    def PROP(self) -> int:
        return 3


def test_the_defaults_are_flasks() -> None:
    assert dict(App("x").config) == dict(flask.Flask("x").config)
    assert dict(App.default_config) == dict(flask.Flask.default_config)


def test_from_object(config: Config) -> None:
    config.from_object(Derived())
    assert dict(config) == {"A": 1, "KEY": "value", "OTHER": 2, "PROP": 3}
    config.from_object("tomllib")
    with pytest.raises(ImportError):
        config.from_object("tests.missing.module")


def test_from_pyfile(config: Config, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_bytes(
        "# -*- coding: latin-1 -*-\nKEY = 'ä'\nlower = 1\n".encode("latin-1")
    )
    assert config.from_pyfile("one.py")
    assert dict(config) == {"A": 1, "KEY": "ä"}
    assert not config.from_pyfile("missing.py", silent=True)
    with pytest.raises(OSError, match="Unable to load configuration file") as caught:
        config.from_pyfile("missing.py")
    assert str(caught.value).startswith(
        "[Errno 2] Unable to load configuration file (No such file or directory):"
    )
    assert str(caught.value).endswith("missing.py'")


def test_from_envvar(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.py").write_text("KEY = 1")
    assert not config.from_envvar("TEST_SETTINGS", silent=True)
    with pytest.raises(RuntimeError, match="'TEST_SETTINGS' is not set"):
        config.from_envvar("TEST_SETTINGS")
    monkeypatch.setenv("TEST_SETTINGS", "one.py")
    assert config.from_envvar("TEST_SETTINGS")
    assert config["KEY"] == 1
    monkeypatch.setenv("TEST_SETTINGS", "missing.py")
    assert not config.from_envvar("TEST_SETTINGS", silent=True)
    monkeypatch.undo()


@pytest.mark.parametrize(
    "mapping",
    [{"KEY": 1, "low": 2}, [("KEY", 1), ("low", 2)], None],
)
def test_from_mapping(config: Config, mapping: Any) -> None:
    assert config.from_mapping(mapping, EXTRA=3, less=4)
    expected = {"A": 1, "EXTRA": 3} | ({} if mapping is None else {"KEY": 1})
    assert dict(config) == expected


def test_from_file(config: Config, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('KEY = "t"\nlow = 1')
    (tmp_path / "a.json").write_text('{"KEY": "j"}')
    config.from_file("a.toml", tomllib.load, text=False)
    assert config["KEY"] == "t"
    config.from_file("a.json", json.load)
    assert config["KEY"] == "j"
    assert not config.from_file("none", json.load, silent=True)
    with pytest.raises(OSError, match="Unable to load"):
        config.from_file("none", json.load)


def test_from_prefixed_env(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    config["OLD"] = {"kept": 1, "changed": 1}
    for name, value in {
        "FLASK_STRING": "value",
        "FLASK_NUMBER": "1",
        "FLASK_LIST": "[1, 2]",
        "FLASK_OLD__changed": "2",
        "FLASK_NEW__DEEP__key": '"x"',
        "OTHER_KEY": "y",
    }.items():
        monkeypatch.setenv(name, value)
    assert config.from_prefixed_env()
    assert config["STRING"] == "value"
    assert (config["NUMBER"], config["LIST"]) == (1, [1, 2])
    assert config["OLD"] == {"kept": 1, "changed": 2}
    assert config["NEW"] == {"DEEP": {"key": "x"}}
    assert "KEY" not in config
    config.from_prefixed_env("OTHER", loads=str.upper)
    assert config["KEY"] == "Y"
    monkeypatch.undo()


def test_get_namespace(config: Config) -> None:
    config.from_mapping(FOO_ONE=1, FOO_TWO=2, BAR=3)
    assert config.get_namespace("FOO_") == {"one": 1, "two": 2}
    assert config.get_namespace("FOO_", lowercase=False) == {"ONE": 1, "TWO": 2}
    assert config.get_namespace("FOO_", trim_namespace=False) == {
        "foo_one": 1,
        "foo_two": 2,
    }
    assert "'BAR': 3" in repr(config)


def test_attributes_live_in_the_configuration() -> None:
    class Own(App):
        colour = ConfigAttribute("COLOUR", get_converter=str.upper)

    app = Own("x")
    app.colour = "red"
    assert (app.config["COLOUR"], app.colour) == ("red", "RED")
    assert isinstance(Own.colour, ConfigAttribute)
    app.config["PERMANENT_SESSION_LIFETIME"] = 42
    assert app.permanent_session_lifetime == timedelta(seconds=42)
    app.testing = True
    assert app.config["TESTING"]


def test_the_class_can_be_replaced() -> None:
    class Loud(Config):
        pass

    class Own(App):
        config_class = Loud

    assert type(Own("x").config) is Loud


@pytest.mark.parametrize(
    ("value", "debug"),
    [("", False), ("0", False), ("False", False), ("no", False), ("True", True)],
)
def test_debug_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str, debug: bool
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", value)
    assert App("x").debug is debug
    monkeypatch.undo()
