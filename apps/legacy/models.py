"""The units, and reckoning from one to the others."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation

OWNER = "legacy"

# A context of our own: the default one is the thread's, which other code may change.
_PRECISE = Context(prec=28)
_LONGEST = 30


class NotANumber(ValueError):
    """A value that cannot be reckoned with; its text tells the person why."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit, and how many of the base unit of its kind it is."""

    name: str
    plural: str
    kind: str
    size: Decimal


def _units(kind: str, *rows: tuple[str, str, str]) -> list[Unit]:
    return [Unit(name, plural, kind, Decimal(size)) for name, plural, size in rows]


# The sizes are exact by definition (international yard and pound, 1959; imperial pint,
# 1985; imperial fathom of two yards).
UNITS = {
    unit.name: unit
    for unit in [
        *_units(
            "Length",
            ("inch", "inches", "0.0254"),
            ("foot", "feet", "0.3048"),
            ("yard", "yards", "0.9144"),
            ("metre", "metres", "1"),
            ("fathom", "fathoms", "1.8288"),
            ("chain", "chains", "20.1168"),
            ("furlong", "furlongs", "201.168"),
            ("kilometre", "kilometres", "1000"),
            ("mile", "miles", "1609.344"),
            ("nautical mile", "nautical miles", "1852"),
        ),
        *_units(
            "Weight",
            ("gram", "grams", "0.001"),
            ("ounce", "ounces", "0.028349523125"),
            ("pound", "pounds", "0.45359237"),
            ("kilogram", "kilograms", "1"),
            ("stone", "stone", "6.35029318"),
            ("tonne", "tonnes", "1000"),
        ),
        *_units(
            "Volume",
            ("millilitre", "millilitres", "0.001"),
            ("gill", "gills", "0.1420653125"),
            ("pint", "pints", "0.56826125"),
            ("litre", "litres", "1"),
            ("gallon", "gallons", "4.54609"),
            ("barrel", "barrels", "163.65924"),
        ),
    ]
}


def read_number(text: str) -> Decimal:
    """Return *text* as a number; a comma counts as a decimal point.

    :raises NotANumber: it is none, or one beyond all measure.
    """
    text = text.strip().replace(",", ".")
    try:
        number = Decimal(text) if len(text) <= _LONGEST else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 15:
        raise NotANumber(f"“{text[:_LONGEST]}” is not a number to reckon with.")
    return number


def reckon(number: Decimal, unit: Unit) -> list[tuple[Unit, str]]:
    """Return *number* of *unit* in every unit of its kind."""
    base = _PRECISE.multiply(number, unit.size)
    return [
        (other, show(_PRECISE.divide(base, other.size)))
        for other in UNITS.values()
        if other.kind == unit.kind
    ]


def show(number: Decimal) -> str:
    """Return *number* with at most seven digits that count, and thousands apart."""
    if not number:
        return "0"
    places = max(0, 6 - number.adjusted())
    text = f"{number:,.{places}f}"
    whole, point, rest = text.partition(".")
    rest = rest.rstrip("0")
    return (
        whole.replace(",", "\N{NARROW NO-BREAK SPACE}") + (point if rest else "") + rest
    )
