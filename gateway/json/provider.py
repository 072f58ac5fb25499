"""What an application reads and writes JSON with."""

from __future__ import annotations

from gateway.framework.json import DefaultJSONProvider as DefaultJSONProvider
from gateway.framework.json import JSONProvider as JSONProvider
