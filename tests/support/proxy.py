"""A TCP proxy that breaks connections on command, to see what client and server do about it.

It relays bytes unchanged and reads along just enough HTTP/1.1 to know which request's body is
passing. Standard library only; listens on 127.0.0.1 only.
"""

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from benchmarks.ports import free_port

# Bytes read from a socket at once: small, so that what a cut client had sent on is little.
PIECE_BYTES = 64 * 1024
# What the system may hold for a server that reads nothing: counted as sent, though it never was.
SEND_BUFFER_BYTES = 64 * 1024
# SO_LINGER on, zero seconds: close() sends RST instead of FIN.
LINGER_RESET = struct.pack("ii", 1, 0)
# How long a stopping proxy waits for each of its threads, in seconds.
JOIN_SECONDS = 10
# A held connection goes on after this long, in seconds, so that a failed test hangs nothing.
HOLD_SECONDS = 120


class RequestMeter:
    """Reads along with what one client sends: whose body is passing, and how much of it has."""

    def __init__(self) -> None:
        self.method = ""
        self.head = ""
        self.length: int | None = None
        self.passed = 0
        self._head = bytearray()
        self._left = 0
        self._chunked = False

    def split(self, data: bytes) -> Iterator[bytes]:
        """Cut what came into pieces that are either head or body, each counted as it is taken."""
        rest = memoryview(data)
        while rest:
            taken = self._take_body(rest) if self._left else self._take_line(rest)
            yield bytes(rest[:taken])
            rest = rest[taken:]

    def _take_body(self, rest: memoryview) -> int:
        taken = min(len(rest), self._left)
        self._left -= taken
        self.passed += taken
        return taken

    def _take_line(self, rest: memoryview) -> int:
        """Take up to the end of the head, or of a chunk-size line."""
        end = b"\r\n" if self._chunked else b"\r\n\r\n"
        before = len(self._head)
        if not self._chunked and not before:
            self.method, self.length, self.passed = "", None, 0
        self._head += rest
        found = self._head.find(end, max(0, before - 3), None)
        if self._chunked and found == 0:
            # The line end that closes the chunk before: not a size.
            found = self._head.find(end, 2)
        if found < 0:
            return len(rest)
        line = bytes(self._head[:found])
        self._head.clear()
        (self._begin_chunk if self._chunked else self._begin_request)(line)
        return found + len(end) - before

    def _begin_request(self, head: bytes) -> None:
        text = head.decode("latin-1").lstrip()
        length = re.search(r"^content-length:\s*(\d+)", text, re.IGNORECASE | re.MULTILINE)
        self.method = text.split(" ", 1)[0]
        self.head = text
        self.length = int(length[1]) if length else None
        self._chunked = bool(
            re.search(r"^transfer-encoding:\s*chunked", text, re.IGNORECASE | re.MULTILINE)
        )
        self._left = self.length or 0

    def _begin_chunk(self, line: bytes) -> None:
        self._left = int(line.strip().split(b";")[0] or b"0", 16)
        self._chunked = self._left > 0


@dataclass(kw_only=True)
class Fault:
    """Befalls one request, once, when `after_bytes` of its body have gone on to the server."""

    after_bytes: int = 0
    # Only a request whose head this pattern finds; line ends are \r\n.
    head: str = "^PATCH "
    # Only a request with this Content-Length; any when None.
    length: int | None = None
    # Let the whole request through, and cut the connection instead of passing the answer on.
    answer: bool = False
    # Hold the bytes back until `release`, instead of cutting the connection.
    hold: bool = False
    # Cut every connection there is, not only the one that carries the PATCH.
    everyone: bool = False
    # Change the next byte on its way, as a bad cable or a bad memory does, and cut nothing.
    corrupt: bool = False
    # How many requests it befalls yet.
    times: int = 1
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    # Set when the connection that it befell is done, with all that was still on its way.
    over: threading.Event = field(default_factory=threading.Event)

    def is_due(self, meter: RequestMeter) -> bool:
        """Whether it is this request that the fault waits for, and now."""
        concerned = bool(re.search(self.head, meter.head)) and self.length in {None, meter.length}
        # A byte can be changed only once it is there; all else strikes before it.
        passed = meter.passed - self.corrupt
        if self.answer and passed != meter.length:
            return False
        return concerned and passed >= self.after_bytes and self.times > 0

    def release(self) -> None:
        """Let a held connection go on."""
        self.released.set()

    def wait_until_reached(self, wait: float = 60) -> None:
        """Return once the fault has struck; TimeoutError after `wait` seconds."""
        if not self.reached.wait(wait):
            raise TimeoutError(
                f"no request {self.head!r} got as far as {self.after_bytes} bytes in {wait} s"
            )

    def wait_until_over(self, wait: float = 60) -> None:
        """Return once nothing of that connection is on its way any more; TimeoutError after `wait`
        seconds."""
        if not self.over.wait(wait):
            raise TimeoutError(f"the connection still carries bytes after {wait} s")


class Link:
    """One client's connection and the one to the server that goes with it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.faults: list[Fault] = []
        # What befalls the next answer.
        self.losing: Fault | None = None
        self._cut = False

    def cut(self) -> None:
        """End both: the client gets RST once the threads let go, the server a FIN."""
        self._cut = True
        with contextlib.suppress(OSError):
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            # Wakes the thread that reads, and sends nothing: a FIN here would be a tidy end.
            self.client.shutdown(socket.SHUT_RD)
        self.end()

    def end(self) -> None:
        """Tell both that nothing more comes, and the server that nobody listens.

        The client may be in mid-body still. To stop its half here would leave it waiting for room
        that never comes; the thread that reads from it ends when it has nobody to send that to.
        """
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        if not self._cut:
            with contextlib.suppress(OSError):
                self.client.shutdown(socket.SHUT_WR)

    def relay_back(self) -> None:
        """Carry the server's answers to the client until one of them is gone."""
        with contextlib.suppress(OSError):
            while data := self.server.recv(PIECE_BYTES):
                if self.losing:
                    self.cut()
                    self.losing.reached.set()
                    return
                self.client.sendall(data)
        self.end()


class FaultProxy:
    """A proxy in front of `target` (URL or host:port). Faults strike in order."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target if "//" in target else f"//{target}")
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._path = parts.path
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._links: set[Link] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self.port = 0
        self.bytes_upstream = 0
        self.connections = 0
        # Body bytes per second on each connection; 0 is as fast as it goes.
        self.rate_bytes = 0

    @property
    def url(self) -> str:
        """The target's URL, seen through this proxy."""
        return f"http://127.0.0.1:{self.port}{self._path}"

    def __enter__(self) -> Self:
        self.online()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.offline()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)

    def online(self) -> None:
        """Take connections (again), on the same port as before."""
        self.port = self.port or free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._spawn(self._accept, self._listener)

    def offline(self) -> None:
        """Refuse new connections and reset those there are."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            # shutdown wakes the thread that waits in accept; close alone does not.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.reset_all()
        for fault in self._faults:
            fault.release()

    def reset_all(self) -> None:
        """Cut every connection with RST."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.cut()

    def reset_after(
        self,
        after_bytes: int,
        *,
        head: str = Fault.head,
        length: int | None = None,
        everyone: bool = False,
    ) -> Fault:
        """Cut the next such request with RST when so much of its body went through."""
        return self._plan(
            Fault(after_bytes=after_bytes, head=head, length=length, everyone=everyone)
        )

    def hold_after(
        self, after_bytes: int, *, head: str = Fault.head, length: int | None = None
    ) -> Fault:
        """Stall the next such request when so much of its body went through, until released."""
        return self._plan(Fault(after_bytes=after_bytes, head=head, length=length, hold=True))

    def lose_answer(self, head: str, *, times: int = 1) -> Fault:
        """Let the next such requests through, and cut their connections when the answers come.

        Where a kept connection breaks so, Chromium sends the request once more by itself.
        """
        return self._plan(Fault(head=head, answer=True, times=times))

    def corrupt_after(self, after_bytes: int, *, head: str = Fault.head) -> Fault:
        """Change one byte of the next such request, behind so many that stay as they are."""
        return self._plan(Fault(after_bytes=after_bytes, head=head, corrupt=True))

    def _plan(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def _spawn(self, work: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        """Relay one connection in both directions until both are done."""
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection(self._upstream) as server,
        ):
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            link = Link(client, server)
            with self._lock:
                self._links.add(link)
                is_late = self._listener is None
            if is_late:
                # Accepted before the proxy went offline, served after: like all others then.
                link.cut()
            back = threading.Thread(target=link.relay_back, daemon=True)
            back.start()
            try:
                self._relay_upstream(link)
            except OSError:
                # The client went, or the server: the other side has to hear of it.
                link.end()
            back.join()
            with self._lock:
                self._links.discard(link)
            for fault in link.faults:
                fault.over.set()

    def _relay_upstream(self, link: Link) -> None:
        meter = RequestMeter()
        while data := link.client.recv(PIECE_BYTES):
            for piece in meter.split(data):
                self._pass_on(piece, meter, link)
        link.server.shutdown(socket.SHUT_WR)

    def _pass_on(self, piece: bytes, meter: RequestMeter, link: Link) -> None:
        """Send a piece on; where a fault lies within it, send what is before, then strike."""
        while (fault := self._take_due(meter, link)) is not None:
            early = max(0, len(piece) - (meter.passed - fault.after_bytes))
            self._send(piece[:early], link)
            piece = piece[early:]
            self._strike(fault, link)
            if fault.corrupt:
                piece = bytes([piece[0] ^ 0xFF]) + piece[1:]
        self._send(piece, link)
        if self.rate_bytes and meter.passed:
            time.sleep(len(piece) / self.rate_bytes)

    def _take_due(self, meter: RequestMeter, link: Link) -> Fault | None:
        """A fault for this request alone, also where several get there at once."""
        with self._lock:
            due = [fault for fault in self._faults if fault.is_due(meter)]
            # an answer is lost but once
            fault = next((fault for fault in due if not (fault.answer and link.losing)), None)
            if fault is not None:
                fault.times -= 1
            return fault

    def _strike(self, fault: Fault, link: Link) -> None:
        link.faults.append(fault)
        if fault.hold:
            fault.reached.set()
            fault.released.wait(HOLD_SECONDS)
            return
        if fault.corrupt:
            fault.reached.set()
            return
        if fault.answer:
            link.losing = fault
            return
        link.cut()
        if fault.everyone:
            self.reset_all()
        fault.reached.set()

    def _send(self, piece: bytes, link: Link) -> None:
        link.server.sendall(piece)
        with self._lock:
            self.bytes_upstream += len(piece)
