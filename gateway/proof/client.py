"""A client on a real socket, which reads as much as it is told to."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from time import monotonic
from typing import Final, Literal, TypeAlias

from gateway._version import __version__
from gateway.proof.addresses import Address
from gateway.proof.cookies import parse_cookie
from gateway.proof.evidence import PLAIN, Answer
from gateway.proof.schedule import Limits
from gateway.proof.witness import PID

Reading: TypeAlias = Literal["all", "part", "head"]
"""How far a client reads: to the end; a part, then it hangs up; the head of the
response, and then it is gone without a word."""

_BLOCK: Final = 64 * 1024
_PART: Final = 2048
_GOING_ON: Final = "the response was still going on after"
_CUT_OFF: Final = "the response was cut off in the middle"
# On, with no time to linger: closing sends a reset (TCP's RST) and not its farewell.
_RESET: Final = struct.pack("ii", 1, 0)


class _TooSlow(Exception):
    """There was more of a response than is waited for."""


class Client:
    """A client of one mount, with a connection that is kept alive.

    :param server: where the gateway listens.
    :param address: what is asked for.
    """

    def __init__(
        self, server: tuple[str, int], address: Address, limits: Limits
    ) -> None:
        self._port = server[1]
        self._address = address
        self._limits = limits
        self._connection = HTTPConnection(*server, timeout=limits.response)
        self._socket: socket.socket | None = None

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def get(
        self,
        number: int,
        headers: Mapping[str, str],
        *,
        act: str = PLAIN,
        reading: Reading = "all",
    ) -> Answer:
        """Send one request and read the response.

        :param number: the request's.
        :param headers: further ones.
        :param act: what is done with the call meanwhile.
        """
        try:
            response = self._send(headers)
        except TimeoutError:
            waited = f"no response within {self._limits.response:g} s"
            return Answer(number, problem=waited, slow=True, act=act)
        except (OSError, HTTPException) as error:
            return Answer(number, problem=f"no response: {error!r}", act=act)
        pid = response.getheader(PID)
        slow = False
        try:
            if reading == "all":
                problem = self._read(response)
            else:
                problem = self._leave(response, reading)
        except _TooSlow as error:
            problem, slow = str(error), True
        host, path = self._address.host, self._address.path.partition("?")[0]
        return Answer(
            number,
            response.status,
            int(pid) if pid else None,
            problem,
            slow,
            tuple(
                parse_cookie(value, host, path)
                for value in response.msg.get_all("Set-Cookie", ())
            ),
            act,
        )

    def _send(self, headers: Mapping[str, str]) -> HTTPResponse:
        headers = {
            "Host": f"{self._address.host}:{self._port}",
            "Accept": "*/*",
            "User-Agent": f"gateway-prove/{__version__}",
            **headers,
        }
        used = self._connection.sock is not None
        try:
            return self._request(headers)
        except ConnectionError:
            if not used:
                raise
        # RFC 9112, 9.3.1: the server may close a connection after any response; a
        # request that met its end is sent again on a new one.
        self._connection.close()
        return self._request(headers)

    def _request(self, headers: Mapping[str, str]) -> HTTPResponse:
        self._connection.request("GET", self._address.path, headers=headers)
        # Kept: with the last response the connection gives its socket away.
        self._socket = self._connection.sock
        return self._connection.getresponse()

    def _leave(self, response: HTTPResponse, reading: Reading) -> str | None:
        """Stop reading in the middle."""
        try:
            if reading == "part":
                response.read(_PART)
            elif self._socket is not None:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except (OSError, HTTPException):
            return _CUT_OFF
        finally:
            response.close()
            self._connection.close()
        return None

    def _read(self, response: HTTPResponse) -> str | None:
        """Read the body; return what was wrong with it.

        :raises _TooSlow: there is more of it than the limits allow.
        """
        until, size = monotonic() + self._limits.body, 0
        try:
            while block := response.read1(_BLOCK):
                size += len(block)
                if monotonic() > until:
                    raise _TooSlow(f"{_GOING_ON} {self._limits.body:g} s")
                if size > self._limits.size:
                    raise _TooSlow(f"{_GOING_ON} {self._limits.size} bytes")
            # Only this tells the connection that the next request may be sent.
            response.read()
        except TimeoutError:
            stopped = f"the response stopped for {self._limits.response:g} s"
            raise _TooSlow(stopped) from None
        except (OSError, HTTPException):
            return _CUT_OFF
        return _CUT_OFF if response.length else None
