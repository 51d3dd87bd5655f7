"""Who may talk to the server, and how much."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Limits:
    rate: float = 240.0  # messages a second from a connection, as many in a burst
    flood: int = 2000  # messages refused for their rate until the connection is closed
    sessions: int = 16  # played at once
    connections: int = 64
    hello_s: float = 10.0  # to say hello in


@dataclass
class Bucket:
    """A bucket of tokens that fills at `rate` a second and holds a second's worth."""

    rate: float
    clock: Callable[[], float] = time.monotonic
    refused: int = 0
    _left: float = field(init=False)
    _seen: float = field(init=False)

    def __post_init__(self) -> None:
        self._left, self._seen = self.rate, self.clock()

    def take(self) -> bool:
        """Whether one more may pass."""
        now = self.clock()
        self._left = min(self.rate, self._left + (now - self._seen) * self.rate)
        self._seen = now
        if self._left < 1:
            self.refused += 1
            return False
        self._left -= 1
        return True


@dataclass(frozen=True)
class Door:
    """host: what the server listens on. token: None where only this machine can come in."""

    host: str = "127.0.0.1"
    token: str | None = None

    def is_own(self, headers: Mapping[str, str]) -> bool:
        """Whether a request was meant for this server, and does not come from another site's page.

        A name that leads to the loopback interface by somebody's design is not its own.
        """
        host = _name(f"//{headers.get('host', '')}")
        if self.host in LOOPBACK and host not in LOOPBACK:
            return False
        origin = headers.get("origin")
        return origin is None or urlsplit(origin).netloc == headers.get("host")

    def knows(self, given: str | None, headers: Mapping[str, str]) -> bool:
        """Whether the token is right, from the address or from the header."""
        if self.token is None:
            return True
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        offers = [given or "", bearer if scheme.lower() == "bearer" else ""]
        return any(hmac.compare_digest(o.encode(), self.token.encode()) for o in offers)


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
