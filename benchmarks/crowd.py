"""Slow uploads, very many at once, from a process of its own: ``python -m benchmarks.crowd``.

Reads one JSON object from standard input: the port, heads of PATCH requests, and how many pieces
of how many bytes each of them sends with what pause between. Prints one: how many were answered as
they should be, and what befell the others, with a count.
"""

import contextlib
import heapq
import json
import os
import select
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from benchmarks.answers import parse_head
from benchmarks.content import small
from benchmarks.failures import Failed
from benchmarks.tus import appended

# After the last piece, all answers have to come within this.
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What each upload does; times are seconds."""

    port: int
    heads: list[str]
    pieces: int
    piece_bytes: int
    pause: float


class Crowd:
    """All connections, in one thread: a heap of when who is to send, and epoll for answers.

    Uploads go by their number in the plan.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._piece = small(plan.piece_bytes)
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._numbers: dict[int, int] = {}
        self._connecting: set[int] = set()
        self._sent: Counter[int] = Counter()
        self._got: dict[int, bytes] = {}
        self._troubles: Counter[str] = Counter()
        self._well = 0

    def run(self) -> dict[str, Any]:
        """Send, and wait for the answers."""
        started = time.monotonic()
        count, pause = len(self._plan.heads), self._plan.pause
        # they come one after the other, and send in that order ever after
        due = [(started + number * pause / count, number) for number in range(count)]
        end = started + self._plan.pieces * pause + PATIENCE_SECONDS
        for _, number in due:
            self._connect(number)
        while (due or self._sockets) and time.monotonic() < end:
            while due and due[0][0] <= time.monotonic():
                when, number = heapq.heappop(due)
                if self._send(number):
                    heapq.heappush(due, (when + pause, number))
            wait = (due[0][0] if due else end) - time.monotonic() if self._sockets else 0.0
            for fd, _ in self._poll.poll(max(0.0, wait)):
                number = self._numbers[fd]
                step = self._begin if number in self._connecting else self._receive
                step(number)
        for number in list(self._sockets):
            self._lose(number, "not connected" if number in self._connecting else "no answer")
        self._poll.close()
        return {"well": self._well, "troubles": dict(self._troubles)}

    def _connect(self, number: int) -> None:
        # a server with a short queue has some wait for seconds: the others begin meanwhile
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect_ex(("127.0.0.1", self._plan.port))
        self._sockets[number] = connection
        self._numbers[connection.fileno()] = number
        self._poll.register(connection, select.EPOLLOUT)
        self._connecting.add(number)

    def _begin(self, number: int) -> None:
        connection = self._sockets[number]
        self._connecting.discard(number)
        error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._lose(number, f"not connected ({os.strerror(error)})")
            return
        self._poll.modify(connection, select.EPOLLIN)
        with contextlib.suppress(OSError):
            # if it is gone already, the next piece tells why
            connection.send(self._plan.heads[number].encode())

    def _send(self, number: int) -> bool:
        """Send the next piece; whether more is to come. One that is gone has told why."""
        if number not in self._sockets:
            return False
        if number in self._connecting:
            return True
        try:
            sent = self._sockets[number].send(self._piece)
        except OSError as error:
            self._lose(number, f"broken off ({error.strerror})")
            return False
        if sent != len(self._piece):
            self._lose(number, "the server takes nothing any more")
            return False
        self._sent[number] += 1
        return self._sent[number] < self._plan.pieces

    def _receive(self, number: int) -> None:
        try:
            data = self._sockets[number].recv(65536)
            if not data:
                raise Failed("closed without an answer")
            self._got[number] = self._got.get(number, b"") + data
            found = parse_head(self._got[number])
            if found is None:
                return
            appended(found[0], self._plan.pieces * self._plan.piece_bytes)
            if self._sent[number] != self._plan.pieces:
                raise Failed("answered before all was sent")
        except (OSError, Failed) as error:
            self._lose(number, str(error))
            return
        self._forget(number)
        self._well += 1

    def _lose(self, number: int, why: str) -> None:
        self._troubles[why] += 1
        self._forget(number)

    def _forget(self, number: int) -> None:
        connection = self._sockets.pop(number)
        self._poll.unregister(connection)
        connection.close()


if __name__ == "__main__":
    json.dump(Crowd(Plan(**json.load(sys.stdin))).run(), sys.stdout)
