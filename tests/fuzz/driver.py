"""Sends cases to a server, many at once, and judges what comes back."""

import asyncio
import re
import socket
import struct
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from tests.fuzz.grammar import Case, Ending, fill_in
from tests.fuzz.requests import OPEN_LENGTH, PART_LENGTH, POOL

# Connections at once.
CONNECTIONS = 24
# Seconds without a byte after which the client ends its side.
QUIET_SECONDS = 0.3
# Seconds within which everything is answered or closed, on a loaded machine.
BOUND_SECONDS = 20.0
# Statuses that tell of a passing state, or that a server gives to what it does not speak.
ALLOWED_5XX = {503, 507}
SERVERS_OWN_5XX = {501, 505}

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) [^\r\n]*\r\n")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t\x21-\x7e\x80-\xff]*")
_ONCE = {b"location", b"content-length", b"content-type", b"content-disposition", b"tus-resumable"}


@dataclass(slots=True)
class Outcome:
    """All that a server sent over one connection, and whether it ended it."""

    case: Case
    sent: bytes
    got: bytes = b""
    is_closed: bool = False
    trouble: list[str] = field(default_factory=list)

    @property
    def statuses(self) -> list[int]:
        """Of all final answers."""
        found = [int(status) for status in _STATUS.findall(self.got)]
        return [status for status in found if status >= 200]

    def __str__(self) -> str:
        case = self.case
        lines = [f"case {case.number} ({', '.join(case.notes)}; {case.ending.name}):"]
        lines += [f"  {text}" for text in self.trouble]
        lines += [f"  sent {piece!r}" for piece in [self.sent]]
        lines += [f"  got  {self.got[:2000]!r}{' and closed' if self.is_closed else ''}"]
        return "\n".join(lines)


@dataclass(slots=True)
class Pool:
    """Uploads that cases are aimed at, by placeholder; ``told`` is the highest offset that any
    answer named for one."""

    ids: dict[str, str] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)


class Driver:
    """Talks to one server."""

    def __init__(self, port: int, seed: int) -> None:
        self.port = port
        self.pool = Pool()
        self.statuses: Counter[int] = Counter()
        self.failed: list[Outcome] = []
        self.sent = 0
        self._random = Random(f"{seed}-pool")

    async def prepare(self) -> None:
        """Uploads that have to be there in the end, and those that requests are aimed at."""
        for number in range(POOL):
            content = self._random.randbytes(OPEN_LENGTH)
            self.pool.kept[f"kept{number}"] = content
            self.pool.ids[f"kept{number}"] = await self.make(content)
            self.pool.ids[f"gone{number}"] = f"{number:032x}"
        await self.renew()

    async def renew(self) -> None:
        """New uploads in the places of those that were completed or terminated."""
        for number in range(POOL):
            is_known = f"open{number}" in self.pool.ids
            if is_known and await self.offset_of(f"open{number}") not in {None, OPEN_LENGTH}:
                continue
            fields = f"Upload-Length: {OPEN_LENGTH}\r\n"
            if number == 0:
                fields = "Upload-Defer-Length: 1\r\n"
            self.pool.told.pop(f"open{number}", None)
            self.pool.ids[f"open{number}"] = await self._create(fields)
            part = self._random.randbytes(PART_LENGTH)
            self.pool.ids[f"part{number}"] = await self.make(part, "Upload-Concat: partial\r\n")
            url = f"/files/{self.pool.ids[f'part{number}']}"
            self.pool.ids[f"final{number}"] = await self._create(f"Upload-Concat: final;{url}\r\n")

    async def offset_of(self, name: str) -> int | None:
        """What HEAD tells; None when it is not there."""
        path = f"/files/{self.pool.ids[name]}"
        head, _ = await self.ask(f"HEAD {path} HTTP/1.1\r\n")
        if _status_of(head) in {404, 410}:
            return None
        assert _status_of(head) == 200, head
        told = _value_of(head, b"upload-offset")
        return int(told) if told else None

    async def make(self, content: bytes, fields: str = "") -> str:
        type_field = "Content-Type: application/offset+octet-stream\r\n"
        return await self._create(f"{fields}Upload-Length: {len(content)}\r\n{type_field}", content)

    async def _create(self, fields: str, content: bytes = b"") -> str:
        length = f"Content-Length: {len(content)}\r\n"
        head, body = await self.ask(f"POST /files/ HTTP/1.1\r\n{fields}{length}", content)
        assert _status_of(head) == 201, head + body
        return _value_of(head, b"location").decode().rpartition("/")[2]

    async def ask(self, head: str, body: bytes = b"") -> tuple[bytes, bytes]:
        """A valid request on a connection of its own; head and body of the answer."""
        lines = f"{head}Host: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nConnection: close\r\n\r\n"
        async with asyncio.timeout(BOUND_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(lines.encode() + body)
                got = await reader.read(-1)
            finally:
                writer.close()
        found, _, rest = got.partition(b"\r\n\r\n")
        return found, rest

    async def send_all(self, cases: Iterable[Case]) -> None:
        """Send all cases, ``CONNECTIONS`` at once; what fails is in ``failed``."""
        left = iter(cases)

        async def one_after_the_other() -> None:
            for case in left:
                outcome = await self.send(case)
                self.sent += max(1, outcome.sent.count(b" HTTP/1."))
                self.statuses.update(outcome.statuses or [0])
                if outcome.trouble:
                    self.failed.append(outcome)

        await asyncio.gather(*(one_after_the_other() for _ in range(CONNECTIONS)))

    async def send(self, case: Case) -> Outcome:
        """Send one case; the outcome says what is wrong with the answers, if anything is."""
        pieces = [fill_in(piece, self.pool.ids) for piece in case.pieces]
        upload_id = self.pool.ids.get(case.target, "")
        outcome = Outcome(case, b"".join(pieces))
        wire = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        wire.setblocking(False)
        try:
            async with asyncio.timeout(BOUND_SECONDS):
                await self._exchange(wire, case, pieces, outcome)
        except TimeoutError:
            outcome.trouble.append(f"neither answered nor closed within {BOUND_SECONDS} s")
        except ConnectionRefusedError:
            outcome.trouble.append("the server refuses connections")
        finally:
            wire.close()
        self._judge(outcome, upload_id)
        return outcome

    async def _exchange(
        self, wire: socket.socket, case: Case, pieces: list[bytes], outcome: Outcome
    ) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(wire, ("127.0.0.1", self.port))
        reading = asyncio.create_task(self._read(wire, outcome))
        try:
            with suppress(ConnectionError):
                for piece in pieces:
                    await loop.sock_sendall(wire, piece)
                    await asyncio.sleep(0)
            if case.ending is Ending.RESET:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if case.ending in {Ending.RESET, Ending.CLOSE}:
                return
            if case.ending is Ending.READ:
                await self._wait_until_quiet(reading, outcome)
                with suppress(OSError):
                    wire.shutdown(socket.SHUT_WR)
            await reading
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def _wait_until_quiet(self, reading: asyncio.Task[None], outcome: Outcome) -> None:
        size = -1
        while len(outcome.got) != size:
            size = len(outcome.got)
            done, _ = await asyncio.wait({reading}, timeout=QUIET_SECONDS)
            if done:
                return

    async def _read(self, wire: socket.socket, outcome: Outcome) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            while data := await loop.sock_recv(wire, 2**16):
                outcome.got += data
        outcome.is_closed = True

    # -- what is wrong with an answer

    def _judge(self, outcome: Outcome, upload_id: str) -> None:
        trouble = outcome.trouble
        for head in _heads_of(outcome.got):
            trouble += _broken_fields(head)
            if _is_mistake(_status_of(head), head):
                trouble.append(f"a client's mistake is answered by {_status_of(head)}")
        if outcome.case.must_close and len(outcome.statuses) > 1:
            trouble.append("read on behind an ambiguous framing")
        self._remember(outcome, upload_id)

    def _remember(self, outcome: Outcome, upload_id: str) -> None:
        """Offsets that were told must never go down."""
        name = outcome.case.target
        if not upload_id or self.pool.ids.get(name) != upload_id or len(outcome.statuses) != 1:
            return
        told = _value_of(outcome.got.partition(b"\r\n\r\n")[0], b"upload-offset")
        if outcome.statuses[0] == 204 and told:
            self.pool.told[name] = max(self.pool.told.get(name, 0), int(told))


def _status_of(head: bytes) -> int:
    match = _STATUS.match(head + b"\r\n")
    assert match, head
    return int(match[1])


def _value_of(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""


def _heads_of(got: bytes) -> list[bytes]:
    starts = [match.start() for match in _STATUS.finditer(got)]
    return [got[start:].partition(b"\r\n\r\n")[0] for start in starts]


def _is_mistake(status: int, head: bytes) -> bool:
    """Whether a status is one of the server's failures. What none of our code gave may be one for
    a coding or a version that the HTTP server does not speak."""
    if status < 500 or status in ALLOWED_5XX:
        return False
    return status not in SERVERS_OWN_5XX or b"tus-resumable" in head.lower()


def _broken_fields(head: bytes) -> list[str]:
    lines = head.split(b"\r\n")[1:]
    found = [f"no field line: {line!r}" for line in lines if not _FIELD.fullmatch(line)]
    names = [line.partition(b":")[0].lower() for line in lines]
    found += [
        f"{name.decode()} comes twice"
        for name in sorted(set(names))
        if names.count(name) > 1 and (name in _ONCE or name.startswith(b"upload-"))
    ]
    if b"tus-resumable" in names and b"x-content-type-options" not in names:
        found.append("no X-Content-Type-Options")
    return found
