"""``${…}``: what it becomes, and that no message shows it."""

from __future__ import annotations

import datetime
import os
import time
from pathlib import Path

import pytest
from config_site import Site
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.interpolate import (
    MAX_FILE_BYTES,
    InterpolationError,
    Interpolator,
    is_one_variable,
)

HOME = Path("/srv/site")
ENVIRON = {"NAME": "value", "EMPTY": "", "DOLLAR": "a${NAME}$$b", "NUMBER": "8081"}


def expand(text: str) -> str:
    return Interpolator(ENVIRON, HOME).expand(text, HOME)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a ${NAME}b${NAME}", "a valuebvalue"),
        ("${EMPTY}", ""),
        ("${NAME:-default}", "value"),
        ("${EMPTY:-default}", "default"),
        ("${UNSET:-default}", "default"),
        ("${UNSET:-}", ""),
        ("${UNSET:-a:-b?c}", "a:-b?c"),
        ("${UNSET:-two\nlines}", "two\nlines"),
        ("${UNSET:-5$$}", "5$"),
        ("${UNSET:-$${NAME}", "${NAME"),
        ("${NAME:?must be set}", "value"),
        ("$$", "$"),
        ("$${NAME}", "${NAME}"),
        ("$$$${NAME}", "$${NAME}"),
        ("$$NAME", "$NAME"),
        ("costs $5, or 5$", "costs $5, or 5$"),
        # What is put in is not looked at again.
        ("${DOLLAR}", "a${NAME}$$b"),
        ("${GATEWAY_HOME}/var", "/srv/site/var"),
        ("{NAME} %NAME% #{NAME}", "{NAME} %NAME% #{NAME}"),
    ],
)
def test_forms(text: str, expected: str) -> None:
    assert expand(text) == expected


def test_home_is_the_folder_even_if_the_environment_says_otherwise() -> None:
    interpolator = Interpolator({"GATEWAY_HOME": "/elsewhere"}, HOME)
    assert interpolator.expand("${GATEWAY_HOME}", HOME) == "/srv/site"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${UNSET}", "variable UNSET is not set: set it, or give a default"),
        ("${UNSET:?run make secrets}", "UNSET is not set: run make secrets"),
        ("${EMPTY:?}", "EMPTY is not set: set it"),
        ("${NAME", "a '${' is not closed"),
        ("$NAME", "write '${NAME}', or '$$' for a plain '$'"),
        ("${UNSET:-$NAME}", "write '${NAME}', or '$$' for a plain '$'"),
        ("${UNSET:-${NAME}}", "a '${' stands inside another"),
        ("${}", "is none of ${NAME}"),
        ("${NA ME}", "is none of ${NAME}"),
        ("${1}", "is none of ${NAME}"),
        ("${NAME-default}", "is none of ${NAME}"),
        ("${NAME:+other}", "is none of ${NAME}"),
        ("${file:}", "names no file"),
        ("${file:none}", "'none' cannot be read (No such file or directory)"),
        ("${file:a\0b}", "cannot be read (embedded null byte)"),
    ],
)
def test_errors(text: str, words: str) -> None:
    with pytest.raises(InterpolationError) as caught:
        expand(text)
    (message,) = caught.value.messages
    assert words in message


def test_cost_grows_with_the_length_alone() -> None:
    start = time.perf_counter()
    for text in ("${" * 200_000, "${NAME" * 100_000, "${UNSET:-" * 60_000 + "}"):
        with pytest.raises(InterpolationError):
            expand(text)
    assert time.perf_counter() - start < 5


def test_every_error_of_a_text_is_reported_once() -> None:
    with pytest.raises(InterpolationError) as caught:
        expand("${A} ${NAME} ${B} $C ${A}")
    assert [message[:26] for message in caught.value.messages] == [
        "the environment variable A",
        "the environment variable B",
        "a '$' before a name is not",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b"secret\n\n", "secret\n"),
        (b"secret\r", "secret\r"),
        (b"a\nb\n", "a\nb"),
        (b"", ""),
        ("päss${NAME}$$".encode(), "päss${NAME}$$"),
    ],
)
def test_file(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "secret").write_bytes(content)
    interpolator = Interpolator({}, HOME)
    assert interpolator.expand("${file:secret}", tmp_path) == expected
    assert (
        interpolator.expand(f"<${{file:{tmp_path}/secret}}>", HOME) == f"<{expected}>"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hunter2\xff", "is not UTF-8 text"),
        (b"hunter2" * MAX_FILE_BYTES, "is larger than 64 KiB"),
    ],
)
def test_file_that_cannot_be_used(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(InterpolationError) as caught:
        Interpolator({}, HOME).expand("${file:secret}", tmp_path)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_file_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InterpolationError, match="Is a directory"):
        Interpolator({}, HOME).expand("${file:.}", tmp_path)


def test_file_that_is_a_pipe_or_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "/dev/null"):
        with pytest.raises(InterpolationError) as caught:
            Interpolator({}, HOME).expand(f"${{file:{name}}}", tmp_path)
        assert f"{name!r} is a pipe or a device: name a regular" in str(caught.value)


@given(st.text())
def test_escaped_text_comes_back(text: str) -> None:
    assert expand(text.replace("$", "$$")) == text


@given(st.text())
def test_variable_comes_back_as_it_is(value: str) -> None:
    interpolator = Interpolator({"X": value}, HOME)
    assert interpolator.expand("${X}", HOME) == value
    assert interpolator.expand("<${X}>${X:-d}", HOME) == f"<{value}>{value or 'd'}"


@given(st.text().filter(lambda text: "}" not in text))
def test_default_comes_back(default: str) -> None:
    escaped = default.replace("$", "$$")
    assert expand(f"${{UNSET:-{escaped}}}") == default


@given(st.text(alphabet="${}:-?AB1 file/\n"))
def test_any_text_is_expanded_or_explained(text: str) -> None:
    try:
        expanded = expand(text)
    except InterpolationError:
        assert "$" in text
    else:
        assert "$" in text or expanded == text


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("${A}", True),
        ("${A:-b c}", True),
        ("${file:x}", True),
        ("${A}${B}", False),
        (" ${A}", False),
        ("${A}\n", False),
        ("$${A}", False),
        ("A", False),
    ],
)
def test_one_whole_variable(text: str, one: bool) -> None:
    assert is_one_variable(text) is one


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("8081", 8081),
        ("1_000", 1000),
        ("0x10", 16),
        ("1.5", 1.5),
        ("yes", True),
        ("off", False),
        ("null", None),
        ("", None),
        ("2024-05-06", datetime.date(2024, 5, 6)),
        ("text", "text"),
        ("[1, 2]", "[1, 2]"),
        ("a: b", "a: b"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_whole_variable_in_config_is_typed_again(
    site: Site, value: str, expected: object
) -> None:
    site.environ = {"X": value}
    spec = site.load(
        "mounts:\n"
        "  notes:\n"
        "    app: app:create_app\n"
        "    args: {list: ['${X}']}\n"
        "    config:\n"
        "      PLAIN: ${X}\n"
        "      QUOTED: '${X}'\n"
        '      DOUBLE: "${X}"\n'
        "      PART: <${X}>\n"
        "      STRING: !!str ${X}\n"
        "      DEEP: [{a: 1}]\n"
        "      LIST:\n"
        "        - ${X}\n"
    )
    config = spec.mounts[0].config
    plain = config["PLAIN"]
    assert plain == expected
    assert type(plain) is type(expected)
    assert config["LIST"] == [expected]
    assert {config["QUOTED"], config["DOUBLE"], config["STRING"]} == {value}
    assert config["PART"] == f"<{value}>"


def test_tag_types_a_variable(site: Site) -> None:
    site.environ = {"X": "12"}
    assert site.load(
        "mounts:\n  a:\n    app: a:b\n    config:\n      N: !!float ${X}\n"
    ).mounts[0].config == {"N": 12.0}


def test_variable_that_cannot_be_typed_is_not_shown(site: Site) -> None:
    site.environ = {"X": "2024-13-45"}
    message = site.refuse("mounts:\n  a:\n    app: a:b\n    config:\n      DAY: ${X}\n")
    assert message == (
        "gateway.yaml:5:12: mounts.a.config.DAY: this is not a valid timestamp: "
        "correct it, or make it a string, with quotes and without a tag"
    )


def test_keys_are_not_interpolated(site: Site) -> None:
    mount = site.mount("{app: a:b, config: {'${X}': {'$Y': 1}}}")
    assert mount.config == {"${X}": {"$Y": 1}}


def test_fields_are_coerced_to_their_type(site: Site) -> None:
    site.environ = {"PORT": "8081", "WAIT": "2m", "DIR": "apps", "F": "true"}
    spec = site.load(
        "server: {port: '${PORT}', drain_timeout: '${WAIT}', threads: '${N:-3}'}\n"
        "mounts:\n"
        "  notes:\n"
        "    app: ${MODULE:-app}:create_app\n"
        "    path: ${DIR}/notes\n"
        "    factory: ${F}\n"
    )
    assert (spec.server.port, spec.server.drain_timeout) == (8081, 120.0)
    assert spec.server.threads == 3
    target = spec.mounts[0].target
    assert getattr(target, "reference", None) == "app:create_app"
    assert getattr(target, "path", None) == site.root / "apps" / "notes"
    assert getattr(target, "factory", None) is True


@pytest.mark.parametrize(
    "content",
    [
        "server: {port: '${X}'}",
        "server: {threads: '1${X}'}",
        "server: {host: '${X} '}",
        "server: {max_body: '${X}'}",
        "server: {drain_timeout: '${X}'}",
        "include: ['${X}']",
        "mounts: {a: {app: '${X}'}}",
        "mounts: {a: {app: 'a.py:${X}'}}",
        "mounts: {a: {app: a:b, path: '${X}'}}",
        "mounts: {a: {app: a:b, path: '${X}', factory: '${X}', imports: '${X}'}}",
        "mounts: {a: {app: a:b, prefix: '${X}'}}",
        "mounts: {a: {app: a:b, host: '${X}:80'}}",
        "mounts: {a: {redirect: '${X}', status: '${X}'}}",
        "mounts: {a: {redirect: 'ftp://${X}:${X}/'}}",
        "mounts: {a: {static: '${X}'}}",
        "mounts: {a: {app: a:b, config: '${X}'}}",
        "mounts: {a: {app: a:b, config: {k: !!int '${X}'}}}",
        "mounts: {a: {app: a:b, args: {k: !!bool '${X}'}}}",
    ],
)
@pytest.mark.parametrize("secret", ["hunter2", "hunter2.py", "not/hunter2"])
def test_secret_is_in_no_message(site: Site, content: str, secret: str) -> None:
    site.environ = {"X": secret}
    problems = site.fail(content + "\n")
    assert "hunter2" not in "\n".join(map(str, problems))


def test_value_is_shown_as_it_is_written(site: Site) -> None:
    site.environ = {"PORT": "eighty"}
    assert site.refuse("server: {port: '${PORT}'}\nmounts: {a: {app: a:b}}\n") == (
        "gateway.yaml:1:16: server.port: '${PORT}', once replaced, is not a whole "
        "number: write one such as 8080, in digits only"
    )


def test_environment_is_the_process_own_by_default(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.config.load import load_config

    monkeypatch.setenv("NOTES_TITLE", "mine")
    path = site.write("mounts:\n  a: {app: a:b, config: {T: '${NOTES_TITLE}'}}\n")
    assert load_config(path).mounts[0].config == {"T": "mine"}


def test_file_is_relative_to_the_yaml_that_names_it(site: Site) -> None:
    site.write("outer\n", "secret")
    site.write("inner\n", "conf.d/secret")
    site.write(
        "mounts: {b: {app: a:b, config: {S: '${file:secret}'}}}", "conf.d/b.yaml"
    )
    spec = site.load(
        "include: conf.d/b.yaml\n"
        "mounts: {a: {app: a:b, config: {S: '${file:secret}'}}}\n"
    )
    assert [mount.config["S"] for mount in spec.mounts] == ["outer", "inner"]
