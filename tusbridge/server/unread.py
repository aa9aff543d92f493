"""Ends connections whose client takes nothing of what it asked for, in the kernel.

The front sees it of long answers. Short ones the HTTP server takes at once, and keeps, with the
requests behind them, for as long as the connection lasts.
"""

import os
import socket
import threading
import time
from contextlib import suppress

from tusbridge.system import own_descriptors

# Seconds between two looks for the socket that the server listens on, and how often.
_LOOK_SECONDS = 0.2
_LOOKS = 150


def end_unread_connections(seconds: float) -> None:
    """Have the kernel end connections of this process' server whose client acknowledges nothing,
    or has no room for anything, for so long (tcp(7), TCP_USER_TIMEOUT). They get it from the
    listening socket, which is made later than the application."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        milliseconds = min(round(seconds * 1000), 2**31 - 1)
        name = "tusbridge-unread"
        threading.Thread(target=_watch, args=(milliseconds,), name=name, daemon=True).start()


def _watch(milliseconds: int) -> None:
    for _ in range(_LOOKS):
        if _set(milliseconds):
            return
        time.sleep(_LOOK_SECONDS)


def _set(milliseconds: int) -> bool:
    """Whether there was such a socket."""
    found = False
    for fd in own_descriptors():
        found |= _set_one(fd, milliseconds)
    return found


def _set_one(fd: int, milliseconds: int) -> bool:
    with suppress(OSError):
        own = socket.socket(fileno=os.dup(fd))
        with own:
            is_tcp = own.family in {socket.AF_INET, socket.AF_INET6}
            if is_tcp and own.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                own.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
                return True
    return False
