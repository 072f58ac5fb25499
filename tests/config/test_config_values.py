"""The types of single values, one rule at a time."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.address import parse_host, parse_listen_address, parse_prefix
from gateway.config.schema import TABLE
from gateway.config.values import (
    BOOLEAN,
    DURATION,
    LOCATION,
    REFERENCE,
    SIZE,
    InvalidValue,
    ScalarType,
    choice,
    number_choice,
    whole_number,
)

PORT = whole_number(0, 65535, 8080)


def refuse(of: ScalarType, text: str) -> InvalidValue:
    with pytest.raises(InvalidValue) as caught:
        of.parse(text)
    return caught.value


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("80", 80), ("65535", 65535)])
def test_whole_number(text: str, expected: int) -> None:
    assert PORT.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "true",
        "8.0",
        "1e3",
        "1_000",
        "0o10",
        "0x1F",
        "010",
        "+8",
        " 8",
        "8 ",
        "٨",
        "-",
    ],
)
def test_no_whole_number(text: str) -> None:
    assert "is not a whole number: write one such as 8080" in refuse(PORT, text).message


@pytest.mark.parametrize("text", ["65536", "-1", "9" * 5000, "-" + "9" * 5000])
def test_number_out_of_range(text: str) -> None:
    assert refuse(PORT, text).message == "is out of range: write 0 to 65535"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("500ms", 0.5),
        ("2m", 120),
        ("1h", 3600),
        ("15", 15),
        ("1.5 h", 5400),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert DURATION.parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "s", "-1s", "1m30s", "30 seconds", "1d", "1e3s", ".5s", "inf", "30S"]
)
def test_no_duration(text: str) -> None:
    assert "with ms, s, m or h, such as 30s" in refuse(DURATION, text).message


@pytest.mark.parametrize("text", ["0", "0.0ms", "8761h", "9" * 15])
def test_duration_out_of_range(text: str) -> None:
    assert "is out of range: write more than 0s" in refuse(DURATION, text).message


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("10B", 10),
        ("2kB", 2000),
        ("2KB", 2000),
        ("2KiB", 2048),
        ("16MB", 16_000_000),
        ("16MiB", 16 * 1024**2),
        ("1GB", 10**9),
        ("1 GiB", 1024**3),
        ("1.5KiB", 1536),
        ("0.1kB", 100),
    ],
)
def test_size(text: str, size: int) -> None:
    assert SIZE.parse(text) == size


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("16mib", "16MiB"),
        ("16M", "16MiB"),
        ("16mb", "16MB"),
        ("8k", "8KiB"),
        ("8b", "8B"),
        ("1G", "1GiB"),
        ("16 apples", None),
        ("MiB", None),
        ("-1B", None),
        ("1e3", None),
        ("", None),
    ],
)
def test_no_size(text: str, meant: str | None) -> None:
    error = refuse(SIZE, text)
    assert "such as 16MiB" in error.message
    assert error.suggestion == meant


@pytest.mark.parametrize(
    ("text", "words"),
    [("0", "1B to 1024GiB"), ("1025GiB", "1B to 1024GiB"), ("1.5B", "a smaller unit")],
)
def test_size_out_of_range(text: str, words: str) -> None:
    assert words in refuse(SIZE, text).message


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("Yes", True), ("ON", True), ("false", False), ("no", False)],
)
def test_boolean(text: str, expected: bool) -> None:
    assert BOOLEAN.parse(text) is expected


@pytest.mark.parametrize("text", ["1", "", "y", "truth"])
def test_no_boolean(text: str) -> None:
    assert refuse(BOOLEAN, text).message == "is not a boolean: write true or false"


def test_choices() -> None:
    assert choice("private", "shared").parse("shared") == "shared"
    assert number_choice(301, 302).parse("302") == 302
    assert (
        "write private or shared" in refuse(choice("private", "shared"), "no").message
    )
    assert (
        "write 301, 302 or 303" in refuse(number_choice(301, 302, 303), "200").message
    )


@pytest.mark.parametrize(
    "text", ["app:app", "a.b.c:create_app", "app:site.wsgi", "_a1:_b2", "größe:höhe"]
)
def test_reference(text: str) -> None:
    assert REFERENCE.parse(text) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("app.create_app", "app:create_app"),
        ("app.py:create_app", "app:create_app"),
        ("a/b.py:app", "a.b:app"),
        ("./app.py:app", "app:app"),
        ("app:create_app()", "app:create_app"),
        ("app:create_app(debug=True)", "app:create_app"),
        (" app:app ", "app:app"),
        ("a.b.app", "a.b:app"),
        ("app", None),
        ("", None),
        (":app", None),
        ("app:", None),
        ("a:b:c", None),
        ("a..b:c", None),
        ("app:2nd", None),
        ("app:class", None),
        ("my-app:app", None),
        ("app:app\n", "app:app"),
    ],
)
def test_no_reference(text: str, meant: str | None) -> None:
    error = refuse(REFERENCE, text)
    assert "write 'module:attribute', such as app:create_app" in error.message
    assert error.suggestion == meant


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("/", "/"),
        ("/notes/", "/notes/"),
        ("/caf\u00e9", "/caf%C3%A9"),
        ("/a%20b", "/a%20b"),
        ("http://example.com", "http://example.com"),
        ("https://b\u00fccher.example:8443/x", "https://xn--bcher-kva.example:8443/x"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
    ],
)
def test_location(text: str, location: str) -> None:
    assert LOCATION.parse(text) == location


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("notes", "write a path such as /notes"),
        ("//example.com/x", "write a path such as /notes"),
        ("ftp://example.com/", "write a path such as /notes"),
        ("javascript:alert(1)", "write a path such as /notes"),
        ("http://", "write a path such as /notes"),
        ("http://[::1/", "write a path such as /notes"),
        ("http://h:99999/", "write a path such as /notes"),
        ("http://h:0/", "write a path such as /notes"),
        ("http://h:http/", "write a path such as /notes"),
        ("/x?a=1", "has a space, '?' or '#'"),
        ("/x?", "has a space, '?' or '#'"),
        ("/x#top", "has a space, '?' or '#'"),
        ("/x y", "has a space, '?' or '#'"),
        ("/x\r\nSet-Cookie: a=b", "control character"),
        ("/\ud800", "not Unicode"),
        ("", "is empty"),
    ],
)
def test_no_location(text: str, words: str) -> None:
    assert words in refuse(LOCATION, text).message


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("/", ""),
        ("/notes", "/notes"),
        ("/notes/", "/notes"),
        ("/a/b-c/d.e", "/a/b-c/d.e"),
        ("/caf%C3%A9", "/caf\u00e9"),
        ("/caf\u00e9", "/caf\u00e9"),
        ("/a b", "/a b"),
        ("/a%20b/", "/a b"),
        ("/100%25", "/100%"),
        ("/what%3F%23", "/what?#"),
        ("/...", "/..."),
        ("/a*b", "/a*b"),
    ],
)
def test_prefix(text: str, prefix: str) -> None:
    assert parse_prefix(text) == prefix


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("notes", "does not start with '/'"),
        ("//", "empty segment"),
        ("/a//b", "empty segment"),
        ("/a//", "empty segment"),
        ("/.", "'.' or '..' segment"),
        ("/a/../b", "'.' or '..' segment"),
        ("/a/%2e%2E", "'.' or '..' segment"),
        ("/a?b", "write %3F or %23"),
        ("/a#b", "write %3F or %23"),
        ("/a%2fb", "an encoded slash"),
        ("/a%2Fb", "an encoded slash"),
        ("/a\\b", "has a backslash"),
        ("/a%5cb", "has a backslash"),
        ("/a\0", "control character"),
        ("/a%00", "control character"),
        ("/a%0Ab", "control character"),
        ("/a\x7f", "control character"),
        ("/a\u2028", "control character"),
        ("/a%", "'%' without two hexadecimal digits"),
        ("/a%zz", "'%' without two hexadecimal digits"),
        ("/a%ff", "not UTF-8"),
        ("/a%ed%a0%80", "not UTF-8"),
        ("/a\ud800", "not Unicode"),
        ("/api/*", "holds for everything below it"),
        ("/api/**/x", "holds for everything below it"),
    ],
)
def test_no_prefix(text: str, words: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_prefix(text)
    assert words in caught.value.message


@given(st.text(alphabet=st.sampled_from("/aé.%20Fc3A9?#*\\ \0")))
def test_canonical_prefix_is_canonical(text: str) -> None:
    try:
        prefix = parse_prefix(f"/{text}")
    except InvalidValue:
        return
    assert prefix == "" or (prefix.startswith("/") and not prefix.endswith("/"))
    assert not {"", ".", ".."} & set(prefix.split("/")[1:])
    written = prefix.replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    assert parse_prefix(written or "/") == prefix


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.Com", "example.com"),
        ("localhost", "localhost"),
        ("*.Example.com", "*.example.com"),
        ("*.localhost", "*.localhost"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("*.b\u00dccher.example", "*.xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("3com.com", "3com.com"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("[::1]", "[::1]"),
        ("2001:DB8:0:0::1", "[2001:db8::1]"),
        ("a" * 63 + ".test", "a" * 63 + ".test"),
    ],
)
def test_host(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    ("text", "words", "meant"),
    [
        ("", "is empty", None),
        ("*", "is any host: remove the key", None),
        ("example.com:8080", "has a port: remove it", "example.com"),
        ("[::1]:8080", "has a port: remove it", "[::1]"),
        ("127.0.0.1:", "has a port: remove it", "127.0.0.1"),
        ("http://example.com", "is a URL or a path", None),
        ("example.com/x", "is a URL or a path", None),
        ("example.com.", "is not the name of a host", "example.com"),
        ("a.*.com", "is not the name of a host", None),
        ("*.*.com", "is not the name of a host", None),
        ("*.", "is not the name of a host", None),
        ("*example.com", "is not the name of a host", None),
        ("*.127.0.0.1", "is not the name of a host", None),
        ("a..b", "is not the name of a host", None),
        (".a", "is not the name of a host", None),
        ("-a.com", "is not the name of a host", None),
        ("a-.com", "is not the name of a host", None),
        ("a_b.com", "is not the name of a host", None),
        ("a b", "is not the name of a host", None),
        ("256.1.1.1", "is not the name of a host", None),
        ("1.2.3", "is not the name of a host", None),
        ("a" * 64 + ".test", "is not the name of a host", None),
        (".".join(["a" * 50] * 6), "is not the name of a host", None),
        (".".join(["\u00fc" * 40] * 6), "is not the name of a host", None),
        ("\u00fc" * 300, "is not the name of a host", None),
        ("[::1", "is not an IPv6 address", None),
        ("fe80::1%eth0", "is not an IPv6 address", None),
        ("1:2:3", "is not an IPv6 address", None),
        ("[127.0.0.1]", "is not an IPv6 address", None),
        ("a\nb", "control character", None),
        ("\ud800", "not Unicode", None),
    ],
)
def test_no_host(text: str, words: str, meant: str | None) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_host(text)
    assert words in caught.value.message
    assert caught.value.suggestion == meant


@given(st.text(max_size=40) | st.from_regex(r"[a-zA-Zäß0-9.:*\[\]-]{1,20}"))
def test_canonical_host_is_canonical(text: str) -> None:
    try:
        host = parse_host(text)
    except InvalidValue:
        return
    assert host.isascii()
    assert host == host.lower()
    assert parse_host(host) == host


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0", "0.0.0.0"),
        ("::", "::"),
        ("[::1]", "::1"),
        ("LOCALHOST", "localhost"),
    ],
)
def test_listen_address(text: str, address: str) -> None:
    assert parse_listen_address(text) == address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("*", "write 0.0.0.0"),
        ("*.example.com", "write 0.0.0.0"),
        ("0.0.0.0:80", "has a port"),
        ("http://localhost", "is a URL"),
        ("a b", "is not the name of a host"),
    ],
)
def test_no_listen_address(text: str, words: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_listen_address(text)
    assert words in caught.value.message


@given(st.text() | st.from_regex(r"[0-9.]{1,12} ?[a-zA-Z]{0,3}"))
def test_no_type_fails_otherwise_than_by_saying_so(text: str) -> None:
    for key in TABLE:
        if isinstance(key.type, ScalarType):
            with suppress(InvalidValue):
                # None is what "off" means, and no value's absence.
                off = key.type.label.endswith(", or off")
                assert key.type.parse(text) is not None or off


def test_every_example_and_default_is_valid() -> None:
    for key in TABLE:
        if isinstance(key.type, ScalarType):
            key.type.parse(key.type.example)
            assert (key.default is None) == (key.default_value() is None)
