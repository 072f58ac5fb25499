"""The types that YAML 1.1 gives single values, as PyYAML's safe loader reads them."""

from __future__ import annotations

from typing import Final

import yaml

from gateway.config.nodes import MERGE_TAG, STR_TAG, VALUE_TAG

_RESOLVER: Final = yaml.resolver.Resolver()

# No number that is meant is longer, and one in base 60 takes its length squared.
_LONGEST: Final = 1000


def tag_of(text: str) -> str:
    """Return the tag that *text* has where it stands without quotes."""
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return str(tag)


def typed(text: str, tag: str) -> object:
    """Return what *text* means under a safe *tag*.

    :raises ValueError: it cannot be read as that type.
    """
    if tag in (STR_TAG, MERGE_TAG, VALUE_TAG):
        return text
    if len(text) > _LONGEST and not tag.endswith(":binary"):
        raise ValueError("too long")
    try:
        return yaml.constructor.SafeConstructor().construct_document(
            yaml.ScalarNode(tag, text)
        )
    except (ArithmeticError, AttributeError, LookupError, yaml.YAMLError) as error:
        # PyYAML relies on the text's look, which a tag such as !!int overrules.
        raise ValueError(str(error)) from error
