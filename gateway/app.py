"""The application class, where a ported import line expects it."""

from __future__ import annotations

from gateway.framework.app import App as App
from gateway.framework.app import Flask as Flask
