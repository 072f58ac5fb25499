"""What a file must be before its keys matter."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from config_site import Site

from gateway.config.load import load_config
from gateway.config.source import MAX_BYTES
from gateway.errors import ConfigError

MINIMAL = "mounts: {notes: {app: app:create_app}}\n"


@pytest.mark.parametrize("content", ["", "\n\n", "# nothing but a comment\n", "---\n"])
def test_empty_file(site: Site, content: str) -> None:
    message = site.refuse(content)
    assert message.startswith("gateway.yaml:1:1:") or content == "---\n"
    assert "empty" in message or "nothing" in message


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("- a\n- b\n", "a list"),
        ("hello\n", "a single value"),
        ("3\n", "a single value"),
    ],
)
def test_document_that_is_no_mapping(site: Site, content: str, kind: str) -> None:
    message = site.refuse(content)
    assert message == (
        "gateway.yaml:1:1: the file must hold a mapping of keys such as 'mounts:', "
        f"not {kind}"
    )


def test_second_document(site: Site) -> None:
    message = site.refuse(f"{MINIMAL}---\n{MINIMAL}")
    assert message.startswith("gateway.yaml:2:1: a second document starts here")


def test_document_markers_around_one_document(site: Site) -> None:
    assert site.load(f"%YAML 1.1\n---\n{MINIMAL}...\n").mounts


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("mounts:\n\tnotes: {}\n", "2:1"),
        ("mounts:\n  notes:\n    app: a:b\n\tprefix: /x\n", "4:1"),
        ("mounts:\t{}\n", "1:8"),
    ],
)
def test_tab(site: Site, content: str, place: str) -> None:
    assert site.refuse(content) == (
        f"gateway.yaml:{place}: a tab stands here: indent and separate with spaces only"
    )


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        ("a: b: c\n", "1:5", "a ':' is out of place"),
        ("mounts:\n  notes\n  x: {}\n", "3:4", "a ':' is out of place"),
        ("a: {b: 1}\nb\nc: 1\n", "3:1", "a key before here has no ':'"),
        ("a: @x\n", "1:4", "cannot start with this character"),
        (
            "a: 'x\nb: 1\n",
            "3:1",
            "a quote is not closed: close it; it starts at line 1",
        ),
        ("mounts: [1,\n", "2:1", "a bracket is not closed"),
        ("a: *x\n", "1:4", "quote a text that starts with '*'"),
        ("a: &x 1\nb: &x 2\n", "2:4", "anchor's name is taken"),
        ("a: !x!y 1\n", "1:4", "quote a text that starts with '!'"),
        ("mounts:\n  a: 1\n - b\n", "3:2", "the indentation does not fit"),
        ("a: [${X}]\n", "1:6", "put quotes around a text that holds one"),
        ("%YAML 9.0\n--- {}\n", "1:1", "not valid YAML: found incompatible YAML"),
        ('a: "\\UFFFFFFFF"\n', "1:7", "Unicode ends at"),
        ('a: "\\q"\n', "1:6", "not valid YAML: found unknown escape character 'q'"),
    ],
)
def test_syntax_error(site: Site, content: str, place: str, words: str) -> None:
    message = site.refuse(content)
    assert message.startswith(f"gateway.yaml:{place}: "), message
    assert words in message


@pytest.mark.parametrize(
    "content",
    [
        "mounts:\n  notes: {config: {KEY: *hunter2}}\n",
        "mounts:\n  notes: {config: {KEY: !hunter2 x}}\n",
        "mounts:\n  notes: {config: {KEY: !h!hunter2 x}}\n",
        "mounts:\n  notes: {config: {KEY: !!hunter2 x}}\n",
        "mounts:\n  notes: {config: {A: &hunter2 x, B: &hunter2 y}}\n",
        "mounts:\n  notes: {config: {KEY: @hunter2}}\n",
    ],
)
def test_unquoted_password_is_not_repeated(site: Site, content: str) -> None:
    assert "hunter2" not in "\n".join(map(str, site.fail(content)))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_byte_order_mark_and_line_ends(site: Site, newline: str) -> None:
    content = MINIMAL.replace("\n", newline)
    assert site.load(b"\xef\xbb\xbf" + content.encode()).mounts[0].name == "notes"


def test_bad_utf8(site: Site) -> None:
    content = b"\xef\xbb\xbfserver: {}\n# caf\xc3\xa9\nmounts: {n\xffo: 1}\n"
    assert site.refuse(content) == (
        "gateway.yaml:3:11: the byte 0xFF is not UTF-8: save the file as UTF-8"
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16(site: Site, encoding: str) -> None:
    message = site.refuse(f"\ufeff{MINIMAL}".encode(encoding))
    assert message == "gateway.yaml:1:1: the file is in UTF-16: save it as UTF-8"


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x7f", "\ufffe"])
def test_control_character(site: Site, character: str) -> None:
    message = site.refuse(f"mounts: {{}}\n# a{character}b\n")
    assert message.startswith(
        f"gateway.yaml:2:4: the control character U+{ord(character):04X} cannot stand"
    )


def test_missing_file(site: Site) -> None:
    with pytest.raises(ConfigError, match=r"^none\.yaml:1:1: there is no such file"):
        load_config(Path("none.yaml"))


def test_folder(site: Site) -> None:
    with pytest.raises(ConfigError, match=r"^apps:1:1: this is a folder"):
        load_config(Path("apps"))


def test_unreadable_file(site: Site) -> None:
    # A file below a file: what the superuser cannot read either.
    path = site.write(MINIMAL) / "gateway.yaml"
    with pytest.raises(ConfigError, match=r"cannot be read \(Not a directory\)"):
        load_config(path)


def test_name_with_nul(site: Site) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(Path("a\0b"))


def test_working_directory_that_is_gone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = site.root / "gone"
    gone.mkdir()
    path = site.write("mounts: 3\n")
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError) as caught:
        load_config(Path("gateway.yaml"))
    assert "there is no such file" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}:1:9: mounts: this is a single value")


def test_file_that_is_too_large(site: Site) -> None:
    assert site.load(MINIMAL + "#" * (MAX_BYTES - len(MINIMAL))).mounts
    message = site.refuse("#" * (MAX_BYTES + 1))
    assert message.startswith("gateway.yaml:1:1: the file is larger than 1024 KiB")


def test_device_without_end(site: Site) -> None:
    with pytest.raises(ConfigError, match=r"^/dev/zero:1:1: the file is larger than"):
        load_config(Path("/dev/zero"))


def test_name_outside_the_working_directory_is_absolute(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = site.write("")
    monkeypatch.chdir(site.root / "apps")
    with pytest.raises(ConfigError) as caught:
        load_config(Path("../gateway.yaml"))
    assert str(caught.value).startswith(f"{path}:1:1: ")


def test_link_to_a_file_keeps_its_own_folder(site: Site) -> None:
    site.write(MINIMAL, "elsewhere/real.yaml")
    os.symlink("elsewhere/real.yaml", "gateway.yaml")
    spec = load_config(Path("gateway.yaml"))
    assert (spec.source, spec.home) == (site.root / "gateway.yaml", site.root)


def test_terminal_control_in_a_file_name_is_escaped(site: Site) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(Path("\x1b[31m.yaml"))
    assert str(caught.value).startswith("\\x1b[31m.yaml:1:1: ")


def test_duplicate_keys_at_every_depth(site: Site) -> None:
    problems = site.fail(
        "server: {port: 1, port: 2}\n"
        "mounts:\n"
        "  notes:\n"
        "    app: app:create_app\n"
        "    config: {list: [{A: 1, A: 1}]}\n"
        '    "app": app:other\n'
        "  notes: {static: public}\n"
    )
    assert [str(problem) for problem in problems] == [
        f"gateway.yaml:{place}: {path}: this key stands twice in its mapping, first at "
        f"gateway.yaml:{first}: remove one"
        for place, path, first in [
            ("1:19", "server.port", "1:10"),
            ("5:28", "mounts.notes.config.list[0].A", "5:22"),
            ("6:5", "mounts.notes.app", "4:5"),
            ("7:3", "mounts.notes", "3:3"),
        ]
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("!!python/object/apply:os.system [ls]", "the tag !!python/object/apply:os."),
        ("!!python/name:os.system x", "the tag !!python/name:os.system"),
        ("!local x", "this tag"),
        ("!<tag:example.com,2000:x> {a: 1}", "this tag"),
        ("!!int [1]", "the tag !!int"),
        ("!!map x", "the tag !!map"),
        ("!!omap [a: 1]", "the tag !!omap"),
    ],
)
def test_tag_that_is_not_safe(site: Site, value: str, shown: str) -> None:
    message = site.refuse_mount(f"{{app: a:b, config: {{x: {value}}}}}", "a")
    assert message.startswith(f"gateway.yaml:2:29: mounts.a.config.x: {shown}"), message
    assert "is not allowed here: the safe tags are !!str" in message


def test_tag_on_a_key_is_checked(site: Site) -> None:
    message = site.refuse("!!python/name:os server: {}\nmounts: {a: {app: a:b}}\n")
    assert message.startswith("gateway.yaml:1:1: the tag !!python/name:os is not")


def test_key_that_is_no_scalar(site: Site) -> None:
    message = site.refuse("mounts:\n  a: {app: a:b}\n  ? [b, c]\n  : 1\n")
    assert message.startswith("gateway.yaml:3:5: mounts: a key is a single value")


def test_billion_laughs_is_refused(site: Site) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    # Were they counted when all are there, this would not end.
    assert "there are more than 100000 values" in site.refuse("\n".join(lines))


def test_aliases_that_deepen_each_other(site: Site) -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 500))]
    assert "nested deeper than 50 levels" in site.refuse("\n".join(lines))


@pytest.mark.parametrize(
    "content",
    ["a: &x [*x]\n", "a: &x {b: {c: *x}}\n", "&x a: *x\n<<: &y {<<: *y}\n"],
)
def test_alias_that_contains_itself(site: Site, content: str) -> None:
    assert "contains itself by an alias" in site.refuse(content)


@pytest.mark.parametrize(
    "content",
    ["[" * 10_000, "{" * 10_000, "{a: " * 10_000, "- " * 10_000, "? " * 10_000],
)
def test_deep_nesting(site: Site, content: str) -> None:
    assert "nested deeper than 50 levels" in site.refuse(content)


def test_merge_keys(site: Site) -> None:
    spec = site.load(
        "mounts:\n"
        "  one: &one {app: a:b, host: one.test, config: &c {A: 1, B: 2}}\n"
        "  two: {<<: *one, host: two.test, config: {<<: [{B: 3}, *c], C: 4}}\n"
    )
    one, two = spec.mounts
    assert (one.target, two.host) == (two.target, "two.test")
    assert two.config == {"A": 1, "B": 3, "C": 4}


def test_merge_of_what_is_no_mapping(site: Site) -> None:
    message = site.refuse("mounts:\n  a: {<<: [3], app: a:b}\n")
    assert message.startswith(
        "gateway.yaml:2:12: mounts.a.<<: what is merged in must be a mapping, not a "
        "single value"
    )
