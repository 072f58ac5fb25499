"""``os.environ`` in a mount: every way to read and change it, and who sees that."""

from __future__ import annotations

import copy
import ctypes
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from os import environ as imported_by_name
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from gateway.isolation import environ
from gateway.isolation.environ import EnvironError, Overlay, VariableError

NAME = "GATEWAY_TEST_NAME"
OTHER = "GATEWAY_TEST_OTHER"


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    before = type(os.environ)
    environ.install()
    yield
    if before is os._Environ:
        environ.uninstall()
    else:
        environ.install()


def in_c(name: str) -> str | None:
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    value = getenv(name.encode())
    return None if value is None else value.decode()


# Who sees what


def test_a_mount_sees_its_own_values_over_those_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NAME, "process")
    monkeypatch.setenv(OTHER, "process")
    with Overlay({NAME: "mount"}).active():
        assert os.environ[NAME] == imported_by_name[NAME] == "mount"
        assert os.environ[OTHER] == "process"
    assert os.environ[NAME] == "process"


def test_writes_are_seen_by_the_mount_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    notes, shop = Overlay(name="notes"), Overlay(name="shop")
    with notes.active():
        os.environ[NAME] = "written"
    assert NAME not in os.environ
    assert in_c(NAME) is None
    with shop.active():
        assert NAME not in os.environ
    with notes.active():
        assert os.environ[NAME] == "written"


def test_deletions_are_seen_by_the_mount_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "process")
    notes = Overlay()
    with notes.active():
        del os.environ[NAME]
        assert NAME not in os.environ
        with pytest.raises(KeyError, match=NAME):
            os.environ[NAME]
        with pytest.raises(KeyError, match=NAME):
            del os.environ[NAME]
    assert os.environ[NAME] == in_c(NAME) == "process"
    monkeypatch.setenv(NAME, "changed")
    with notes.active():
        assert NAME not in os.environ


def test_what_the_process_changes_shows_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notes = Overlay({OTHER: "mount"})
    monkeypatch.setenv(NAME, "later")
    monkeypatch.setenv(OTHER, "later")
    with notes.active():
        assert os.environ[NAME] == "later"
        assert os.environ[OTHER] == "mount"


def test_outside_of_mounts_everything_is_as_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NAME, "set")
    assert in_c(NAME) == "set"
    os.putenv(NAME, "put")
    assert in_c(NAME) == "put"
    assert os.environ[NAME] == "set"
    monkeypatch.delenv(NAME)
    assert in_c(NAME) is None


def test_no_overlay_can_be_made_current_within_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NAME, "process")
    with Overlay({NAME: "mount"}).active():
        with environ.activate(None):
            assert os.environ[NAME] == "process"
            assert environ.current_overlay() is None
        assert os.environ[NAME] == "mount"


# The ways to use it


def ways_to_read() -> dict[str, Callable[[], Any]]:
    return {
        "item": lambda: os.environ[NAME],
        "get": lambda: os.environ.get(NAME),
        "getenv": lambda: os.getenv(NAME),
        "environb": lambda: os.environb[NAME.encode()].decode(),
        "getenvb": lambda: (os.getenvb(NAME.encode()) or b"").decode(),
        "iteration": lambda: {name: os.environ[name] for name in os.environ}[NAME],
        "items": lambda: dict(os.environ.items())[NAME],
        "values": lambda: "mount" if "mount" in os.environ.values() else None,
        "keys": lambda: "mount" if NAME in os.environ.keys() else None,  # noqa: SIM118
        "in": lambda: "mount" if NAME in os.environ else None,
        "copy()": lambda: os.environ.copy()[NAME],
        "copy": lambda: copy.copy(os.environ)[NAME],
        "deepcopy": lambda: copy.deepcopy(os.environ)[NAME],
        "|": lambda: (os.environ | {})[NAME],
        "reversed |": lambda: ({} | os.environ)[NAME],
        "**": lambda: dict(**os.environ)[NAME],
        "pop": lambda: os.environ.pop(NAME),
        "setdefault": lambda: os.environ.setdefault(NAME, "default"),
        "_data": lambda: os.environ._data[NAME.encode()].decode(),  # type: ignore[attr-defined]
        "expandvars": lambda: os.path.expandvars(f"${NAME}"),
    }


@pytest.mark.parametrize("way", ways_to_read())
def test_reading(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "process")
    with Overlay({NAME: "mount"}).active():
        assert ways_to_read()[way]() == "mount"
    assert os.environ[NAME] == "process"


def update_by_operator() -> None:
    os.environ |= {NAME: "new"}


def ways_to_write() -> dict[str, Callable[[], Any]]:
    return {
        "item": lambda: os.environ.__setitem__(NAME, "new"),
        "environb": lambda: os.environb.__setitem__(NAME.encode(), b"new"),
        "setdefault": lambda: os.environ.setdefault(NAME, "new"),
        "update": lambda: os.environ.update({NAME: "new"}),
        "update by keyword": lambda: os.environ.update(**{NAME: "new"}),
        "|=": update_by_operator,
    }


@pytest.mark.parametrize("way", ways_to_write())
def test_writing(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    with Overlay().active():
        before = len(os.environ)
        ways_to_write()[way]()
        assert os.environ[NAME] == "new"
        assert len(os.environ) == before + 1
    assert NAME not in os.environ
    assert in_c(NAME) is None


def test_clearing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "process")
    before = dict(os.environ)
    with Overlay({OTHER: "mount"}).active():
        os.environ.clear()
        assert not os.environ
        assert list(os.environ) == []
        assert os.environ == {}
        os.environ[OTHER] = "again"
        assert dict(os.environ) == {OTHER: "again"}
        assert os.environ.popitem() == (OTHER, "again")
    assert dict(os.environ) == before


def test_equality_is_that_of_what_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "process")
    outside = dict(os.environ)
    with Overlay({NAME: "mount"}).active():
        assert os.environ == {**outside, NAME: "mount"}
        assert os.environ != outside
    assert os.environ == outside


def test_repr_shows_what_is_seen_and_nothing_else() -> None:
    notes, shop = Overlay({NAME: "secret-of-notes"}, "notes"), Overlay(name="shop")
    with notes.active():
        assert "'secret-of-notes'" in repr(os.environ)
        assert (
            b"secret-of-notes" in eval(repr(os.environb)[len("environ(") : -1]).values()
        )
    with shop.active():
        assert "secret-of-notes" not in repr(os.environ)
    assert "secret-of-notes" not in repr(os.environ)
    assert repr(notes) == "<Overlay of 'notes'>"


def test_copies_stay_what_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    with Overlay({NAME: "mount"}).active():
        deep = copy.deepcopy(os.environ)
        os.environ[NAME] = "changed"
        with pytest.raises(AttributeError):
            pickle.dumps(os.environ)
    assert type(deep) is os._Environ
    assert deep[NAME] == "mount"
    assert os.environ.get(NAME) is None


def test_a_shallow_copy_goes_on_with_what_it_was_made_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notes = Overlay({NAME: "mount"})
    outside = copy.copy(os.environ)
    with notes.active():
        inside = copy.copy(os.environ)
        os.environ[NAME] = "changed"
    monkeypatch.setenv(NAME, "process")
    assert type(inside) is type(outside) is os._Environ
    assert inside[NAME] == "changed"
    assert outside[NAME] == "process"
    with notes.active():
        assert outside[NAME] == "process"


def test_the_inner_parts_that_libraries_use_are_there() -> None:
    inner: Any = os.environ
    with Overlay().active():
        assert inner.decodevalue(inner.encodevalue("ü")) == "ü"
        assert inner.decodekey(inner.encodekey("ü")) == "ü"
        inner._data[b"GATEWAY_TEST_NAME"] = b"raw"
        assert os.environ[NAME] == "raw"
        assert inner._data.copy() == dict(os.environb)
        assert inner._data.keys() == os.environb.keys()
        assert sorted(inner._data.values()) == sorted(os.environb.values())
        inner._data = {b"ONLY": b"this"}
        assert dict(os.environ) == {"ONLY": "this"}
    assert NAME not in os.environ
    assert "ONLY" not in os.environ


def test_the_inner_dictionary_may_be_exchanged_outside() -> None:
    inner: Any = os.environ
    genuine = inner._data
    inner._data = {b"ONLY": b"this"}
    try:
        assert dict(os.environ) == {"ONLY": "this"}
    finally:
        inner._data = genuine


def test_any_bytes_survive() -> None:
    with Overlay().active():
        os.environb[b"\xff\xfe"] = b"\x80"
        assert os.environ["\udcff\udcfe"] == "\udc80"
        os.environ["GATEWAY_TEST_EMPTY"] = ""
        assert os.environb[b"GATEWAY_TEST_EMPTY"] == b""


# putenv(3), which os.environ does not see


def test_putenv_is_for_children_and_stays_in_the_mount(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NAME, "process")
    notes = Overlay()
    with notes.active():
        assert notes.for_children() is None
        os.putenv(NAME, "put")
        assert os.environ[NAME] == "process"
        assert (notes.for_children() or {})[NAME.encode()] == b"put"
        os.unsetenv(NAME)
        assert NAME.encode() not in (notes.for_children() or {})
        os.environ[NAME] = "set"
        assert (notes.for_children() or {})[NAME.encode()] == b"set"
        del os.environ[NAME]
        assert NAME.encode() not in (notes.for_children() or {})
    assert in_c(NAME) == "process"


# What cannot be

MISTAKES: Mapping[str, Callable[[], Any]] = {
    "= in name": lambda: os.environ.__setitem__("a=b", "x"),
    "= in deleted name": lambda: os.environ.__delitem__("a=b"),
    "no name": lambda: os.environ.__setitem__("", "x"),
    "deletion of no name": lambda: os.environ.__delitem__(""),
    "NUL in name": lambda: os.environ.__setitem__("a\0b", "x"),
    "NUL in deleted name": lambda: os.environ.__delitem__("a\0b"),
    "NUL in looked up name": lambda: os.environ["A\0B"],
    "NUL in value": lambda: os.environ.__setitem__("a", "x\0y"),
    "a name that is no text": lambda: os.environ.__setitem__(1, "x"),  # type: ignore[index]
    "a value that is no text": lambda: os.environ.__setitem__("a", 1),  # type: ignore[assignment]
    "bytes": lambda: os.environ[b"a"],  # type: ignore[index]
    "text": lambda: os.environb["a"],  # type: ignore[index]
    "in with a number": lambda: 1 in os.environ,  # type: ignore[comparison-overlap]
    "get of None": lambda: os.getenv(None),  # type: ignore[call-overload]
    "what cannot be encoded": lambda: os.environ.__setitem__("\ud800", "x"),
    "missing": lambda: os.environ["GATEWAY_TEST_MISSING"],
    "deletion of a missing one": lambda: os.environ.__delitem__("GATEWAY_TEST_MISSING"),
    "pop of a missing one": lambda: os.environ.pop("GATEWAY_TEST_MISSING"),
    "| with a list": lambda: os.environ | [],  # type: ignore[operator]
    "putenv of = in name": lambda: os.putenv("a=b", "x"),
    "putenv of no name": lambda: os.putenv("", "x"),
    "putenv of NUL": lambda: os.putenv("a", "x\0y"),
    "putenv of a number": lambda: os.putenv("a", 1),  # type: ignore[arg-type]
    "unsetenv of no name": lambda: os.unsetenv(""),
    "unsetenv of = in name": lambda: os.unsetenv("a=b"),
    "hash": lambda: hash(os.environ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_fail_as_they_do_without_a_mount(mistake: str) -> None:
    with pytest.raises(Exception) as outside:  # noqa: PT011
        MISTAKES[mistake]()
    before = dict(os.environ)
    with Overlay().active():
        with pytest.raises(type(outside.value)) as inside:
            MISTAKES[mistake]()
        assert dict(os.environ) == before
    assert str(inside.value) == str(outside.value)
    assert type(inside.value) is type(outside.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("", "x", "the name ''"),
        ("A=B", "x", "the name 'A=B'"),
        ("A\0", "x", "NUL"),
        ("A", "x\0", "NUL"),
        ("A", "\ud800", "cannot be encoded"),
    ],
)
def test_a_mount_cannot_be_given_what_no_process_can_have(
    name: str, value: str, said: str
) -> None:
    with pytest.raises(VariableError, match=said):
        Overlay({name: value})


# Tools for tests, which people use inside and outside of mounts


def test_patch_dict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "process")
    notes = Overlay({OTHER: "mount"})
    with patch.dict(os.environ, {NAME: "patched"}, clear=True):
        assert dict(os.environ) == {NAME: "patched"}
    with notes.active():
        before = dict(os.environ)
        with patch.dict(os.environ, {NAME: "patched"}, clear=True):
            assert dict(os.environ) == {NAME: "patched"}
        assert dict(os.environ) == before
        with patch.dict("os.environ", {NAME: "patched"}):
            assert os.environ[NAME] == "patched"
            assert os.environ[OTHER] == "mount"
        assert dict(os.environ) == before
    assert os.environ[NAME] == "process"


def test_monkeypatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "process")
    with Overlay({OTHER: "mount"}).active():
        with pytest.MonkeyPatch.context() as inside:
            inside.setenv(NAME, "patched")
            inside.delenv(OTHER)
            assert os.environ[NAME] == "patched"
            assert OTHER not in os.environ
        assert os.environ[NAME] == "process"
        assert os.environ[OTHER] == "mount"
    assert OTHER not in os.environ


# What the gateway asks an overlay


def test_what_a_mount_has_changed_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OTHER, "process")
    notes = Overlay({NAME: "mount"})
    with notes.active():
        del os.environ[OTHER]
        os.environ["GATEWAY_TEST_NEW"] = "ü"
    assert notes.changes() == {NAME: "mount", OTHER: None, "GATEWAY_TEST_NEW": "ü"}


# Installing


def state() -> list[object]:
    import _posixsubprocess
    import _thread
    import subprocess
    import threading
    from concurrent.futures import ThreadPoolExecutor

    names = ["putenv", "unsetenv", "execv", "system", "posix_spawn", "posix_spawnp"]
    return [
        type(os.environ),
        type(os.environb),
        vars(os.environ).keys(),
        *(getattr(os, name) for name in names),
        *(getattr(__import__("posix"), name) for name in names),
        getattr(subprocess, "_fork_exec"),  # noqa: B009
        getattr(_posixsubprocess, "fork_exec"),  # noqa: B009
        _thread.start_new_thread,
        getattr(threading, "_start_new_thread", None),
        getattr(threading, "_start_joinable_thread", None),
        ThreadPoolExecutor.submit,
    ]


def test_it_is_installed_once_and_can_be_undone() -> None:
    environ.uninstall()
    before = state()
    content = dict(os.environ)
    environ.uninstall()
    assert state() == before
    environ.install()
    installed = state()
    assert installed != before
    environ.install()
    assert state() == installed
    assert os.environ is imported_by_name
    assert isinstance(os.environ, os._Environ)
    environ.uninstall()
    assert state() == before
    assert dict(os.environ) == content


def test_overlays_do_nothing_when_it_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NAME, "process")
    environ.uninstall()
    with Overlay({NAME: "mount"}).active():
        assert os.environ[NAME] == "process"


def test_what_was_replaced_since_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environ.uninstall()
    monkeypatch.setattr(os, "system", os.system)
    environ.install()
    ours = os.system

    def theirs(command: Any) -> int:
        return ours(command)

    os.system = theirs
    environ.uninstall()
    assert os.system is theirs
    assert os.system("exit 3") == 3 << 8


def test_a_replaced_environ_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    environ.uninstall()

    class Environ(os._Environ[str]):
        pass

    genuine: Any = os.environ
    genuine.__class__ = Environ
    try:
        with pytest.raises(EnvironError, match="is a Environ, not what Python made"):
            environ.install()
    finally:
        genuine.__class__ = os._Environ
    assert type(os.environb) is os._Environ


def test_functions_are_still_pickled(tmp_path: Path) -> None:
    for function in (os.system, os.putenv, os.execv):
        assert pickle.loads(pickle.dumps(function)) is function
