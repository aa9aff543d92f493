"""What any store has to do, whoever wrote it.

Derive a test class from :class:`StoreContract` and give it a fixture ``store``, and ``finished``,
which reads a finished file by its name; ``foreign`` puts something beside the unfinished bytes
that no store put there.
"""

from collections.abc import Callable

import pytest

from tusbridge.errors import LeaseLost, UploadNotFound
from tusbridge.stores import Blob, Store, Stray

KEY = "0123456789abcdef0123456789abcdef"
NAME = f"uploads/01/{KEY}"
OTHER = "fedcba9876543210fedcba9876543210"
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


def strays(store: Store, grace_seconds: float = -1) -> list[Stray]:
    """All that a walk gives; by default also what was touched just now."""
    return sorted(store.strays(grace_seconds), key=lambda stray: stray.name)


def remove(store: Store, found: list[Stray]) -> int:
    """Remove all of them that are still as they were found; how many."""
    return sum(store.remove_stray(stray) for stray in found)


class StoreContract:
    """Every method is a promise of ``stores/base.py``."""

    def test_bytes_come_back_in_order(self, store: Store, finished: Callable[[str], bytes]) -> None:
        blob = store.create(KEY, 10)
        blob = write(store, blob, 0, b"he", b"", b"llo")
        blob = write(store, blob, 5, b"world", token=TWO)
        store.complete(blob, NAME, 10, TWO, yes)
        assert finished(NAME) == b"helloworld"

    @pytest.mark.parametrize(
        ("start", "stop", "expected"),
        [(0, 10, b"helloworld"), (3, 7, b"lowo"), (9, 10, b"d"), (0, 1, b"h")],
    )
    def test_open_gives_a_range(self, store: Store, start: int, stop: int, expected: bytes) -> None:
        blob = write(store, store.create(KEY, 10), 0, b"helloworld")
        store.complete(blob, NAME, 10, ONE, yes)
        assert b"".join(store.open(NAME, start, stop)) == expected

    def test_first_bytes_count_by_the_state_that_sync_gives(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        blob = store.create(KEY, 10)
        with store.first_writer(blob, ONE) as writer:
            writer.write([b"he", b"llo"])
            assert writer.offset == 5
            blob = writer.sync()
        # somebody who did not come first, and whose bytes are in no row
        with store.first_writer(store.create(KEY, 10), TWO) as late:
            late.write([b"HELLO"])
            late.sync()
        assert store.available(blob, 5) == 5
        assert b"".join(store.read_unfinished(blob, 0, 5)) == b"hello"
        blob = write(store, blob, 5, b"world", token=TWO)
        store.complete(blob, NAME, 10, TWO, yes)
        assert finished(NAME) == b"helloworld"
        store.delete(late.blob, "")
        assert strays(store) == []

    def test_first_bytes_that_were_never_synced_leave_nothing(self, store: Store) -> None:
        with store.first_writer(store.create(KEY, 10), ONE) as writer:
            writer.write([b"hello"])
        assert strays(store) == []

    def test_what_lies_beyond_the_offset_is_cut_off(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        blob = write(store, store.create(KEY, 6), 0, b"hello-not-committed")
        blob = write(store, blob, 5, b"!", token=TWO)
        store.complete(blob, NAME, 6, TWO, yes)
        assert finished(NAME) == b"hello!"

    def test_an_empty_upload_is_an_empty_file(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        store.complete(store.create(KEY, 0), NAME, 0, ONE, yes)
        assert finished(NAME) == b""

    def test_completing_twice_is_completing_once(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        blob = write(store, store.create(KEY, 5), 0, b"hello")
        store.complete(blob, NAME, 5, ONE, yes)
        store.complete(blob, NAME, 5, TWO, yes)
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
        store.complete(blob, NAME, 10, TWO, yes)
        assert finished(NAME) == b"helloWORLD"

    def test_a_writer_that_finds_the_lease_lost_touches_nothing(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        blob = write(store, store.create(KEY, 5), 0, b"hello")
        with store.writer(blob, 0, TWO, no) as late, pytest.raises(LeaseLost):
            late.write([b"XX"])
        store.complete(blob, NAME, 5, ONE, yes)
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
        store.complete(blob, NAME, 5, ONE, yes)
        store.delete(blob, NAME)
        with pytest.raises(UploadNotFound):
            list(store.open(NAME, 0, 5))

    def test_closing_twice_is_closing_once(self, store: Store) -> None:
        writer = store.writer(store.create(KEY, 5), 0, ONE, yes)
        writer.write([b"hello"])
        writer.close()
        writer.close()

    def test_the_lease_is_asked_for_between_long_steps_only(self, store: Store) -> None:
        blob = write(store, store.create(KEY, 5), 0, b"hello")
        if store.bytes_to_copy(blob, 5):
            with pytest.raises(LeaseLost):
                store.complete(blob, NAME, 5, ONE, no)
        else:
            store.complete(blob, NAME, 5, ONE, no)

    def test_a_finished_files_length_is_told(self, store: Store) -> None:
        blob = write(store, store.create(KEY, 5), 0, b"hello")
        store.complete(blob, NAME, 5, ONE, yes)
        assert store.length(NAME) == 5

    def test_a_file_that_is_gone_has_no_length(self, store: Store) -> None:
        # another file shows that the storage itself is there
        store.complete(store.create(OTHER, 0), f"uploads/fe/{OTHER}", 0, ONE, yes)
        with pytest.raises(UploadNotFound):
            store.length(NAME)

    def test_a_walk_meets_unfinished_bytes_and_no_finished_file(self, store: Store) -> None:
        assert strays(store) == []
        blob = write(store, store.create(KEY, 5), 0, b"hello")
        found = strays(store)
        assert {stray.key for stray in found} == {KEY}
        assert sum(stray.size for stray in found) == 5
        store.complete(blob, NAME, 5, ONE, yes)
        assert strays(store) == []

    def test_a_walk_spares_what_was_touched_within_the_grace(self, store: Store) -> None:
        write(store, store.create(KEY, 5), 0, b"hello")
        assert strays(store, 3600) == []

    def test_removing_what_a_walk_met_leaves_nothing(self, store: Store) -> None:
        write(store, store.create(KEY, 5), 0, b"hello")
        found = strays(store)
        assert remove(store, found)
        assert strays(store) == []
        assert not remove(store, found)

    def test_a_writer_whose_bytes_were_removed_writes_nothing(self, store: Store) -> None:
        blob = store.create(KEY, 10)
        with store.writer(blob, 0, ONE, yes) as writer:
            writer.write([b"hello"])
            remove(store, strays(store))
            with pytest.raises(LeaseLost):
                writer.write([b"world"])
        assert strays(store) == []

    def test_a_piece_that_was_touched_since_is_not_removed(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        blob = write(store, store.create(KEY, 10), 0, b"hello")
        found = strays(store)
        blob = write(store, blob, 5, b"world")
        assert not remove(store, found)
        store.complete(blob, NAME, 10, ONE, yes)
        assert finished(NAME) == b"helloworld"

    def test_what_is_foreign_has_no_key(self, store: Store, foreign: Callable[[], None]) -> None:
        foreign()
        write(store, store.create(KEY, 5), 0, b"hello")
        assert {stray.key for stray in strays(store)} == {KEY, None}

    def test_the_place_is_the_stores_own_and_stays(self, store: Store) -> None:
        assert store.place
        assert store.place == store.place


PARTS = ("a" * 32, "b" * 32, "c" * 32)
TEXTS = (b"one", b"twotwo", b"three")


def parts_of(store: Store) -> list[tuple[Blob, int]]:
    """Three unfinished uploads with all their bytes."""
    return [
        (write(store, store.create(key, len(text)), 0, text), len(text))
        for key, text in zip(PARTS, TEXTS, strict=True)
    ]


class ConcatContract:
    """What a store promises besides that says it ``supports_concat``."""

    def test_row_110_bytes_come_in_the_order_of_the_parts(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        one, two, three = parts_of(store)
        blob = store.concat(KEY, [three, one, two])
        assert store.available(blob, 14) == 14
        store.complete(blob, NAME, 14, ONE, yes)
        assert finished(NAME) == b"threeonetwotwo"

    def test_row_111_a_part_may_come_twice(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        one, two, _ = parts_of(store)
        blob = store.concat(KEY, [one, one, two, one])
        store.complete(blob, NAME, 15, ONE, yes)
        assert finished(NAME) == b"oneonetwotwoone"

    @pytest.mark.parametrize("second_first", [False, True])
    def test_row_112_a_part_may_serve_two_uploads(
        self, store: Store, finished: Callable[[str], bytes], second_first: bool
    ) -> None:
        one, two, three = parts_of(store)
        other_key, other_name = "d" * 32, f"uploads/dd/{'d' * 32}"
        made = [
            (store.concat(KEY, [one, two]), NAME, 9),
            (store.concat(other_key, [one, three]), other_name, 8),
        ]
        for blob, name, length in reversed(made) if second_first else made:
            store.complete(blob, name, length, ONE, yes)
        assert finished(NAME) == b"onetwotwo"
        assert finished(other_name) == b"onethree"
        third_key, third_name = "e" * 32, f"uploads/ee/{'e' * 32}"
        store.complete(store.concat(third_key, [one, one]), third_name, 6, ONE, yes)
        assert finished(third_name) == b"oneone"
        assert finished(NAME) == b"onetwotwo"

    @pytest.mark.parametrize("long_first", [True, False])
    def test_row_112_a_part_may_be_all_of_one_upload_and_the_beginning_of_another(
        self, store: Store, finished: Callable[[str], bytes], long_first: bool
    ) -> None:
        one = parts_of(store)[0]
        other_name = f"uploads/dd/{'d' * 32}"
        wanted = [(KEY, NAME, [one, one], b"oneone"), ("d" * 32, other_name, [one], b"one")]
        for key, name, parts, text in wanted if long_first else reversed(wanted):
            store.complete(store.concat(key, parts), name, len(text), ONE, yes)
        assert finished(NAME) == b"oneone"
        assert finished(other_name) == b"one"

    def test_parts_may_go_as_soon_as_they_are_joined(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        parts = parts_of(store)
        blob = store.concat(KEY, parts)
        for part, _ in parts:
            store.delete(part, "")
        assert store.available(blob, 14) == 14
        store.complete(blob, NAME, 14, ONE, yes)
        assert finished(NAME) == b"onetwotwothree"

    def test_what_is_made_of_them_may_go_and_the_parts_stay(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        parts = parts_of(store)
        store.delete(store.concat("d" * 32, parts), "")
        blob = store.concat(KEY, parts)
        store.complete(blob, NAME, 14, ONE, yes)
        assert finished(NAME) == b"onetwotwothree"

    def test_parts_without_bytes_add_none(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        empty = (store.create("f" * 32, 0), 0)
        one = parts_of(store)[0]
        store.complete(store.concat(KEY, [empty, one, empty]), NAME, 3, ONE, yes)
        assert finished(NAME) == b"one"
        other = f"uploads/dd/{'d' * 32}"
        store.complete(store.concat("d" * 32, [empty, empty]), other, 0, ONE, yes)
        assert finished(other) == b""

    def test_a_lease_that_is_lost_ends_the_copying_and_another_goes_on(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        blob = store.concat(KEY, parts_of(store))
        if store.bytes_to_copy(blob, 14):
            with pytest.raises(LeaseLost):
                store.complete(blob, NAME, 14, ONE, no)
        store.complete(blob, NAME, 14, TWO, yes)
        store.complete(blob, NAME, 14, TWO, yes)
        assert finished(NAME) == b"onetwotwothree"

    def test_joining_twice_is_joining_once(
        self, store: Store, finished: Callable[[str], bytes]
    ) -> None:
        parts = parts_of(store)
        store.concat(KEY, parts)
        blob = store.concat(KEY, parts)
        store.complete(blob, NAME, 14, ONE, yes)
        assert finished(NAME) == b"onetwotwothree"
