"""What an application can be recognised by."""

from __future__ import annotations


class ApplicationMarker:
    """The base of :class:`gateway.App`, for modules that it imports itself."""

    __slots__ = ()
