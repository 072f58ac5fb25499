"""The types of single values: how the text of each is parsed and described."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from werkzeug.urls import iri_to_uri


class InvalidValue(Exception):
    """A text is not a value of its type.

    :param message: what is wrong with it, and the cure, after "it"; never the text
        itself, which may be a secret.
    :param suggestion: what was probably meant; it may show the text.
    """

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        self.message = message
        self.suggestion = suggestion
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class ValueType:
    """The type of a value.

    :param label: its name in the reference.
    :param example: a value, as it is written.
    :param schema: the JSON Schema of what may be written, ``${…}`` aside.
    """

    label: str
    example: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ScalarType(ValueType):
    """The type of a single value.

    :param parse: returns what a text means.
    :param secret: whether no message may show the text.
    """

    parse: Callable[[str], object]
    secret: bool = False


def whole_number(low: int, high: int, example: int) -> ScalarType:
    """Return the type of the decimal integers from *low* to *high*."""

    def parse(text: str) -> int:
        # int() takes more than a reader expects here: "1_0", " 8", other scripts'
        # digits. A leading zero means octal to YAML 1.1.
        if not re.fullmatch(r"0|-?[1-9][0-9]*", text):
            raise InvalidValue(
                f"is not a whole number: write one such as {example}, in digits only"
            )
        if len(text) > len(str(high)) or not low <= int(text) <= high:
            raise InvalidValue(f"is out of range: write {low} to {high}")
        return int(text)

    return ScalarType(
        f"whole number, {low} to {high}",
        str(example),
        {
            "anyOf": [
                {"type": "integer", "minimum": low, "maximum": high},
                {"type": "string", "pattern": "^(0|-?[1-9][0-9]*)$"},
            ]
        },
        parse,
    )


_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_NUMBER: Final = r"[0-9]{1,15}(\.[0-9]{1,15})?"
_DURATION: Final = rf"{_NUMBER} ?(ms|s|m|h)?"
_LONGEST: Final = 8760 * _SECONDS["h"]


def _parse_duration(text: str) -> float:
    match = re.fullmatch(_DURATION, text)
    if match is None:
        raise InvalidValue(
            "is not a duration: write a number with ms, s, m or h, such as 30s"
        )
    unit = match.group(2) or ""
    seconds = float(text.removesuffix(unit)) * _SECONDS[unit]
    if not 0 < seconds <= _LONGEST:
        raise InvalidValue("is out of range: write more than 0s and at most 8760h")
    return seconds


DURATION = ScalarType(
    "duration",
    "30s",
    {
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "maximum": _LONGEST},
            {"type": "string", "pattern": f"^{_DURATION}$"},
        ]
    },
    _parse_duration,
)

_BYTES: Final = {
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "KiB": 1024,
    "MB": 1000**2,
    "MiB": 1024**2,
    "GB": 1000**3,
    "GiB": 1024**3,
    "": 1,
}
_SIZE: Final = rf"{_NUMBER} ?(B|kB|KB|KiB|MB|MiB|GB|GiB)?"
_LARGEST: Final = 1024 * _BYTES["GiB"]


def _parse_size(text: str) -> int:
    match = re.fullmatch(_SIZE, text)
    if match is None:
        raise InvalidValue(
            "is not a size: write a number with B, kB, KiB, MB, MiB, GB or GiB, such "
            "as 16MiB",
            _size_in_other_case(text),
        )
    unit = match.group(2) or ""
    size = Decimal(text.removesuffix(unit).rstrip()) * _BYTES[unit]
    if not 1 <= size <= _LARGEST:
        raise InvalidValue("is out of range: write 1B to 1024GiB")
    if size != int(size):
        raise InvalidValue("is no whole number of bytes: write a smaller unit")
    return int(size)


def _size_in_other_case(text: str) -> str | None:
    match = re.fullmatch(r"([0-9.]+ ?)([a-z]+)", text, re.IGNORECASE)
    if match is None:
        return None
    number, unit = match.groups()
    for known in ("B", "kB", "KiB", "MB", "MiB", "GB", "GiB"):
        if unit.lower() in (known.lower(), known.lower().removesuffix("ib")):
            return number + known
    return None


SIZE = ScalarType(
    "size",
    "16MiB",
    {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": _LARGEST},
            {"type": "string", "pattern": f"^{_SIZE}$"},
        ]
    },
    _parse_size,
)

# The words of YAML 1.1, in lower case.
_BOOLEANS: Final = {
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
}


def _parse_boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise InvalidValue("is not a boolean: write true or false") from None


BOOLEAN = ScalarType(
    "boolean",
    "true",
    {"anyOf": [{"type": "boolean"}, {"enum": sorted(_BOOLEANS)}]},
    _parse_boolean,
)


def choice(*words: str) -> ScalarType:
    """Return the type of one of a few words."""
    listed = f"{', '.join(words[:-1])} or {words[-1]}"

    def parse(text: str) -> str:
        if text not in words:
            raise InvalidValue(f"is not one of the choices: write {listed}")
        return text

    return ScalarType(listed, words[0], {"enum": list(words)}, parse)


def number_choice(*numbers: int) -> ScalarType:
    """Return the type of one of a few numbers."""
    words = choice(*map(str, numbers))
    schema = {"enum": [*numbers, *map(str, numbers)]}

    def parse(text: str) -> int:
        return int(str(words.parse(text)))

    return ScalarType(words.label, words.example, schema, parse)


def _parse_reference(text: str) -> str:
    module, colon, attribute = text.partition(":")
    dotted = _is_dotted_name(module) and _is_dotted_name(attribute)
    if not (colon and dotted) or module.endswith(".py"):
        raise InvalidValue(
            "is not a reference: write 'module:attribute', such as app:create_app, "
            "with dots inside packages and 'path:' for the folder of the module",
            _reference_meant(text),
        )
    return text


def _is_dotted_name(text: str) -> bool:
    return all(
        part.isidentifier() and not keyword.iskeyword(part) for part in text.split(".")
    )


def _reference_meant(text: str) -> str | None:
    """Return the reference that a file name, a dotted name or a call probably meant."""
    text = re.sub(r"\(.*\)$", "", text.strip())
    module, _, attribute = text.partition(":")
    module = re.sub(r"\.py$", "", module)
    if not attribute:
        module, _, attribute = module.rpartition(".")
    module = module.removeprefix("./").replace("/", ".")
    if module and _is_dotted_name(module) and _is_dotted_name(attribute):
        return f"{module}:{attribute}"
    return None


REFERENCE = ScalarType(
    "reference",
    "app:create_app",
    {"type": "string", "pattern": r"^[^:\s]+:[^:\s]+$"},
    _parse_reference,
)


def _parse_library(text: str) -> str:
    if not text.isidentifier() or keyword.iskeyword(text):
        raise InvalidValue(
            "is no library's name in import statements: write its top-level name, "
            "such as prometheus_client",
            _library_meant(text),
        )
    return text


def _library_meant(text: str) -> str | None:
    """Return what a name with dots, dashes or a version probably meant."""
    name = re.split(r"[.<>=!~\[ ]", text.strip(), maxsplit=1)[0].replace("-", "_")
    return name if name.isidentifier() and not keyword.iskeyword(name) else None


LIBRARY = ScalarType(
    "library",
    "prometheus_client",
    {"type": "string", "minLength": 1},
    _parse_library,
)


def http_uri(text: str) -> str | None:
    """Return an ``http`` or ``https`` URL in ASCII (RFC 3986).

    :returns: ``None`` if it has another scheme or no host.
    :raises ValueError: it is no URL.
    """
    parts = urlsplit(text)
    # Reading the port checks it.
    host, port, uri = parts.hostname, parts.port, iri_to_uri(text)
    return uri if parts.scheme in ("http", "https") and host and port != 0 else None


def check_base(text: str) -> None:
    """Refuse an address that the rest of a request's path cannot be added to.

    :raises InvalidValue: it has a query or a fragment, or a space.
    """
    if " " in text or "?" in text or "#" in text:
        raise InvalidValue(
            "has a space, '?' or '#': remove it; the rest of the request's path and "
            "its query are added at the end"
        )


def _parse_location(text: str) -> str:
    check_text(text)
    check_base(text)
    # RFC 3986, 4.2: two slashes at the start name another host.
    if text.startswith("/") and not text.startswith("//"):
        return iri_to_uri(text)
    try:
        uri = http_uri(text)
    except ValueError:
        uri = None
    if uri is None:
        raise InvalidValue(
            "is not an address to redirect to: write a path such as /notes, or a "
            "whole URL with http:// or https://"
        )
    return uri


LOCATION = ScalarType(
    "path or URL",
    "/notes",
    {"type": "string", "pattern": "^(/|https?://)"},
    _parse_location,
)


def _parse_probe(text: str) -> str:
    check_text(text)
    if not text.startswith("/") or " " in text or "#" in text:
        raise InvalidValue(
            "is not a path inside the mount: write one that starts with '/', such as "
            "/healthz, percent-encoded as in a URL"
        )
    return iri_to_uri(text)


PROBE = ScalarType(
    "path",
    "/healthz",
    {"type": "string", "pattern": "^/"},
    _parse_probe,
)


def _parse_token(text: str) -> str:
    if not re.fullmatch(_TOKEN, text):
        raise InvalidValue(
            "is no bearer token (RFC 6750, 2.1): write letters, digits and -._~+/ "
            "only, such as 'openssl rand -hex 32' prints"
        )
    return text


_TOKEN: Final = r"[A-Za-z0-9._~+/-]+=*"
TOKEN = ScalarType(
    "token",
    "a3f0c2d4e6b8",
    {"type": "string", "pattern": f"^{_TOKEN}$"},
    _parse_token,
    secret=True,
)


def check_text(text: str) -> None:
    """Refuse what can stand neither in a path nor in a header or a log line.

    :raises InvalidValue: *text* is empty, or has control or half characters.
    """
    if not text:
        raise InvalidValue("is empty: write a value, or remove the key")
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text):
        raise InvalidValue("has a line break or another control character: remove it")
    if re.search(r"[\ud800-\udfff]", text):
        raise InvalidValue("has a character that is not Unicode: correct it")


def parse_path(text: str) -> str:
    """Return *text*, a path of the file system.

    :raises InvalidValue: it can be none.
    """
    check_text(text)
    return text
