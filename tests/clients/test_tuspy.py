"""tuspy, as Python programs use it."""

import gc
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusUploadFailed
from tusclient.storage.filestorage import FileStorage
from tusclient.uploader import Uploader

from tests.support.proxy import FaultProxy
from tests.support.serve import ask, download, metadata_of, sha256

MIB = 1024 * 1024
# Seconds before each new try; at once would do, but hides what the first HEAD says.
RETRY_SECONDS = 0.2


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(os.urandom(7 * MIB + 13))
    return path


@pytest.fixture
def stream(source: Path) -> Iterator[BinaryIO]:
    """tuspy never closes a file that it opened itself."""
    with source.open("rb") as opened:
        yield opened


class MistakenUploader(Uploader):
    """Sends the digest of other bytes than it sends."""

    CHECKSUM_ALGORITHM_PAIR = ("sha1", lambda chunk: hashlib.sha1(chunk + b"!"))


def assert_served(url: str, source: Path) -> None:
    assert sha256(download(url)) == sha256(source.read_bytes())


@pytest.mark.parametrize("with_checksum", [False, True], ids=["bare", "checksum"])
@pytest.mark.parametrize("chunk", [None, MIB, 999_983], ids=["plain", "1-MiB", "odd"])
@pytest.mark.parametrize("metadata", [None, {"filename": "ü.bin"}], ids=["no-metadata", "named"])
def test_uploads(
    tus_server: str,
    source: Path,
    stream: BinaryIO,
    chunk: int | None,
    metadata: dict[str, str] | None,
    with_checksum: bool,
) -> None:
    client = TusClient(tus_server)
    options: dict[str, Any] = {"chunk_size": chunk} if chunk else {}
    uploader = client.uploader(
        file_stream=stream, metadata=metadata, upload_checksum=with_checksum, **options
    )
    uploader.upload()
    assert_served(uploader.url, source)
    assert metadata_of(uploader.url) == (metadata or {})


def test_an_empty_file(tus_server: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    with empty.open("rb") as opened:
        uploader = TusClient(tus_server).uploader(file_stream=opened)
        uploader.upload()
    assert download(uploader.url) == b""


def test_bytes_that_changed_on_their_way_are_refused(
    proxy: FaultProxy, source: Path, stream: BinaryIO
) -> None:
    uploader = TusClient(proxy.url).uploader(
        file_stream=stream, chunk_size=3 * MIB, upload_checksum=True
    )
    uploader.upload_chunk()
    proxy.corrupt_after(2 * MIB)
    with pytest.raises(TusUploadFailed) as refused:
        uploader.upload_chunk()
    assert refused.value.status_code == 460
    assert ask(uploader.url)["upload-offset"] == str(3 * MIB)
    # the same bytes once more, and the rest
    uploader.upload()
    assert_served(uploader.url, source)


def test_bytes_that_changed_on_their_way_are_sent_again(
    proxy: FaultProxy, source: Path, stream: BinaryIO
) -> None:
    faults = [proxy.corrupt_after(after) for after in (MIB, 0)]
    uploader = TusClient(proxy.url).uploader(
        file_stream=stream,
        chunk_size=2 * MIB,
        upload_checksum=True,
        retries=3,
        retry_delay=RETRY_SECONDS,
    )
    uploader.upload()
    assert all(fault.reached.is_set() for fault in faults)
    assert_served(uploader.url, source)


def test_a_wrong_checksum_leaves_nothing(tus_server: str, source: Path, stream: BinaryIO) -> None:
    client = TusClient(tus_server)
    mistaken = MistakenUploader(file_stream=stream, client=client, upload_checksum=True)
    with pytest.raises(TusUploadFailed) as refused:
        mistaken.upload()
    assert refused.value.status_code == 460
    assert ask(mistaken.url)["upload-offset"] == "0"
    right = client.uploader(file_stream=stream, url=mistaken.url, upload_checksum=True)
    right.upload()
    assert_served(right.url, source)


# for a fingerprint it closes the stream, and what it opens by itself it leaves open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("with_checksum", [False, True], ids=["bare", "checksum"])
def test_goes_on_by_its_url_storage(
    tus_server: str, source: Path, tmp_path: Path, with_checksum: bool
) -> None:
    storage = FileStorage(str(tmp_path / "urls.json"))
    try:
        options: dict[str, Any] = {
            "store_url": True,
            "url_storage": storage,
            "chunk_size": MIB,
            "upload_checksum": with_checksum,
        }
        first = TusClient(tus_server).uploader(str(source), **options)
        first.upload(stop_at=3 * MIB)
        second = TusClient(tus_server).uploader(str(source), **options)
        assert (second.url, second.offset) == (first.url, 3 * MIB)
        second.upload()
        assert_served(second.url, source)
        # a finished upload goes on answering: this storage never forgets it
        third = TusClient(tus_server).uploader(str(source), **options)
        assert third.offset == source.stat().st_size
    finally:
        storage.close()
    del first, second, third
    gc.collect()


def upload_40_mib(proxy: FaultProxy, folder: Path, **options: Any) -> None:
    source = folder / "large.bin"
    source.write_bytes(os.urandom(40 * MIB))
    with source.open("rb") as stream:
        uploader = TusClient(proxy.url).uploader(
            file_stream=stream, retries=5, retry_delay=RETRY_SECONDS, **options
        )
        uploader.upload()
    assert_served(uploader.url, source)


def test_three_resets_of_chunks_cost_little(proxy: FaultProxy, tmp_path: Path) -> None:
    faults = [proxy.reset_after(after) for after in (MIB, 3 * MIB, 5 * MIB - 1)]
    upload_40_mib(proxy, tmp_path, chunk_size=5 * MIB)
    assert all(fault.reached.is_set() for fault in faults)
    assert proxy.bytes_upstream <= 42 * MIB


def test_one_request_cut_half_way_costs_almost_nothing(proxy: FaultProxy, tmp_path: Path) -> None:
    fault = proxy.reset_after(20 * MIB)
    upload_40_mib(proxy, tmp_path)
    assert fault.reached.is_set()
    assert proxy.bytes_upstream <= 40.5 * MIB


def test_a_cut_chunk_with_a_checksum_is_sent_whole_again(
    proxy: FaultProxy, source: Path, stream: BinaryIO
) -> None:
    fault = proxy.reset_after(MIB)
    uploader = TusClient(proxy.url).uploader(
        file_stream=stream,
        chunk_size=2 * MIB,
        upload_checksum=True,
        retries=5,
        retry_delay=RETRY_SECONDS,
    )
    uploader.upload()
    assert fault.reached.is_set()
    assert_served(uploader.url, source)
    # what cannot be checked is not kept: this part came twice
    assert proxy.bytes_upstream >= source.stat().st_size + MIB
