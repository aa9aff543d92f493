"""Who a request comes from, as far as its connection shows, and how much each may have at once.

Nothing here grows with what clients send: a client is counted while it holds something.
"""

import asyncio
import ipaddress
import logging
import threading
import time
from collections import Counter
from collections.abc import Hashable, Mapping
from contextlib import suppress
from typing import Any

from tusbridge.errors import Overloaded, TooManyRequests

logger = logging.getLogger("tusbridge.asgi")

# Seconds between two lines of the log that say how many requests were refused.
_LOG_SECONDS = 10.0
# Seconds for which a request waits for a place, and between two looks for one.
_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.25
# A client that has places gets another while it has fewer than this part of the free ones: the
# fewer there are left, the more of them are for those who have none.
_FREE_PART = 4
# Bits of an IPv6 address that set one customer apart from another (RFC 6177).
_IPV6_BITS = 64
# Fields by which a proxy says that a request is another's.
_PROXY_FIELDS = frozenset(
    {
        *(b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip"),
        *(b"forwarded", b"via"),
    }
)


def client_of(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Hashable:
    """The address of a request's client; None where that is not known, and it shares with none.

    A proxy on this machine, or in a private network, is believed what it says last in
    X-Forwarded-For; clients can write the rest themselves.
    """
    address = _parse((scope.get("client") or ("",))[0])
    if address is None:
        return None
    is_near = address.is_loopback or address.is_private
    if is_near and not _PROXY_FIELDS.isdisjoint(headers):
        last = headers.get(b"x-forwarded-for", b"").rpartition(b",")[2]
        address = _parse(last.decode("latin-1").strip())
    if isinstance(address, ipaddress.IPv6Address):
        return int(address) >> (128 - _IPV6_BITS)
    return address


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    with suppress(ValueError):
        address = ipaddress.ip_address(text)
        return getattr(address, "ipv4_mapped", None) or address
    return None


class Place:
    """A place that was taken, and who has it."""

    def __init__(self, shares: "Shares") -> None:
        self._shares = shares
        self._clients: list[Hashable] | None = []

    def claim(self, client: Hashable) -> None:
        """Count the place among this client's too. Does nothing once it is given back.

        :raises TooManyRequests: the client has as many as it may.
        """
        if not self._shares.count(self._clients, client):
            raise TooManyRequests

    def leave(self) -> None:
        """Give it back. Idempotent."""
        clients, self._clients = self._clients, None
        if clients is not None:
            self._shares.give_back(clients)


class Shares:
    """Places, and who has how many of them. Safe to be used from several threads.

    :param most: places in all.
    :param share: places of one client.
    """

    def __init__(self, most: int, share: int) -> None:
        self._most, self._share = most, share
        self._lock = threading.Lock()
        self._held: Counter[Hashable] = Counter()
        self._taken = self._waiting = 0

    def take(self, client: Hashable) -> Place | None:
        """A place, if there is one for this client."""
        with self._lock:
            if self._taken >= self._most or not self._may_have(client):
                return None
            self._taken += 1
        place = Place(self)
        place.claim(client)
        return place

    def _may_have(self, client: Hashable) -> bool:
        held = self._held.get(client, 0)
        fair = min(self._share, (self._most - self._taken) // _FREE_PART)
        return client is None or not held or held < fair

    def count(self, clients: list[Hashable] | None, client: Hashable) -> bool:
        """Count a place among one client's more; False: it may have no more."""
        with self._lock:
            if clients is None:
                return True
            if clients and not self._may_have(client):
                return False
            clients.append(client)
            self._held[client] += 1
            return True

    def give_back(self, clients: list[Hashable]) -> None:
        """A place is free again."""
        with self._lock:
            self._taken -= 1
            for client in clients:
                self._held[client] -= 1
                if not self._held[client]:
                    del self._held[client]

    async def wait(self, client: Hashable) -> Place:
        """A place, after a little while if there is none at first.

        :raises TooManyRequests: the client has as many as it may.
        :raises Overloaded: there is none.
        """
        place = self.take(client)
        if place is None and self._waiting < self._most:
            self._waiting += 1
            try:
                place = await self._look(client)
            finally:
                self._waiting -= 1
        if place is not None:
            return place
        raise TooManyRequests if self._held.get(client) else Overloaded

    async def _look(self, client: Hashable) -> Place | None:
        for _ in range(round(_PATIENCE_SECONDS / _LOOK_SECONDS)):
            await asyncio.sleep(_LOOK_SECONDS)
            if (place := self.take(client)) is not None:
                return place
        return None


_refused = 0
_logged_at = -_LOG_SECONDS


def note_overload() -> None:
    """Log that requests are refused for want of time, and not each."""
    global _refused, _logged_at  # noqa: PLW0603 of the process
    _refused += 1
    if time.monotonic() - _logged_at >= _LOG_SECONDS:
        logger.warning("overloaded", extra={"refused": _refused})
        _refused, _logged_at = 0, time.monotonic()
