"""The generator against servers that lie: each is told as failed, none counts as quick."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from benchmarks.answers import Answer
from benchmarks.content import BLOCK, MIB, agrees, small
from benchmarks.deadline import Deadline
from benchmarks.failures import Failed, NotOffered
from benchmarks.figures import RATE, WALL_GIB
from benchmarks.load import Script, drive
from benchmarks.rows.base import Turn, Values
from benchmarks.rows.concatenation import concatenate
from benchmarks.rows.downloads import ranges, whole
from benchmarks.rows.small import create_and_patch, create_with, head
from benchmarks.rows.uploads import at_once, checksummed, many_patches, one_patch
from benchmarks.wire import Client
from tests.benchmarks.liars import Honest, Request, listening, number_of, said, turn_at

Measurement = Callable[[Turn], Values]

UPLOADS = [one_patch, many_patches, at_once]
SMALL = [create_and_patch, create_with]


class Strict(Honest):
    """Checks checksums: all but that of the first PATCH are right."""

    def patch(self, request: Request) -> bytes:
        appends = [one for one in self.requests if one.method == "PATCH"]
        return said(460, {}) if len(appends) == 1 else super().patch(request)


def test_the_content_is_compared_wherever_it_is() -> None:
    assert agrees(small(100), 7 * MIB)
    assert agrees(BLOCK[5:], 5)
    assert agrees(bytes(BLOCK[5:]) + bytes(BLOCK[:5]), 5)
    assert not agrees(BLOCK[1:5], 0)
    assert not agrees(b"x" * 100, 0)


@pytest.mark.parametrize("row", [*UPLOADS, whole, ranges, concatenate, *SMALL, head])
def test_an_honest_server_has_figures(row: Measurement) -> None:
    with turn_at(Honest()) as turn:
        values = row(turn)
    assert all(value >= 0 for value in values.values())
    assert values.get(WALL_GIB, 1.0) > 0
    assert values.get(RATE, 1.0) > 0
    assert not turn.remarks


def test_every_byte_is_sent_and_from_one_buffer() -> None:
    server = Honest()
    with turn_at(server) as turn:
        many_patches(turn)
    (upload,) = server.uploads
    assert len(upload) == turn.sizes.upload_bytes
    assert all(agrees(upload[at : at + MIB], at) for at in range(0, len(upload), MIB))


@pytest.mark.parametrize("row", UPLOADS)
def test_a_wrong_offset_is_told(row: Measurement) -> None:
    class Liar(Honest):
        def patch(self, request: Request) -> bytes:
            super().patch(request)
            return said(204, {"Upload-Offset": "3"})

    with turn_at(Liar()) as turn, pytest.raises(Failed, match=r"Upload-Offset 3, not [1-9]"):
        row(turn)


@pytest.mark.parametrize("row", SMALL)
def test_a_wrong_offset_of_small_uploads_is_told(row: Measurement) -> None:
    class Liar(Honest):
        def answer(self, request: Request) -> bytes:
            return super().answer(request).replace(b"Upload-Offset: 4096", b"Upload-Offset: 4095")

    with turn_at(Liar()) as turn, pytest.raises(Failed, match="Upload-Offset 4095, not 4096"):
        row(turn)


@pytest.mark.parametrize("row", [*UPLOADS, *SMALL, head, whole])
def test_a_wrong_status_is_told(row: Measurement) -> None:
    class Liar(Honest):
        def answer(self, request: Request) -> bytes:
            answer = super().answer(request)
            return answer.replace(b"HTTP/1.1 201", b"HTTP/1.1 200", 1)

    with turn_at(Liar()) as turn, pytest.raises(Failed, match="POST with 200, not 201"):
        row(turn)


def test_an_upload_that_is_shorter_afterwards_is_told() -> None:
    class Liar(Honest):
        def head(self, request: Request) -> bytes:
            return said(200, {"Upload-Offset": "0"})

    with turn_at(Liar()) as turn, pytest.raises(Failed, match="HEAD with Upload-Offset 0"):
        one_patch(turn)


def test_a_server_that_forgets_finished_uploads_is_remarked_on() -> None:
    class Forgetful(Honest):
        def head(self, request: Request) -> bytes:
            return said(404, {})

    with turn_at(Forgetful()) as turn:
        one_patch(turn)
    assert turn.remarks == ["answers HEAD of finished uploads with 404"]


@pytest.mark.parametrize("row", [*UPLOADS, *SMALL])
def test_a_connection_that_ends_early_is_told(row: Measurement) -> None:
    class Liar(Honest):
        def answer(self, request: Request) -> bytes:
            super().answer(request)
            with_bytes = len(request.body) > 0
            return b"" if with_bytes else super().answer(request)

    with turn_at(Liar()) as turn, pytest.raises(Failed, match=r"closed|broke"):
        row(turn)


def test_an_answer_before_the_body_is_told_as_that() -> None:
    class Eager(Honest):
        def answer(self, request: Request) -> bytes:
            return said(413, {}) if request.body else super().answer(request)

    with turn_at(Eager()) as turn, pytest.raises(Failed, match="413"):
        one_patch(turn)


@dataclass(slots=True)
class Download(Honest):
    """Lies about what it kept."""

    kind: str = ""

    def get(self, request: Request) -> bytes:
        honest = super(Download, self).get(request)
        end = honest.index(b"\r\n\r\n") + 4
        if len(honest) - end < 1000:
            return honest
        if self.kind == "other bytes":
            return honest[:-9] + b"x" * 9
        if self.kind == "short":
            size = len(honest) - end
            return honest.replace(b": %d\r\n" % size, b": %d\r\n" % (size - 10))[:-10]
        if self.kind == "another range":
            return honest.replace(b"Content-Range: bytes ", b"Content-Range: bytes 9")
        return honest.replace(b" 206 ", b" 200 ").replace(b" 200 ", b" 203 ")


@pytest.mark.parametrize(
    ("row", "kind", "why"),
    [
        (whole, "other bytes", "other bytes"),
        (whole, "short", "sent [0-9]+ bytes, not [0-9]+"),
        (whole, "status", "GET with 203, not 200"),
        (ranges, "other bytes", "other bytes"),
        (ranges, "short", "sent [0-9]+ bytes, not [0-9]+"),
        (ranges, "another range", "with Content-Range"),
        (ranges, "status", "GET with 203, not 206"),
    ],
)
def test_a_download_that_is_not_the_upload_is_told(row: Measurement, kind: str, why: str) -> None:
    with turn_at(Download(kind=kind)) as turn, pytest.raises(Failed, match=why):
        row(turn)


def test_checksums_that_are_not_checked_are_told() -> None:
    with turn_at(Honest()) as turn, pytest.raises(Failed, match="wrong checksum with 204"):
        checksummed(turn)


def test_checksums_that_are_checked_have_figures() -> None:
    with turn_at(Strict()) as turn:
        assert checksummed(turn)[WALL_GIB] > 0


@pytest.mark.parametrize("row", [checksummed, concatenate, create_with])
def test_what_is_not_offered_is_no_failure(row: Measurement) -> None:
    class Plain(Honest):
        def options(self, _: Request) -> bytes:
            return said(204, {"Tus-Extension": "creation,checksums,creation-with-uploads"})

    with turn_at(Plain()) as turn, pytest.raises(NotOffered, match="without the extension"):
        row(turn)


@pytest.mark.parametrize(("status", "row"), [(405, whole), (405, ranges), (200, ranges)])
def test_downloads_that_are_not_there_are_no_failure(status: int, row: Measurement) -> None:
    class Without(Honest):
        def get(self, request: Request) -> bytes:
            content = bytes(self.uploads[number_of(request.path)])
            return said(status, {}, content if status == 200 else b"")

    with turn_at(Without()) as turn, pytest.raises(NotOffered, match=r"no downloads|no ranges"):
        row(turn)


def test_chunked_answers_and_new_connections() -> None:
    class Chunked(Honest):
        def answer(self, request: Request) -> bytes:
            answer = super().answer(request)
            length, _, body = answer.partition(b"\r\n\r\n")
            if request.method != "GET":
                return answer.replace(b" Text\r\n", b" Text\r\nConnection: close\r\n")
            lines = length.rpartition(b"Content-Length")[0]
            pieces = [body[at : at + 70_000] for at in range(0, len(body), 70_000)]
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
            return lines + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    server = Chunked()
    with turn_at(server) as turn:
        whole(turn)
    assert server.requests[-1].method == "GET"


def test_bytes_behind_an_answer_are_told() -> None:
    with (
        listening(lambda _: said(204, {"Upload-Offset": "1"}) + b"more") as port,
        Deadline(5) as deadline,
        Client(port, deadline) as client,
        pytest.raises(Failed, match="behind an answer"),
    ):
        client.ask(b"PATCH / HTTP/1.1\r\n\r\n")


def _ask_once(port: int, deadline: Deadline) -> None:
    def script() -> Script:
        yield b"GET / HTTP/1.1\r\n\r\n"

    drive(port, deadline, script, connections=1, count=1)


def _ask_blocking(port: int, deadline: Deadline) -> None:
    with Client(port, deadline) as client:
        client.ask(b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize("ask", [_ask_once, _ask_blocking])
def test_a_server_that_says_nothing_ends_with_the_deadline(
    ask: Callable[[int, Deadline], None],
) -> None:
    def nothing(_: Request) -> bytes:
        time.sleep(0.6)
        return b""

    started = time.monotonic()
    with (
        listening(nothing) as port,
        pytest.raises(Failed, match=r"took longer than 0\.2 s"),
        Deadline(0.2) as deadline,
    ):
        ask(port, deadline)
    assert time.monotonic() - started < 5


def test_nobody_listens() -> None:
    with listening(lambda _: b"") as port:
        pass
    with Deadline(5) as deadline, pytest.raises(Failed, match="takes no connection"):
        Client(port, deadline)


def test_scripts_are_run_as_often_as_asked_and_timed() -> None:
    answers: list[Answer] = []

    def script() -> Script:
        answers.append((yield b"GET / HTTP/1.1\r\n\r\n"))

    with listening(lambda _: said(200, {}, b"hello")) as port, Deadline(10) as deadline:
        times = drive(port, deadline, script, connections=4, count=30)
    assert len(answers) == len(times.each) == 30
    assert {answer.body for answer in answers} == {b"hello"}
    assert 0 < max(times.each) <= times.whole


def test_scripts_stop_beginning_when_the_time_is_over() -> None:
    def slow(_: Request) -> bytes:
        time.sleep(0.02)
        return said(204, {})

    def script() -> Script:
        yield b"GET / HTTP/1.1\r\n\r\n"

    with listening(slow) as port, Deadline(10) as deadline:
        times = drive(port, deadline, script, connections=1, count=1000, seconds=0.1)
    assert 1 <= len(times.each) < 100


def test_a_turn_asks_for_extensions_once() -> None:
    server = Honest()
    with turn_at(server) as turn:
        for _ in range(3):
            Turn.demand(turn, "checksum")
    assert [request.method for request in server.requests] == ["OPTIONS"]
