"""Ports for servers that are told theirs, chosen by several processes at once."""

import collections
import contextlib
import os
import random
import socket

_HOST = "127.0.0.1"
# Below those that Linux and macOS give to clients by themselves, so that none that connects
# between the choice of a port and the start of its server takes it.
_FIRST, _BEHIND = 10_000, 32_768
# A UDP socket on the same number claims a port against other processes that choose one here. More
# are kept, by their descriptors, than servers run at once.
_KEPT = 64
_claims: collections.deque[int] = collections.deque()
# with no seed, for tests seed the shared one alike in all processes
_random = random.Random()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on and nobody else is given here.

    Raises OSError if there is none.
    """
    for port in _random.sample(range(_FIRST, _BEHIND), _BEHIND - _FIRST):
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError):
            claim.bind((_HOST, port))
            socket.create_server((_HOST, port)).close()
            _claims.append(claim.detach())
            if len(_claims) > _KEPT:
                os.close(_claims.popleft())
            return port
        claim.close()
    raise OSError(f"no port from {_FIRST} to {_BEHIND - 1} is free")
