"""kill -9 and SIGTERM at any moment: acknowledged bytes stay, uploads go on (R4, R10, R13)."""

import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from conformance.client import Client
from conformance.wire import WireError
from tests.faults import support
from tests.faults.support import MIB, client_of, sample
from tests.support.servers import Server, running

KILLS = int(os.environ.get("TUSBRIDGE_KILLS", "6"))
LENGTH = 40 * MIB
# Seconds that a stream between two kills would take if none came.
STREAM_SECONDS = 2.0
PIECE_SECONDS = 0.02
COMPLETION_KILLS = 6
STOP_SECONDS = 10.0


class Uploading:
    """One upload through all kills, and the highest offset that any answer told."""

    def __init__(self, client: Client, content: bytes) -> None:
        self.client = client
        self.content = content
        self.url = client.create(len(content))
        self.acknowledged = 0
        self.by_head = 0

    def check_offset(self) -> int:
        """R4: HEAD never tells less than was told before."""
        offset = self.client.offset(self.url)
        assert offset >= self.acknowledged, f"{self.acknowledged} acknowledged, {offset} kept"
        self.acknowledged = offset
        return offset

    def stream(self, stop: int, moving: threading.Event, ended: threading.Event) -> None:
        """Send as far as ``stop``, slowly and with a HEAD now and then, until the server dies.

        ``moving`` is set once a HEAD tells that bytes of this stream were taken.
        """
        offset = self.check_offset()
        rest = len(self.content) - offset
        piece = max(1, int((stop - offset) * PIECE_SECONDS / STREAM_SECONDS))
        connection = self.client.start_patch(self.url, offset, rest, b"")
        next_head = time.monotonic()
        with suppress(WireError):
            for at in range(offset, len(self.content), piece):
                if connection.readable(0) or not connection.send(self.content[at : at + piece]):
                    break
                if time.monotonic() > next_head:
                    self.acknowledged = max(self.acknowledged, self.client.offset(self.url))
                    self.by_head += 1
                    if self.acknowledged > offset:
                        moving.set()
                    next_head = time.monotonic() + random.uniform(0.05, 0.6)
                if ended.wait(PIECE_SECONDS):
                    break
            response = self.client.read(connection, support.ANSWER_SECONDS)
            # a piece that met the lease of a killed holder may be refused
            assert response.status in {204, 423}, response
            told = self._told(response.fields.get("Upload-Offset"))
            self.acknowledged = max(self.acknowledged, told)
        connection.close()

    def append(self, count: int) -> None:
        """One whole PATCH, acknowledged."""
        offset = self.check_offset()
        body = self.content[offset : offset + count]
        response = support.patch(self.client, self.url, offset, body)
        assert response.status == 204, response
        self.acknowledged = self._told(response.fields.get("Upload-Offset"))
        assert self.acknowledged == offset + count

    @staticmethod
    def _told(offset: str | None) -> int:
        return int(offset or 0)


@pytest.mark.timeout(120 + 20 * KILLS)
def test_r4_acknowledged_bytes_survive_kill_9_at_random_moments(tmp_path: Path) -> None:
    """R4, R2, R3: N kills in one upload; HEAD never falls, and the bytes are the client's."""
    content = sample(LENGTH)
    in_mid_body = 0
    with running("serve", tmp_path) as server, client_of(server) as client:
        uploading = Uploading(client, content)
        for number in range(KILLS):
            share = (LENGTH - uploading.check_offset()) // (2 * (KILLS - number))
            if number % 3 == 2:
                uploading.append(max(1, share))
                support.kill(server)
            else:
                _kill_while_streaming(server, uploading, share)
                in_mid_body += 1
            server.start()
            uploading.check_offset()
        support.finish(client, uploading.url, content, uploading.acknowledged)
    print(f"{KILLS} kills, {in_mid_body} in mid-body, {uploading.by_head} HEADs meanwhile")


def _kill_while_streaming(server: Server, uploading: Uploading, share: int) -> None:
    moving, ended = threading.Event(), threading.Event()
    seconds = random.uniform(0, STREAM_SECONDS)

    def kill_later() -> None:
        moving.wait(support.TAKE_OVER_SECONDS)
        ended.wait(seconds)
        support.kill(server)
        ended.set()

    killer = threading.Thread(target=kill_later)
    killer.start()
    uploading.stream(uploading.acknowledged + share, moving, ended)
    killer.join()
    assert moving.is_set(), "the kill did not come in mid-body"


@pytest.mark.timeout(60 + 60 * COMPLETION_KILLS)
def test_r10_completion_that_was_killed_is_mended(tmp_path: Path) -> None:
    """R10: SIGKILL between the last commit and "complete": HEAD says the length, GET has it all.

    R8: what a killed process held is free again within the time of a take-over.
    """
    hits = 0
    waits = []
    with running("serve", tmp_path) as server, client_of(server) as client:
        for number in range(COMPLETION_KILLS):
            content = sample(MIB + number, seed=number)
            url = client.create(len(content))
            assert client.patch(url, 0, content[:-1]).status == 204
            left = _kill_in_completion(server, client, url, content)
            server.start()
            hits += left
            offset = client.offset(url)
            assert offset == len(content) if left else offset >= len(content) - 1
            if offset < len(content):
                assert support.patch(client, url, offset, content[offset:]).status == 204
            started = time.monotonic()
            support.wait_for(
                lambda url=url: client.send("GET", url).status == 200,
                "GET of an upload whose completion was killed",
                support.TAKE_OVER_SECONDS,
                0.2,
            )
            waits.append(time.monotonic() - started)
            support.assert_content(client, url, content)
    print(f"{hits} of {COMPLETION_KILLS} kills in completion; GET after {max(waits):.1f} s at most")
    assert hits, "no kill came between the last commit and the completion"


def _kill_in_completion(server: Server, client: Client, url: str, content: bytes) -> bool:
    """Send the last byte, kill as soon as the row has it; whether completion was left undone."""
    database = server.place / "data" / "db.sqlite3"
    victims = sorted(server.pids, reverse=True)
    where = "upload_id = ? AND offset = length"
    connection = client.start_patch(url, len(content) - 1, 1, content[-1:])
    support.wait_for(
        lambda: support.rows(database, where, support.id_of(url)), "the last commit", pause=0
    )
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    support.kill(server)
    connection.close()
    return support.rows(database, where, support.id_of(url))[0]["status"] == 1


@pytest.mark.parametrize("kind", ["serve", "uvicorn"])
def test_r13_sigterm_in_mid_patch_keeps_what_arrived(tmp_path: Path, kind: str) -> None:
    """R13: the server ends in time, every byte that came is kept, finished uploads are unharmed."""
    content = sample(8 * MIB)
    finished = sample(MIB, seed=2)
    sent = 3 * MIB + 12_345
    with running(kind, tmp_path) as server, client_of(server) as client:
        done = client.create_complete(finished)
        url = client.create(len(content))
        connection = client.start_patch(url, 0, len(content), content[: 2 * MIB])
        client.wait_offset(url, 2 * MIB, 2 * MIB, within_seconds=10, each_seconds=5)
        connection.send(content[2 * MIB : sent])
        # by now its event loop has turned after these bytes came
        connection._wait_drained()
        for _ in range(3):
            assert client.head(done).status == 200
        seconds = server.stop()
        response = support.answer_of(client, connection, STOP_SECONDS)
        assert response is None or support.is_refused_for_now(response), response
        assert seconds < STOP_SECONDS
        server.start()
        assert client.offset(url) == sent
        support.assert_content(client, done, finished)
        support.finish(client, url, content, sent)
    print(f"{kind} ended in {seconds:.1f} s; answer to the PATCH: {response and response.status}")


@pytest.mark.parametrize("kind", ["serve", "uvicorn"])
def test_r13_sigterm_under_a_stream_loses_nothing_acknowledged(tmp_path: Path, kind: str) -> None:
    """R13, R4: a client that goes on sending does not keep the server from ending."""
    content = sample(24 * MIB)
    with running(kind, tmp_path) as server, client_of(server) as client:
        uploading = Uploading(client, content)
        ended = threading.Event()
        seconds = []

        def stop_later() -> None:
            ended.wait(1.0)
            seconds.append(server.stop())
            ended.set()

        stopper = threading.Thread(target=stop_later)
        stopper.start()
        _stream_until_refused(uploading, ended)
        stopper.join()
        assert seconds[0] < STOP_SECONDS
        server.start()
        support.finish(client, uploading.url, content, uploading.acknowledged)
    print(f"{kind} ended in {seconds[0]:.1f} s under a stream")


def _stream_until_refused(uploading: Uploading, ended: threading.Event) -> None:
    client, content = uploading.client, uploading.content
    connection = client.start_patch(uploading.url, 0, len(content), b"")
    piece = 64 * 1024
    with suppress(WireError):
        for at in range(0, len(content), piece):
            if connection.readable(0) or not connection.send(content[at : at + piece]):
                break
            if at == piece * 10:
                uploading.check_offset()
            if ended.wait(PIECE_SECONDS):
                break
        response = client.read(connection, STOP_SECONDS)
        assert support.is_refused_for_now(response), response
