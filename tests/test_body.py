"""Request bodies: no byte lost, none invented, and an end that tells what happened."""

import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tusbridge.body import Body, BodyEnd, DeferredBody, StreamBody, WholeBody

KIB = 1024
FIRST, SMALLEST, LARGEST = 64 * KIB, 4 * KIB, KIB * KIB


def take(body: Body) -> bytes:
    return b"".join(chunk for batch in body.batches() for chunk in batch)


class Wire:
    """A blocking read over given bytes: notes what was asked, and breaks where it is told to."""

    def __init__(
        self, data: bytes, error: BaseException | None = None, at_most: int | None = None
    ) -> None:
        self.left = data
        self.error = error
        self.at_most = at_most
        self.asked: list[int] = []

    def __call__(self, size: int) -> bytes:
        self.asked.append(size)
        if not self.left and self.error is not None:
            raise self.error
        size = min(size, self.at_most or size)
        chunk, self.left = self.left[:size], self.left[size:]
        return chunk


class Clock:
    """time.monotonic that goes on only when a read takes time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    return clock


def slow(clock: Clock, seconds: Callable[[int], float]) -> tuple[Callable[[int], bytes], list[int]]:
    """An endless read whose n-th call takes that many seconds, and the sizes it was asked for."""
    asked: list[int] = []

    def read(size: int) -> bytes:
        clock.now += seconds(len(asked))
        asked.append(size)
        return b"x" * size

    return read, asked


def ask(read: Callable[[int], bytes], times: int, length: int | None = None) -> None:
    batches = StreamBody(read, length).batches()
    for _ in range(times):
        next(batches)


# --- the base


def test_a_body_has_not_ended_before_it_was_taken() -> None:
    assert Body().end is None
    assert WholeBody([b"a"]).end is None
    assert StreamBody(Wire(b""), 0).end is None


def test_only_a_deferred_body_is_fed_later() -> None:
    assert DeferredBody().is_deferred
    assert not WholeBody().is_deferred
    assert not StreamBody(Wire(b""), 0).is_deferred


def test_a_deferred_body_has_no_batches() -> None:
    with pytest.raises(NotImplementedError):
        DeferredBody().batches()


# --- whole bodies


@pytest.mark.parametrize(
    ("chunks", "data"),
    [
        pytest.param((), b"", id="none"),
        pytest.param((b"abc",), b"abc", id="one"),
        pytest.param((b"a", b"", b"bc"), b"abc", id="several"),
    ],
)
def test_a_whole_body_gives_all_its_bytes(chunks: tuple[bytes, ...], data: bytes) -> None:
    body = WholeBody(chunks)
    assert take(body) == data
    assert body.end is BodyEnd.WHOLE


@pytest.mark.parametrize("end", list(BodyEnd), ids=lambda end: end.name)
def test_a_whole_body_ends_as_it_was_told(end: BodyEnd) -> None:
    body = WholeBody([b"abc"], end)
    assert take(body) == b"abc"
    assert body.end is end


def test_a_whole_body_has_its_end_only_behind_the_last_batch() -> None:
    body = WholeBody([b"abc"], BodyEnd.GONE)
    batches = body.batches()
    next(batches)
    assert body.end is None
    assert next(batches, None) is None
    assert body.end is BodyEnd.GONE


# --- streams: bytes and ends


@pytest.mark.parametrize("at_most", [1, 7, 4096, None], ids=lambda size: f"chunks-of-{size}")
@pytest.mark.parametrize("size", [1, 4095, 4096, 65_536, 65_537, 300_000])
def test_a_stream_of_known_length_gives_that_many_bytes(size: int, at_most: int | None) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    if at_most == 1:
        size = min(size, 5000)
    body = StreamBody(Wire(data[:size], at_most=at_most), size)
    assert take(body) == data[:size]
    assert body.end is BodyEnd.WHOLE


def test_an_empty_stream_is_whole_and_not_read_at_all() -> None:
    wire = Wire(b"next request")
    body = StreamBody(wire, 0)
    assert take(body) == b""
    assert body.end is BodyEnd.WHOLE
    assert wire.asked == []


def test_a_stream_is_not_read_past_its_length() -> None:
    wire = Wire(b"abc" + b"next request")
    body = StreamBody(wire, 3)
    assert take(body) == b"abc"
    assert wire.asked == [3]
    assert wire.left == b"next request"


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000])
def test_a_stream_without_a_length_is_whole_at_its_end(size: int) -> None:
    body = StreamBody(Wire(b"x" * size), None)
    assert take(body) == b"x" * size
    assert body.end is BodyEnd.WHOLE


@pytest.mark.parametrize("came", [0, 1, 299_999], ids=lambda came: f"{came}-bytes-came")
def test_a_stream_that_ends_before_its_length_has_lost_its_client(came: int) -> None:
    body = StreamBody(Wire(b"x" * came), 300_000)
    assert take(body) == b"x" * came
    assert body.end is BodyEnd.GONE


@pytest.mark.parametrize("length", [10, None], ids=["known-length", "chunked"])
@pytest.mark.parametrize("came", [0, 5])
@pytest.mark.parametrize(
    ("error", "end"),
    [
        pytest.param(TimeoutError("timed out"), BodyEnd.TIMED_OUT, id="row-46-time-out"),
        pytest.param(ConnectionResetError("reset"), BodyEnd.GONE, id="row-42-reset"),
        pytest.param(BrokenPipeError("pipe"), BodyEnd.GONE, id="row-41-broken-pipe"),
        pytest.param(OSError("no reason"), BodyEnd.GONE, id="row-41-os-error"),
        pytest.param(ValueError("bad chunk"), BodyEnd.GONE, id="row-40-servers-own-error"),
    ],
)
def test_a_stream_that_breaks_off_keeps_what_came(
    error: Exception, end: BodyEnd, came: int, length: int | None
) -> None:
    body = StreamBody(Wire(b"x" * came, error), length)
    assert take(body) == b"x" * came
    assert body.end is end


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_stop_of_the_process_is_not_taken_for_the_clients(error: type[BaseException]) -> None:
    body = StreamBody(Wire(b"", error()), 10)
    with pytest.raises(error):
        take(body)
    assert body.end is None


def test_a_stream_is_not_read_again_behind_its_end() -> None:
    wire = Wire(b"x", TimeoutError())
    body = StreamBody(wire, 10)
    assert list(body.batches()) == [(b"x",)]
    assert len(wire.asked) == 2


def test_a_stream_is_read_only_as_its_batches_are_taken() -> None:
    wire = Wire(b"x" * 300_000)
    batches = StreamBody(wire, 300_000).batches()
    assert wire.asked == []
    next(batches)
    assert len(wire.asked) == 1


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200), st.integers(0, 200), st.integers(1, 50))
def test_a_stream_ends_whole_only_if_every_byte_came(data: bytes, cut: int, at_most: int) -> None:
    body = StreamBody(Wire(data[:cut], at_most=at_most), len(data))
    assert take(body) == data[:cut]
    assert body.end is (BodyEnd.WHOLE if cut >= len(data) else BodyEnd.GONE)


# --- streams: a client that falls silent


def ticking(
    clock: Clock, *events: bytes | None, tick: float = 0.5
) -> tuple[Callable[[int], bytes], list[int]]:
    """A read that can be tried again: each None is a tick without a byte, then ticks for ever."""
    waiting = list(events)
    asked: list[int] = []

    def read(size: int) -> bytes:
        asked.append(size)
        event = waiting.pop(0) if waiting else None
        if event is None:
            clock.now += tick
            raise TimeoutError
        return event

    return read, asked


def test_a_silent_client_is_waited_for_in_empty_batches(clock: Clock) -> None:
    read, _ = ticking(clock, b"ab", None, None, b"c")
    body = StreamBody(read, 3, silence_seconds=60)
    assert list(body.batches()) == [(b"ab",), (), (), (b"c",)]
    assert body.end is BodyEnd.WHOLE


def test_row_46_a_client_silent_for_too_long_has_timed_out(clock: Clock) -> None:
    read, asked = ticking(clock, b"ab")
    body = StreamBody(read, 3, silence_seconds=2)
    assert list(body.batches()) == [(b"ab",), (), (), ()]
    assert body.end is BodyEnd.TIMED_OUT
    assert len(asked) == 5


def test_row_46_a_client_that_never_says_anything_has_timed_out(clock: Clock) -> None:
    read, _ = ticking(clock)
    body = StreamBody(read, 3, silence_seconds=1)
    assert take(body) == b""
    assert body.end is BodyEnd.TIMED_OUT


def test_every_byte_ends_the_silence(clock: Clock) -> None:
    read, _ = ticking(clock, None, b"a", None, b"b", None, b"c")
    body = StreamBody(read, 3, silence_seconds=0.75)
    assert take(body) == b"abc"
    assert body.end is BodyEnd.WHOLE


def test_a_client_that_goes_away_while_it_is_waited_for_is_gone(clock: Clock) -> None:
    read, _ = ticking(clock, b"a", None, b"")
    body = StreamBody(read, 3, silence_seconds=60)
    assert take(body) == b"a"
    assert body.end is BodyEnd.GONE


def test_a_silent_client_does_not_change_the_size_of_reads(clock: Clock) -> None:
    read, asked = ticking(clock, None, None, b"abc")
    take(StreamBody(read, None, silence_seconds=1.25))
    assert asked[:3] == [FIRST] * 3


def test_without_a_time_for_silence_the_first_time_out_is_the_last(clock: Clock) -> None:
    read, asked = ticking(clock, b"ab", None, b"c")
    body = StreamBody(read, 3)
    assert take(body) == b"ab"
    assert body.end is BodyEnd.TIMED_OUT
    assert len(asked) == 2


# --- streams: the size of a read follows the client's speed


def test_the_first_read_is_small(clock: Clock) -> None:
    read, asked = slow(clock, lambda _: 0.0)
    ask(read, 1)
    assert asked == [FIRST]


def test_reads_grow_to_a_mebibyte_while_they_are_quick(clock: Clock) -> None:
    read, asked = slow(clock, lambda _: 0.01)
    ask(read, 7)
    assert asked == [FIRST, 128 * KIB, 256 * KIB, 512 * KIB, LARGEST, LARGEST, LARGEST]


def test_reads_shrink_to_four_kibibytes_while_they_are_slow(clock: Clock) -> None:
    read, asked = slow(clock, lambda _: 2.0)
    ask(read, 7)
    assert asked == [FIRST, 32 * KIB, 16 * KIB, 8 * KIB, SMALLEST, SMALLEST, SMALLEST]


def test_reads_stay_while_they_are_neither(clock: Clock) -> None:
    read, asked = slow(clock, lambda _: 0.2)
    ask(read, 4)
    assert asked == [FIRST] * 4


def test_reads_grow_again_when_the_client_does(clock: Clock) -> None:
    read, asked = slow(clock, lambda number: 2.0 if number < 2 else 0.0)
    ask(read, 6)
    assert asked == [FIRST, 32 * KIB, 16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB]


def test_the_last_read_asks_only_for_what_is_left(clock: Clock) -> None:
    read, asked = slow(clock, lambda _: 0.0)
    ask(read, 3, length=FIRST + 128 * KIB + 1)
    assert asked == [FIRST, 128 * KIB, 1]


def test_r54_a_body_that_trickles_ends_and_what_came_is_kept() -> None:
    def read(size: int) -> bytes:
        time.sleep(0.05)
        return b"x"

    body = StreamBody(read, 1000, silence_seconds=0.3, rate=1000)
    came = b"".join(chunk for chunks in body.batches() for chunk in chunks)
    assert body.end is BodyEnd.TIMED_OUT
    assert 1 <= len(came) <= 7


def test_a_body_at_its_rate_goes_on() -> None:
    def read(size: int) -> bytes:
        time.sleep(0.05)
        return b"x" * 50

    body = StreamBody(read, 1000, silence_seconds=0.5, rate=50)
    assert sum(len(chunk) for chunks in body.batches() for chunk in chunks) == 1000
    assert body.end is BodyEnd.WHOLE
