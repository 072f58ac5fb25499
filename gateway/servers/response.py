"""What an application may have sent, checked before the first byte of it is.

Waitress checks a part: strings, and no line breaks in them. The rest would reach the
client as a response that is not one, or as the beginning of another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from gateway.errors import InvalidResponseError

# RFC 9112, 4 and 5: a final status, then fields of a token and visible text.
_STATUS: Final = rb"HTTP/1\.[01] [2-5][0-9]{2}(?: [\t -~\x80-\xff]*)?\r\n"
_FIELD: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t -~\x80-\xff]*\r\n"
_HEAD: Final = re.compile(rb"%b(?:%b)*\r\n" % (_STATUS, _FIELD))
_STATUS_LINE: Final = re.compile(_STATUS)

_SHOWN: Final = 60


def check_head(head: bytes, fields: Iterable[tuple[str, str]]) -> None:
    """Check the head of a response.

    :param fields: its headers; joined, a colon in a name looks like its end.
    :raises InvalidResponseError: it is none (RFC 9112).
    """
    if _HEAD.fullmatch(head) is None:
        raise _wrong_head(head)
    for name, _ in fields:
        if ":" in name:
            raise _wrong_field(name.encode("latin-1"))


def check_length(values: Sequence[str]) -> None:
    """Check the values of a response's Content-Length headers, of which there are some.

    :raises InvalidResponseError: they are not one number (RFC 9110, 8.6).
    """
    if len(values) > 1 or not (values[0].isascii() and values[0].isdigit()):
        raise InvalidResponseError(
            f"the response's Content-Length is {_shown(', '.join(values))}: it has "
            "to be one whole number of bytes"
        )


def check_chunk(data: object) -> None:
    """Check a piece of a response's body.

    :raises InvalidResponseError: it is not of bytes (PEP 3333).
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InvalidResponseError(
            f"the response's body has a piece of type {type(data).__name__}: it has to "
            "be bytes, as what .encode() returns"
        )
    if isinstance(data, memoryview) and data.nbytes != len(data):
        raise InvalidResponseError(
            "the response's body has a memoryview whose items are not bytes: its "
            "length would be wrong. Use .cast('B'), or bytes()"
        )


def check_room(task: Any) -> None:
    """Check that there may be more of a response's body.

    Without it an endless body behind a length, or behind a status that has no content,
    would be asked for more for ever: nothing is sent, so no client is seen to leave.

    :param task: waitress's; the head of its response is written.
    :raises InvalidResponseError: all is sent that may be (PEP 3333).
    """
    length = task.content_length if task.has_body else 0
    if task.request.command == "HEAD" or length is None:
        return
    if task.content_bytes_written >= length:
        raise InvalidResponseError(
            f"the response's body goes on after its {length} bytes, which is what "
            "its status or its Content-Length allows"
        )


def _wrong_head(head: bytes) -> InvalidResponseError:
    first = _STATUS_LINE.match(head)
    if first is None:
        status = head.partition(b"\r\n")[0].partition(b" ")[2]
        return InvalidResponseError(
            f"the response's status is {_shown(status)}: it has to be a number from "
            "200 to 599 and a phrase, as in '200 OK'"
        )
    fields = head[first.end() : -2].split(b"\r\n")
    wrong = next(each for each in fields if not re.fullmatch(_FIELD, each + b"\r\n"))
    return _wrong_field(wrong)


def _wrong_field(field: bytes) -> InvalidResponseError:
    return InvalidResponseError(
        f"the response has the header {_shown(field)}: a name is of letters, digits "
        "and hyphens, and a value has no control characters"
    )


def _shown(value: bytes | str) -> str:
    text = value if isinstance(value, str) else value.decode("latin-1")
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
