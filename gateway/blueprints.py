"""Blueprints, where a ported import line expects them."""

from __future__ import annotations

from gateway.framework.blueprints import Blueprint as Blueprint
from gateway.framework.blueprints import BlueprintSetupState as BlueprintSetupState
