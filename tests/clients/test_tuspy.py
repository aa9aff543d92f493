"""tuspy, as Python programs use it."""

import gc
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage

from tests.support.proxy import FaultProxy
from tests.support.serve import download

MIB = 1024 * 1024


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


def assert_served(url: str, source: Path) -> None:
    expected = hashlib.sha256(source.read_bytes()).digest()
    assert hashlib.sha256(download(url)).digest() == expected


@pytest.mark.parametrize("chunk", [None, MIB, 999_983], ids=["plain", "1-MiB", "odd"])
@pytest.mark.parametrize("metadata", [None, {"filename": "ü.bin"}], ids=["no-metadata", "named"])
def test_uploads(
    tus_server: str,
    source: Path,
    stream: BinaryIO,
    chunk: int | None,
    metadata: dict[str, str] | None,
) -> None:
    client = TusClient(tus_server)
    options = {"chunk_size": chunk} if chunk else {}
    uploader = client.uploader(file_stream=stream, metadata=metadata, **options)
    uploader.upload()
    assert_served(uploader.url, source)


def test_an_empty_file(tus_server: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    with empty.open("rb") as opened:
        uploader = TusClient(tus_server).uploader(file_stream=opened)
        uploader.upload()
    assert download(uploader.url) == b""


# for a fingerprint it closes the stream, and what it opens by itself it leaves open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_goes_on_by_its_url_storage(tus_server: str, source: Path, tmp_path: Path) -> None:
    storage = FileStorage(str(tmp_path / "urls.json"))
    try:
        options = {"store_url": True, "url_storage": storage, "chunk_size": MIB}
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


def test_goes_on_after_resets(
    proxy: FaultProxy, tus_server: str, source: Path, stream: BinaryIO
) -> None:
    proxy.reset_after(2 * MIB)
    uploader = TusClient(proxy.url).uploader(
        file_stream=stream, chunk_size=5 * MIB, retries=5, retry_delay=1
    )
    uploader.upload()
    assert_served(uploader.url.replace(proxy.url, tus_server), source)
