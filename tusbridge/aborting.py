"""Ending the connection of a request whose client takes nothing: ASGI has no word for it.

A server that waits for such a client keeps what it was given, and the socket, for as long as the
client likes. The connection is found among this process' own by its two addresses.
"""

import os
import socket
import stat
import struct
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any

from tusbridge.system import own_descriptors

# Sends a reset, and drops what the client has not taken (socket(7)).
_LINGER = struct.pack("ii", 1, 0)


def abort(scope: Mapping[str, Any]) -> bool:
    """End the connection of a request; whether it was found. Where a server gives a proxy's word
    for the client's address it is not, and the proxy has time-outs of its own."""
    client, server = scope.get("client"), scope.get("server")
    if not client or not server or not client[1]:
        return False
    ports = client[1], server[1]
    with suppress(OSError):
        for fd in own_descriptors():
            if _ports_of(fd) == ports and _end(fd, client[0], ports):
                return True
    return False


def _end(fd: int, host: str, ports: tuple[int, int]) -> bool:
    """The descriptor may be another connection's by now; a copy of it stays what it is."""
    with suppress(OSError), closing(socket.socket(fileno=os.dup(fd))) as own:
        if own.getpeername()[0].removeprefix("::ffff:") == host and _ports(own) == ports:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            own.shutdown(socket.SHUT_RDWR)
            return True
    return False


def _ports_of(fd: int) -> tuple[int, int] | None:
    with suppress(OSError):
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            own = socket.socket(fileno=fd)
            try:
                return _ports(own)
            finally:
                own.detach()
    return None


def _ports(own: socket.socket) -> tuple[int, int] | None:
    if own.family not in {socket.AF_INET, socket.AF_INET6}:
        return None
    return own.getpeername()[1], own.getsockname()[1]
