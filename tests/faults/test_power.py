"""R1: what was acknowledged is there after the power went, right behind the answer.

The block device is copied as it is in that moment: what no sync has brought there is lost. The
journal is replayed by mounting the copy, and SQLite replays its own when it is opened. A disk
with a cache of its own that lies about flushes is beyond this.
"""

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.client import Client, append_fields
from conformance.wire import Response
from tests.faults import disks, support
from tests.faults.support import KIB, MIB, client_of, sample
from tests.support.servers import Server, running

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]

DISK_BYTES = 64 * MIB


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What a client was told of an upload."""

    url: str
    content: bytes
    offset: int


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a kind of server keeps things, below the disk's mount point."""

    database: str
    files: str


LAYOUTS = {
    "serve": Layout(database="data/db.sqlite3", files="data/files"),
    "uvicorn": Layout(database="site/db.sqlite3", files="site/media"),
}


class PowerCuts:
    """Copies of a disk, each made right behind an answer, and what they lack of what was told."""

    def __init__(self, server: Server, point: Path) -> None:
        self.server = server
        self.layout = LAYOUTS[server.kind]
        self.image = point.parent / "image"
        self.device = disks.device_of(point)
        self.promises: dict[str, Promise] = {}
        self.cuts = 0
        self.losses: list[str] = []
        self.unflushed: list[str] = []

    def cut_after(self, what: str, ask: Callable[[], Response], content: bytes) -> str:
        """Ask, copy the disk as it is then, and look into the copy; the upload's URL."""
        flushes = self._flushes()
        response = ask()
        with self._stopped():
            copy = self._copy()
        self.cuts += 1
        assert response.status in {201, 204}, response
        if self._flushes() == flushes:
            self.unflushed.append(what)
        url = self._url_of(response)
        told = int(response.fields.get("Upload-Offset") or 0)
        self.promises[url] = Promise(url=url, content=content, offset=told)
        self._look_into(copy, what)
        copy.unlink()
        return url

    def _copy(self) -> Path:
        """The backing file has what reached the device, not what the file system still holds."""
        copy = self.image.with_name(f"copy-{self.cuts}")
        while True:
            before = self.image.stat().st_mtime_ns
            subprocess.run(["cp", "--sparse=always", self.image, copy], check=True)
            # the journal's own thread may have written meanwhile: that would be no one moment
            if self.image.stat().st_mtime_ns == before:
                return copy

    def _url_of(self, response: Response) -> str:
        location = response.fields.get("Location")
        if location:
            return f"{self.server.url}{support.id_of(location)}"
        return self.server.url + response.request.split()[1].rpartition("/")[2]

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        """The power is gone for the server at once, so that a copy is of one moment."""
        pids = self.server.pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def _flushes(self) -> int:
        name = Path(self.device).name
        return int(Path(f"/sys/block/{name}/stat").read_text().split()[15])

    def _look_into(self, copy: Path, what: str) -> None:
        point = copy.with_name(f"{copy.name}.mnt")
        with disks.mounted_image(copy, point):
            for promise in self.promises.values():
                lack = _lack_of(promise, point / self.layout.database, point / self.layout.files)
                if lack:
                    self.losses.append(f"{what}: {lack}")


def _lack_of(promise: Promise, database: Path, files: Path) -> str:
    """What a copy has not of what was promised; "" when it has it all."""
    row = _row(database, support.id_of(promise.url))
    if row is None:
        return "no row"
    if row["offset"] < promise.offset:
        return f"{promise.offset} bytes were acknowledged, the row says {row['offset']}"
    is_whole = promise.offset == len(promise.content)
    if is_whole and row["status"] != 2:
        return "the finished upload is not marked complete"
    if promise.offset == 0 and not is_whole:
        return ""
    path = files / row["file"] if is_whole else _unfinished(row, files)
    if not path.exists():
        return f"{path.relative_to(files.parent)} is not there"
    kept = path.read_bytes()[: promise.offset]
    if kept != promise.content[: promise.offset]:
        return f"wrong from byte {support.first_difference(kept, promise.content)} on"
    return ""


def _unfinished(row: dict[str, Any], files: Path) -> Path:
    """Where the bytes are, by what the row says: in one file, for nobody was disturbed."""
    (segment,) = json.loads(row["store_state"]).get("segments", [[0, ""]])
    name = ".".join(filter(None, (row["upload_id"], segment[1])))
    return files.with_name(f"{files.name}.partial") / name[:2] / name


def _row(database: Path, upload_id: str) -> dict[str, Any] | None:
    if not database.exists():
        return None
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute(
            "SELECT * FROM tusbridge_upload WHERE upload_id = ?", [upload_id]
        ).fetchone()
        return dict(found) if found else None


def _upload_with_cuts(cuts: PowerCuts, client: Client) -> None:
    """Creations, small ones in one request and in two, a series, each followed by a cut."""
    small, tiny = sample(300 * KIB, seed=1), sample(5, seed=2)
    series = sample(3 * MIB + 321, seed=3)
    offset_type = str(append_fields(0)["Content-Type"])

    def create(content: bytes, what: str = "creation") -> str:
        fields = {"Upload-Length": str(len(content))}
        return cuts.cut_after(what, lambda: client.post(fields), content)

    def create_with(content: bytes, count: int, what: str) -> str:
        fields = {"Upload-Length": str(len(content)), "Content-Type": offset_type}
        return cuts.cut_after(what, lambda: client.post(fields, content[:count]), content)

    def patch(url: str, content: bytes, start: int, stop: int, what: str) -> None:
        cuts.cut_after(what, lambda: client.patch(url, start, content[start:stop]), content)

    patch(create(small), small, 0, len(small), "a small upload in one PATCH")
    patch(create(tiny), tiny, 0, len(tiny), "five bytes in one PATCH")
    create_with(small, len(small), "creation with all bytes")
    create_with(tiny, len(tiny), "creation with all five bytes")
    begun = create_with(small, 1000, "creation with some bytes")
    patch(begun, small, 1000, len(small), "the rest of that")
    url = create(series)
    for start in range(0, len(series), MIB):
        stop = min(start + MIB, len(series))
        patch(url, series, start, stop, f"bytes {start} to {stop} of a series")
    create(b"", "creation of nothing")


@contextmanager
def _server_on_a_disk(
    place: Path, kind: str, durability: str
) -> Iterator[tuple[PowerCuts, Client]]:
    with disks.mounted("ext4", place / "disk", DISK_BYTES) as point:
        flags = ("--data-dir", str(point / "data"), "--durability", durability)
        if kind == "serve":
            serving = running(kind, place / "server", flags=flags)
        else:
            # a site's SQLite syncs whatever tusbridge is told
            serving = running(kind, point / "site", options={"DURABILITY": durability})
        with serving as server, client_of(server) as client:
            # the server's own folders and tables are not what is promised here
            os.sync()
            yield PowerCuts(server, point), client


@pytest.mark.parametrize("kind", LAYOUTS)
def test_r1_acknowledged_bytes_survive_a_power_cut(tmp_path: Path, kind: str) -> None:
    """R1 with durability ``power``: rows, offsets, bytes and finished files are all there."""
    with _server_on_a_disk(tmp_path, kind, "power") as (cuts, client):
        _upload_with_cuts(cuts, client)
    print(f"{cuts.cuts} power cuts")
    assert not cuts.losses
    assert not cuts.unflushed, "acknowledged without any flush of the device"


@pytest.mark.parametrize("kind", LAYOUTS)
def test_r1_without_syncs_a_power_cut_is_felt(tmp_path: Path, kind: str) -> None:
    """With durability ``process`` the same cuts lose something: the test above can fail.

    The site's rows are durable all the same, so that there only bytes are lost: conclusion 1.
    """
    with _server_on_a_disk(tmp_path, kind, "process") as (cuts, client):
        _upload_with_cuts(cuts, client)
    print(f"{len(cuts.losses)} losses after {cuts.cuts} power cuts: {cuts.losses[:3]}")
    assert cuts.losses
    assert kind == "uvicorn" or cuts.unflushed
