"""Whatever the headers hold: nothing raises, and mounts get back exactly their own."""

from __future__ import annotations

from typing import Any

from cookies_site import Placed, UserAgent
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policies.cookies import outgoing_cookie, own_cookies
from gateway.policies.cookies_plan import CookiePlan, plan_cookies

# What can be in a header: bytes as Latin-1 (PEP 3333). Mostly what means something.
TEXT = st.one_of(
    st.text(st.characters(max_codepoint=255)),
    st.lists(
        st.sampled_from(
            [
                *[";", "=", '"', ",", " ", "\t", "\\", ".", "/", "%", "%2f", "\xa0"],
                *["a", "notes.", "portal.", "__Host-", "__host-http-", "__Secure-"],
                *["; Path=/", "; path=/notes/x", ";Path", "session", "Domain=x", "\0"],
            ]
        )
    ).map("".join),
)
SCRIPT_NAME = st.one_of(
    st.sampled_from(["", "/", "/notes", "/outer/notes"]),
    TEXT.map(lambda text: f"/{text}"),
)
PREFIXES = {
    "portal": "",
    "notes": "/notes",
    "http-api": "/notes/api",
    "v1.2": "/caf\xe9",
    "odd": "/o;d/d",
}
PATHS = {
    "portal": "/",
    "notes": "/notes/",
    "http-api": "/notes/api/",
    "v1.2": "/caf%C3%A9/",
    "odd": "/o;d/d/",
}
MODE = st.sampled_from(["isolated", "namespaced"])
MODES = st.fixed_dictionaries(dict.fromkeys(PREFIXES, MODE))


def plans(modes: dict[str, str]) -> dict[str, CookiePlan]:
    return plan_cookies(
        [Placed(name, PREFIXES[name], cookies=mode) for name, mode in modes.items()]
    )


@given(MODES, st.sampled_from(list(PREFIXES)), TEXT, SCRIPT_NAME)
@settings(deadline=None, max_examples=400)
def test_no_text_makes_it_raise(
    modes: dict[str, str], mount: str, text: str, script_name: str
) -> None:
    plan = plans(modes)[mount]
    for made in (
        outgoing_cookie(text, plan, script_name),
        own_cookies(text, plan, script_name),
    ):
        assert made is None or made.encode("latin-1") is not None


@given(TEXT)
@settings(deadline=None, max_examples=200)
def test_what_is_shown_was_there(text: str) -> None:
    plan = plans(dict.fromkeys(PREFIXES, "isolated"))["http-api"]
    there = pairs(text)
    for name, value in pairs(own_cookies(text, plan, "/notes/api")):
        assert (plan.outside(name), value) in there


def pairs(header: str) -> set[tuple[str, str]]:
    found = set()
    for part in header.split(";"):
        name, equals, value = part.partition("=")
        pair = (name, value) if equals else ("", name)
        found.add((pair[0].strip(" \t"), pair[1].strip(" \t")))
    return found | {("", "")}


NAME = st.one_of(
    st.text("abcxyz019!#$%&'*+-.^_`|~", min_size=1, max_size=8),
    st.lists(
        st.sampled_from(
            [
                *["session", "notes", "portal", "http-api", "v1%2E2", "odd", "."],
                *["__Host-", "__host-", "__Secure-", "__Http-", "Http-", "-", "__"],
            ]
        ),
        min_size=1,
        max_size=4,
    ).map("".join),
)
VALUE = st.one_of(
    st.text("abc019!#$%&'()*+-./:<=>?@[]^_`{|}~", max_size=8),
    st.sampled_from(
        ['"quoted, value"', '"\\073\\""', "a=b=", "\xc3\xa0", "x y", "notes.a=1"]
    ),
)
ATTRIBUTES = st.sampled_from(
    [
        "",
        "; Path=/",
        "; Secure; Path=/",
        "; HttpOnly;secure ;PATH=/; SameSite=Lax",
        "; Secure; HttpOnly",
        "; Path=/x; Path=/; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
        "; Secure; Path=/; Domain=example.com",
    ]
)
COOKIES = st.dictionaries(NAME, st.tuples(VALUE, ATTRIBUTES), max_size=4)


@given(MODES, st.fixed_dictionaries(dict.fromkeys(PREFIXES, COOKIES)))
@settings(deadline=None, max_examples=400)
def test_every_mount_gets_back_exactly_what_it_would_alone(
    modes: dict[str, str], cookies: dict[str, dict[str, tuple[str, str]]]
) -> None:
    made = plans(modes)
    browser = UserAgent()
    alone = {name: UserAgent() for name in PREFIXES}

    def respond(deleting: str) -> None:
        for mount, plan in made.items():
            for name, (value, attributes) in cookies[mount].items():
                header = f"{name}={value}{attributes}{deleting}"
                sent = outgoing_cookie(header, plan, script_name(mount))
                assert sent is not None
                browser.receive(PATHS[mount], sent)
                alone[mount].receive("/", header)

    def shown(mount: str) -> list[str]:
        header = browser.header(PATHS[mount])
        own = own_cookies(header, made[mount], script_name(mount))
        return sorted(own.split("; "))

    respond("")
    for mount in made:
        assert shown(mount) == sorted(alone[mount].header("/").split("; "))
    respond("; Max-Age=0")
    for mount in made:
        assert shown(mount) == [""]
    assert browser.store == {}


def script_name(mount: str) -> str:
    return PREFIXES[mount].encode().decode("latin-1")


@given(
    st.dictionaries(NAME, VALUE, max_size=4), st.dictionaries(NAME, VALUE, max_size=4)
)
@settings(deadline=None, max_examples=200)
def test_the_own_come_in_the_order_of_the_browser(
    own: dict[str, str], others: dict[str, str]
) -> None:
    made = plans(dict.fromkeys(PREFIXES, "isolated"))
    plan, other = made["notes"], made["portal"]
    sent: list[Any] = []
    for name, value in own.items():
        sent.append(f"{plan.outside(name)}={value}")
        sent.extend(f"{other.outside(n)}={v}" for n, v in others.items())
    expected = "; ".join(f"{name}={value}" for name, value in own.items())
    assert own_cookies("; ".join(sent), plan, "/notes") == expected
