"""R11: a full disk is told as 507, keeps what fitted, breaks nothing else and passes."""

from pathlib import Path

import pytest

from conformance.client import Client, append_fields
from tests.faults import disks, support
from tests.faults.support import KIB, MIB, client_of, error_code, sample
from tests.support.servers import running

pytestmark = pytest.mark.root

DISK_BYTES = 24 * MIB
# Enough for a first part of an upload, and not for the rest.
ROOM_BYTES = 2 * MIB

content = sample(8 * MIB)
finished = sample(300 * KIB, seed=2)


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_r11_full_disk_of_files(tmp_path: Path, kind: str) -> None:
    """R11: the files' disk is full, the database lies elsewhere."""
    with (
        disks.mounted(kind, tmp_path / "disk", DISK_BYTES) as point,
        running(
            "serve", tmp_path / "server", options={"FILES_DIR": str(point / "files")}
        ) as server,
        client_of(server) as client,
    ):
        database = server.place / "data" / "db.sqlite3"
        done = client.create_complete(finished)
        other = client.create(MIB)
        url = client.create(len(content))
        assert client.patch(url, 0, content[:MIB]).status == 204
        filler = disks.fill(point, ROOM_BYTES)
        kept = _append_until_full(client, url, point, MIB)
        assert kept > MIB, "bytes that fitted are kept"
        disks.fill(point)
        assert kept <= _append_until_full(client, url, point, kept)
        _refuses_creations(client, database)
        _serves_all_else(client, done, url)
        assert client.delete(other).status == 204
        filler.unlink()
        support.finish(client, url, content, kept)
        assert client.create_complete(finished)


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_r11_full_disk_of_files_and_database(tmp_path: Path, kind: str) -> None:
    """R11: SQLite lies on the full disk too, so that no row can be changed either."""
    with (
        disks.mounted(kind, tmp_path / "disk", DISK_BYTES) as point,
        running("serve", tmp_path / "server", flags=("--data-dir", str(point / "data"))) as server,
        client_of(server) as client,
    ):
        database = point / "data" / "db.sqlite3"
        done = client.create_complete(finished)
        other = client.create(MIB)
        url = client.create(len(content))
        assert client.patch(url, 0, content[:MIB]).status == 204
        filler = disks.fill(point, ROOM_BYTES)
        kept = _append_until_full(client, url, point, MIB)
        disks.fill(point)
        assert kept <= _append_until_full(client, url, point, kept)
        _refuses_creations(client, database)
        _serves_all_else(client, done, url)
        # a row has to change for this, and there may be no room for that
        deleted = client.delete(other).status
        assert deleted in {204, 507}
        filler.unlink()
        support.finish(client, url, content, kept)
        assert client.create_complete(finished)
    print(f"{kept} bytes kept; DELETE with the disk full: {deleted}")


def _append_until_full(client: Client, url: str, place: Path, acknowledged: int) -> int:
    """The offset afterwards; the bytes up to it are on the disk as they were sent."""
    offset = client.offset(url)
    response = client.patch(url, offset, content[offset:])
    assert (response.status, error_code(response)) == (507, "store-full"), response
    offset = client.offset(url)
    assert offset >= acknowledged
    partial = next(path for path in support.files_of(place, url) if path.suffix != ".lock")
    with partial.open("rb") as file:
        assert file.read(offset) == content[:offset]
    return offset


def _refuses_creations(client: Client, database: Path) -> None:
    """R11: creation is 507 and leaves no row, with bytes and without."""
    before = len(support.rows(database))
    for body in (b"", sample(MIB, seed=3)):
        fields = {"Upload-Length": str(MIB)}
        if body:
            fields["Content-Type"] = str(append_fields(0)["Content-Type"])
        response = client.post(fields, body)
        assert (response.status, error_code(response)) == (507, "store-full"), response
        assert len(support.rows(database)) == before


def _serves_all_else(client: Client, done: str, url: str) -> None:
    support.assert_content(client, done, finished)
    assert client.head(done).status == 200
    assert client.head(url).status == 200
    assert client.options().status == 200
    assert client.head(client.target.url + "0" * 32).status == 404
