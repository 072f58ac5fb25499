"""Everything that one answer refers to, by what it is."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.proof.doctor.ask import CSS, HTML, SCRIPT, Answer
from gateway.proof.doctor.headers import in_headers
from gateway.proof.doctor.markup import in_html
from gateway.proof.doctor.openapi import in_json
from gateway.proof.doctor.references import Reference
from gateway.proof.doctor.scripts import in_script, in_style


def references(answer: Answer) -> Iterator[Reference]:
    """Yield what *answer* refers to, its headers first."""
    yield from in_headers(answer.status, answer.headers)
    if answer.media_type in HTML:
        yield from in_html(answer.text)
    elif answer.media_type == CSS:
        yield from in_style(answer.text)
    elif answer.media_type in SCRIPT:
        yield from in_script(answer.text)
    elif answer.text:
        yield from in_json(answer.text)
