"""kill -9 at any moment while chunks of forms come: what was accepted stays."""

import os
import random
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults import support
from tests.faults.support import KIB, MIB, sample
from tests.legacy.form_client import FormClient, Reply
from tests.support.servers import Server, running

KILLS = int(os.environ.get("TUSBRIDGE_KILLS", "6"))
LENGTH = 60 * MIB
CHUNK = 512 * KIB
# Seconds between a server's start and its end, at most.
LIFE_SECONDS = 0.6


class Uploading:
    """One upload through all kills, and what of it was accepted."""

    def __init__(self, client: FormClient, content: bytes) -> None:
        self.client = client
        self.content = content
        self.upload_id = ""
        self.accepted = 0
        self.refused = 0

    def send_chunk(self) -> None:
        """The next chunk; a refusal tells where to go on, and never behind what was accepted."""
        start = self.accepted
        piece = self.content[start : start + CHUNK]
        reply = self.client.chunk(piece, (start, len(self.content)), self.upload_id)
        if reply.status == 200:
            self.upload_id = reply.data["upload_id"]
            self.accepted = reply.data["offset"]
            assert self.accepted == start + len(piece)
        elif reply.status == 400:
            # a killed server took a chunk whole, and did not come to answer
            assert reply.data["offset"] == start + len(piece), reply
            self.accepted = reply.data["offset"]
            self.refused += 1
        else:
            # whoever held the upload was killed
            assert reply.status == 409, reply
            time.sleep(0.2)

    def send_until(self, ended: threading.Event) -> None:
        with suppress(OSError):
            while self.accepted < len(self.content) and not ended.is_set():
                self.send_chunk()


@pytest.mark.timeout(120 + 20 * KILLS)
def test_accepted_chunks_survive_kill_9_at_random_moments(tmp_path: Path) -> None:
    content = sample(LENGTH, seed=4)
    with running("serve", tmp_path) as server:
        client = FormClient(server.url.replace("/files/", "/legacy/"))
        uploading = Uploading(client, content)
        for _ in range(KILLS):
            _send_and_kill(server, uploading)
            server.start()
        while uploading.accepted < LENGTH:
            uploading.send_chunk()
        assert _complete(client, uploading).status == 200
        stored = next(path for path in _files(server) if path.name == uploading.upload_id)
        assert stored.read_bytes() == content
    print(f"{KILLS} kills, {uploading.refused} chunks taken whole without an answer")


def _complete(client: FormClient, uploading: Uploading) -> Reply:
    return client.complete(uploading.upload_id, uploading.content)


def _files(server: Server) -> list[Path]:
    return [path for path in (server.place / "data" / "files").rglob("*") if path.is_file()]


def _send_and_kill(server: Server, uploading: Uploading) -> None:
    ended = threading.Event()
    sender = threading.Thread(target=uploading.send_until, args=(ended,))
    sender.start()
    time.sleep(random.uniform(0, LIFE_SECONDS))
    support.kill(server)
    ended.set()
    sender.join()
