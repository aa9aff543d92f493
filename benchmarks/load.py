"""Many small requests over a few keep-alive connections at once, from one thread.

One thread with epoll: threads of their own would wait for the interpreter, and what they wait
would be in the times.
"""

import contextlib
import select
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace

from benchmarks.answers import Answer, parse_head
from benchmarks.deadline import Deadline
from benchmarks.failures import Failed
from benchmarks.wire import connect

# Gives requests, is given their answers, and raises Failed where one is wrong.
Script = Generator[bytes, Answer, None]


@dataclass(slots=True)
class Times:
    """Seconds that each script took, and all of them together from the first to the last."""

    each: list[float] = field(default_factory=list)
    whole: float = 0.0


def drive(
    port: int,
    deadline: Deadline,
    script: Callable[[], Script],
    *,
    connections: int,
    count: int,
    seconds: float = 3600.0,
) -> Times:
    """Run ``count`` scripts, or as many as begin within so many seconds.

    :raises Failed: an answer was wrong, or none came.
    """
    times = Times()
    left = _at_most(seconds, (script() for _ in range(count)))
    with contextlib.ExitStack() as stack:
        poll = stack.enter_context(select.epoll())
        talks = [_Talk(port, deadline, poll, left, times) for _ in range(min(connections, count))]
        for talk in talks:
            stack.callback(talk.close)
        # connecting is no part of it: a server with a short queue has some wait for a second
        started = time.perf_counter()
        running = {talk.number: talk for talk in talks if talk.begin()}
        while running:
            for number, _ in poll.poll(1):
                talk = running.pop(number)
                if talk.go_on():
                    running[talk.number] = talk
            deadline.check()
        times.whole = time.perf_counter() - started
    return times


def _at_most(seconds: float, scripts: Iterator[Script]) -> Iterator[Script]:
    """Those that begin within so many seconds of the first."""
    until = time.perf_counter() + seconds
    for script in scripts:
        yield script
        if time.perf_counter() > until:
            return


class _Talk:
    """One connection, with the script that it is at."""

    def __init__(
        self,
        port: int,
        deadline: Deadline,
        poll: select.epoll,
        scripts: Iterator[Script],
        times: Times,
    ) -> None:
        self._port, self._deadline, self._poll = port, deadline, poll
        self._scripts, self._times = scripts, times
        self._data = b""
        self._connect()

    def close(self) -> None:
        self._socket.close()

    def begin(self) -> bool:
        """Send the first request of the next script, unless there is none."""
        script = next(self._scripts, None)
        if script is None:
            return False
        self._script = script
        self._started = time.perf_counter()
        self._send(next(script))
        return True

    def go_on(self) -> bool:
        """Take what has come; send the next request if that was an answer. False at the end."""
        data = self._receive()
        if not data:
            self._deadline.check()
            raise Failed("closed the connection instead of answering")
        self._data += data
        answer = self._parse()
        return answer is None or self._next(answer)

    def _next(self, answer: Answer) -> bool:
        if answer.closes:
            self._socket.close()
            self._connect()
        try:
            request = self._script.send(answer)
        except StopIteration:
            self._times.each.append(time.perf_counter() - self._started)
            return self.begin()
        self._send(request)
        return True

    def _parse(self) -> Answer | None:
        found = parse_head(self._data)
        if found is None:
            return None
        answer, rest = found
        length = answer.body_length(self._method)
        if length is None:
            # small bodies, of which nobody looks at more than the beginning
            length = len(rest) if rest.endswith(b"0\r\n\r\n") else len(rest) + 1
        if len(rest) < length:
            return None
        if len(rest) > length:
            raise Failed(f"sent {rest[length:][:60]!r} behind an answer")
        self._data = b""
        return replace(answer, body=rest) if rest else answer

    def _connect(self) -> None:
        self._socket = connect(self._port, self._deadline)
        self.number = self._socket.fileno()
        self._poll.register(self.number, select.EPOLLIN)

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except OSError as error:
            self._deadline.check()
            raise Failed(f"broke the connection off ({error.strerror})") from error

    def _send(self, request: bytes) -> None:
        self._method = request.partition(b" ")[0].decode()
        try:
            # a few KiB: the kernel has room for them, so that this does not wait
            self._socket.sendall(request)
        except OSError as error:
            self._deadline.check()
            raise Failed(f"broke the connection off ({error.strerror})") from error
