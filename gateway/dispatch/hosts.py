"""The Host header: checked, and reduced to the name that routing compares."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

# RFC 1035, 2.3.4: a name is at most 255 octets; a colon and a port may follow.
_LONGEST = 255 + 6

# RFC 9110, 7.2 allows any RFC 3986 reg-name. What DNS cannot resolve (sub-delims,
# percent-encodings) is refused: frameworks differ on it, and links built from such a
# header have been a way to poison caches and password-reset mails.
_NAME = re.compile(r"([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_-])?)\.?(?::([0-9]{0,5}))?", re.I)
_IPV6 = re.compile(r"\[([0-9a-f:.]+)\](?::([0-9]{0,5}))?", re.I)


def parse_host(value: str) -> str | None:
    """Return the host that a Host header names, or ``None`` if it is nonsense.

    :param value: the header's value; empty is allowed (RFC 9110, 7.2).
    :returns: lower case, without port and trailing dot; IPv6 in brackets.
    """
    if not value:
        return ""
    if len(value) > _LONGEST:
        return None
    match = _NAME.fullmatch(value) or _IPV6.fullmatch(value)
    if match is None:
        return None
    name, port = match.groups()
    if port and int(port) > 65535:
        return None
    if match.re is _IPV6:
        try:
            return f"[{IPv6Address(name).compressed}]"
        except AddressValueError:
            return None
    return None if ".." in name else name.lower()
