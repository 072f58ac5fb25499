"""Where a mount answers: its prefix and its host, checked and made canonical."""

from __future__ import annotations

import re
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

from gateway.config.values import InvalidValue, ScalarType, check_text

# RFC 1123, 2.1, on the names of RFC 952; RFC 1035, 2.3.4 on their length.
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST_NAME: Final = 253

Network: TypeAlias = IPv4Network | IPv6Network


def parse_prefix(text: str) -> str:
    """Return the canonical form of a URL prefix.

    :param text: an absolute path (RFC 3986, 3.3), percent-encoded or not.
    :returns: decoded, without a trailing slash; empty for the root.
    :raises InvalidValue: it is none, or would never match a request.
    """
    check_text(text)
    if not text.startswith("/"):
        raise InvalidValue("does not start with '/': put one in front", f"/{text}")
    if "?" in text or "#" in text:
        raise InvalidValue(
            "has a '?' or '#', which end the path of a URL: remove it, or write %3F or "
            "%23 for the character itself"
        )
    if re.search("%2f", text, re.IGNORECASE):
        raise InvalidValue(
            "has an encoded slash (%2F), which servers do not tell from a plain one: "
            "write '/'"
        )
    decoded = _percent_decoded(text)
    check_text(decoded)
    if "\\" in decoded:
        raise InvalidValue("has a backslash: write '/'", text.replace("\\", "/"))
    segments = decoded.removesuffix("/").split("/")[1:]
    _check_segments(segments)
    return "".join(f"/{segment}" for segment in segments)


def _percent_decoded(text: str) -> str:
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise InvalidValue(
            "has a '%' without two hexadecimal digits behind it: write %25 for the "
            "character itself"
        )
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise InvalidValue(
            "has percent-encoded bytes that are not UTF-8: write the character itself"
        ) from None


def _check_segments(segments: list[str]) -> None:
    if "" in segments:
        raise InvalidValue("has an empty segment ('//'): write one slash")
    if "." in segments or ".." in segments:
        # RFC 3986, 5.2.4: clients and the dispatcher resolve them.
        raise InvalidValue("has a '.' or '..' segment: write the path it leads to")
    if any(set(segment) == {"*"} for segment in segments):
        raise InvalidValue(
            "has a '*' segment: remove it; a prefix holds for everything below it"
        )


def parse_host(text: str) -> str:
    """Return the canonical form of the host that a mount answers on.

    :param text: a name, an IP address, or ``*.`` and a name.
    :returns: lower case, IDNA-encoded; IPv6 compressed and in brackets.
    :raises InvalidValue: it is none of them.
    """
    _check_host_text(text)
    if text == "*":
        raise InvalidValue("is any host: remove the key, which means the same")
    if text.startswith("*."):
        return "*." + _parse_name(text.removeprefix("*."))
    address = _parse_address(text)
    if isinstance(address, IPv6Address):
        return f"[{address.compressed}]"
    return str(address) if address else _parse_name(text)


def parse_listen_address(text: str) -> str:
    """Return the canonical form of the address that the server listens on.

    :param text: a name or an IP address.
    :returns: as for :func:`parse_host`, IPv6 without brackets.
    :raises InvalidValue: it is neither.
    """
    _check_host_text(text)
    if "*" in text:
        raise InvalidValue(
            "has a '*': write 0.0.0.0 for every IPv4 address of the machine, or '::'"
        )
    address = _parse_address(text)
    return address.compressed if address else _parse_name(text)


def _check_host_text(text: str) -> None:
    check_text(text)
    if "/" in text:
        raise InvalidValue(
            "is a URL or a path: write the host's name alone, such as example.com"
        )
    if re.fullmatch(r"([^:]*|\[.*\]):[0-9]*", text):
        host = text.rpartition(":")[0]
        raise InvalidValue(
            "has a port: remove it; the gateway listens on one, 'port:' of 'server:'",
            host or None,
        )


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    bracketed = text.startswith("[") and text.endswith("]")
    literal = text[1:-1] if bracketed else text
    try:
        if "%" not in literal:
            return IPv6Address(literal)
    except AddressValueError:
        pass
    if ":" in text or "[" in text or "]" in text:
        raise InvalidValue("is not an IPv6 address: write one such as '::1'")
    try:
        return IPv4Address(text)
    except AddressValueError:
        return None


def _parse_name(text: str) -> str:
    try:
        # The codec's time grows faster than the text.
        name = text[: _LONGEST_NAME + 1].encode("idna").decode().lower()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if len(text) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise InvalidValue(_BAD_NAME, text.rstrip(".") if text[-1:] == "." else None)
    # RFC 1123, 2.1: a last label of digits would make it an IP address.
    if len(name) > _LONGEST_NAME or labels[-1].isdigit():
        raise InvalidValue(_BAD_NAME)
    return name


_BAD_NAME: Final = (
    "is not the name of a host (RFC 1123): write labels of letters, digits and inner "
    "hyphens, with single dots between them, such as example.com"
)


def parse_admin_prefix(text: str) -> str:
    """Return the canonical form of the prefix of ``admin:``.

    :raises InvalidValue: it is none, or the root.
    """
    prefix = parse_prefix(text)
    if not prefix:
        raise InvalidValue(
            "is the root, which would leave nothing to the mounts: write a prefix, "
            "such as /_gateway"
        )
    return prefix


def parse_network(text: str) -> Network:
    """Return a network of IP addresses, in CIDR notation (RFC 4632; RFC 4291, 2.3).

    :raises InvalidValue: it is none.
    """
    check_text(text)
    try:
        return _unmapped(ip_network(text))
    except ValueError:
        pass
    try:
        near = str(ip_network(text, strict=False))
    except ValueError:
        near = None
    if near is not None:
        raise InvalidValue("has bits set behind its prefix length", near)
    raise InvalidValue(
        "is no network of IP addresses: write one such as 10.0.0.0/8 or '::1/128'"
    )


def _unmapped(network: Network) -> Network:
    """Return the IPv4 network that one of mapped addresses stands for.

    Clients are compared by their IPv4 addresses (RFC 4291, 2.5.5.2).
    """
    first = network.network_address
    if isinstance(first, IPv6Address) and first.ipv4_mapped is not None:
        return IPv4Network((first.ipv4_mapped, network.prefixlen - 96))
    return network


NETWORK = ScalarType(
    "network",
    "10.0.0.0/8",
    {"type": "string", "minLength": 1},
    parse_network,
)
ADMIN_PREFIX = ScalarType(
    "URL prefix",
    "/_gateway",
    {"type": "string", "pattern": r"^/+[^/?#\\][^?#\\]*$"},
    parse_admin_prefix,
)
PREFIX = ScalarType(
    "URL prefix",
    "/notes",
    {"type": "string", "pattern": r"^/[^?#\\]*$"},
    parse_prefix,
)
HOST = ScalarType(
    "host",
    "example.com",
    {"type": "string", "pattern": r"^(\*\.)?[^/*\s]+$"},
    parse_host,
)
LISTEN_ADDRESS = ScalarType(
    "host name or IP address",
    "127.0.0.1",
    {"type": "string", "pattern": r"^[^/*\s]+$"},
    parse_listen_address,
)
