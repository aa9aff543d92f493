"""What any store has to do, whoever wrote it.

Derive a test class from :class:`StoreContract` and give it a fixture ``store``, and ``finished``,
which reads a finished file by its name.
"""

from collections.abc import Callable

import pytest

from tusbridge.errors import LeaseLost, UploadNotFound
from tusbridge.stores import Blob, Store

KEY = "0123456789abcdef0123456789abcdef"
NAME = f"uploads/01/{KEY}"
ONE, TWO = "1" * 32, "2" * 32


def yes() -> bool:
    return True


def no() -> bool:
    return False


def write(store: Store, blob: Blob, offset: int, *chunks: bytes, token: str = ONE) -> Blob:
    """One append, made durable."""
    with store.writer(blob, offset, token, yes) as writer:
        writer.write(chunks)
        return writer.sync()


class StoreContract:
    """Every method is a promise of ``stores/base.py``."""

    def test_bytes_come_back_in_order(self, store: Store, finished: Callable[[str], bytes]) -> None:
        blob = store.create(KEY, 10)
        blob = write(store, blob, 0, b"he", b"", b"llo")
        blob = write(store, blob, 5, b"world", token=TWO)
        store.complete(blob, NAME, 10, TWO)
        assert finished(NAME) == b"helloworld"

    @pytest.mark.parametrize(
        ("start", "stop", "expected"),
        [(0, 10, b"helloworld"), (3, 7, b"lowo"), (9, 10, b"d"), (0, 1, b"h")],
    )
    def test_open_gives_a_range(self, store: Store, start: int, stop: int, expected: bytes) -> None:
        blob = write(store, store.create(KEY, 10), 0, b"helloworld")
        store.complete(blob, NAME, 10, ONE)
        assert b"".join(store.open(NAME, start, stop)) == expected

    def test_what_lies_beyond_the_offset_is_cut_off(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        blob = write(store, store.create(KEY, 6), 0, b"hello-not-committed")
        blob = write(store, blob, 5, b"!", token=TWO)
        store.complete(blob, NAME, 6, TWO)
        assert finished(NAME) == b"hello!"

    def test_an_empty_upload_is_an_empty_file(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        store.complete(store.create(KEY, 0), NAME, 0, ONE)
        assert finished(NAME) == b""

    def test_completing_twice_is_completing_once(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        blob = write(store, store.create(KEY, 5), 0, b"hello")
        store.complete(blob, NAME, 5, ONE)
        store.complete(blob, NAME, 5, TWO)
        assert finished(NAME) == b"hello"

    def test_a_writer_whose_token_was_replaced_writes_nothing(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        blob = write(store, store.create(KEY, 10), 0, b"hello")
        with store.writer(blob, 5, ONE, yes) as old:
            old.write([b"wo"])
            blob = write(store, blob, 5, b"WORLD", token=TWO)
            with pytest.raises(LeaseLost):
                old.write([b"rld"])
            assert old.offset == 7
        store.complete(blob, NAME, 10, TWO)
        assert finished(NAME) == b"helloWORLD"

    def test_a_writer_that_finds_the_lease_lost_touches_nothing(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        blob = write(store, store.create(KEY, 5), 0, b"hello")
        with store.writer(blob, 0, TWO, no) as late, pytest.raises(LeaseLost):
            late.write([b"XX"])
        store.complete(blob, NAME, 5, ONE)
        assert finished(NAME) == b"hello"

    def test_available_is_never_more_than_was_written(self, store: Store) -> None:
        blob = write(store, store.create(KEY, 10), 0, b"hello")
        assert store.available(blob, 5) == 5
        assert store.available(blob, 3) == 3

    @pytest.mark.parametrize("written", [b"", b"hello"], ids=["nothing", "something"])
    def test_delete_is_idempotent_and_ends_writers(self, store: Store, written: bytes) -> None:
        blob = store.create(KEY, 10)
        with store.writer(blob, 0, ONE, yes) as writer:
            if written:
                writer.write([written])
            store.delete(blob, "")
            store.delete(blob, "")
            if written:
                with pytest.raises(LeaseLost):
                    writer.write([b"more"])

    def test_delete_takes_the_finished_file_too(self, store: Store) -> None:
        blob = write(store, store.create(KEY, 5), 0, b"hello")
        store.complete(blob, NAME, 5, ONE)
        store.delete(blob, NAME)
        with pytest.raises(UploadNotFound):
            list(store.open(NAME, 0, 5))

    def test_closing_twice_is_closing_once(self, store: Store) -> None:
        writer = store.writer(store.create(KEY, 5), 0, ONE, yes)
        writer.write([b"hello"])
        writer.close()
        writer.close()
