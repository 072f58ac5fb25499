"""JSON as the current application reads and writes it."""

from __future__ import annotations

from gateway.framework.helpers import jsonify as jsonify
from gateway.framework.json import dump as dump
from gateway.framework.json import dumps as dumps
from gateway.framework.json import load as load
from gateway.framework.json import loads as loads
