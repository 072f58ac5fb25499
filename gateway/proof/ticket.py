"""The header by which a request of the prover is known, as each side spells it."""

from __future__ import annotations

from typing import Final

TICKET: Final = "Gateway-Proof"
"""As a client sends it."""
TICKET_KEY: Final = f"HTTP_{TICKET.upper().replace('-', '_')}"
"""As it is in an environ (PEP 3333)."""
TICKET_NAME: Final = TICKET.lower().encode("ascii")
"""As it is in an ASGI scope."""
