"""Bytes that come from elsewhere, for uploads whose rows are made afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.test_service import CONTENT, files
from tusbridge.errors import BlobTruncated, LeaseLost, StoreFull
from tusbridge.models import Protocol, Status, Upload
from tusbridge.service import UploadService
from tusbridge.stores.local_writer import LocalWriter

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "0123456789abcdef" * 2
PIECES = [b"hello", b"world"]
STATES = pytest.mark.parametrize("status", [Status.UPLOADING, Status.COMPLETE])


def new(status: int = Status.UPLOADING, offset: int = 10) -> Upload:
    return Upload(upload_id=KEY, status=status, offset=offset, length=offset)


def test_bytes_of_an_unfinished_upload_are_where_the_next_append_finds_them(
    service: UploadService,
) -> None:
    upload = new()
    # as the uploads of another program are
    upload.protocol, upload.completes_itself = Protocol.LEGACY, False
    service.adopt(upload, PIECES)
    assert (upload.file.name, "segments" in upload.store_state) == ("", False)
    upload.save()
    assert b"".join(service.read_unfinished(upload, 0, 10)) == CONTENT
    chunk = service.begin_chunk(upload, 10, 5, again=lambda: upload)
    chunk.feed([b"again"])
    chunk.commit({})
    service.complete(upload)
    assert b"".join(service.open(upload, 0, 15)) == CONTENT + b"again"


@pytest.mark.parametrize("count", [0, 10])
def test_bytes_of_a_complete_upload_are_the_storages_file(
    service: UploadService, media: Path, count: int
) -> None:
    upload = new(Status.COMPLETE, count)
    service.adopt(upload, PIECES if count else [])
    assert upload.file.name == f"uploads/01/{KEY}"
    assert (media / upload.file.name).read_bytes() == CONTENT[:count]
    assert files(media.with_name("media.partial")) == []


@STATES
def test_it_may_be_done_again(service: UploadService, status: int) -> None:
    for content in ([b"XXXXXXXXXX"], PIECES):
        upload = new(status)
        service.adopt(upload, content)
    if status == Status.UPLOADING:
        assert b"".join(service.read_unfinished(upload, 0, 10)) == CONTENT


@STATES
@pytest.mark.parametrize("pieces", [[], [b"hello"], [*PIECES, b"!"]])
def test_another_number_of_bytes_leaves_nothing(
    service: UploadService, media: Path, status: int, pieces: list[bytes]
) -> None:
    upload = new(status)
    with pytest.raises(BlobTruncated):
        service.adopt(upload, pieces)
    assert files(media.parent) == []
    assert upload.file.name == ""


@STATES
@pytest.mark.parametrize("error", [OSError("no"), KeyboardInterrupt()])
def test_a_source_that_fails_leaves_nothing(
    service: UploadService, media: Path, status: int, error: BaseException
) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"hello"
        raise error

    with pytest.raises(type(error)):
        service.adopt(new(status), pieces())
    assert files(media.parent) == []


def test_a_full_disk_leaves_nothing(
    service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: LocalWriter) -> None:
        raise StoreFull

    monkeypatch.setattr(LocalWriter, "sync", full)
    with pytest.raises(StoreFull):
        service.adopt(new(), PIECES)
    assert files(media.parent) == []


@STATES
def test_the_bytes_of_an_upload_that_has_a_row_are_left_alone(
    service: UploadService, status: int
) -> None:
    first = new()
    service.adopt(first, PIECES)
    first.save()
    with pytest.raises(LeaseLost):
        service.adopt(new(status), [b"X" * 10])
    assert b"".join(service.read_unfinished(first, 0, 10)) == CONTENT
