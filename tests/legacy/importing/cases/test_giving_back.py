"""A table is given back to the original: whatever stops it, no byte is lost, and it can be run
again."""

import errno
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction

from legacy import takeover
from tests.legacy.importing.cases.support import CONTENT
from tests.legacy.importing.cases.test_own_tables import historical, old_row
from tests.legacy.importing.tables.models import Target
from tests.service.faulty import Fault, Killed, one_process
from tusbridge import leases
from tusbridge.body import BodyEnd
from tusbridge.models import Status
from tusbridge.policy import Actor
from tusbridge.protocol.rules import AppendRequest, CreateRequest
from tusbridge.service import UploadService
from tusbridge.stores.local import LocalStore

pytestmark = pytest.mark.django_db(transaction=True)

FIRST, REST = CONTENT[:5], CONTENT[5:]


# Steps one after the other that may fail without stopping it.
MOST_UNHEARD = 20


class RolledBack(Exception):
    """Something later in the same transaction has failed."""


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes on with a table that was given back need not wait."""
    monkeypatch.setattr("legacy.giving_back._LATE_SECONDS", 0.0)


def back_and_fail(model: Any) -> None:
    with transaction.atomic():
        back(model)
        raise RolledBack


@pytest.fixture
def model(into: Any) -> Any:
    into("tables.Target")
    return historical()


def back(model: Any) -> None:
    takeover.give_back(model, connection.alias)


def untouched(model: Any, key: str) -> Any:
    """Begun with the original, and left where that has it."""
    return old_row(model, key, FIRST)


def add(key: str, content: bytes = REST) -> None:
    """Ours go on with it."""
    Target.objects.get(upload_id=key * 32).append_chunk(SimpleUploadedFile("a film", content))


def by_tus(key: str, content: bytes, length: int = 100) -> Any:
    """Begun by tus, with bytes that came at once."""
    service = UploadService(model=Target)
    wanted = CreateRequest(
        length=length,
        metadata="",
        filename="a film",
        content_type="",
        has_body=False,
        content_length=0,
    )
    upload = service.create(wanted, Actor())
    Target.objects.filter(pk=upload.pk).update(upload_id=key * 32)
    request = AppendRequest(offset=0, content_length=len(content))
    found = service.find_to_append(key * 32, Actor())
    appending = service.begin_append(found, request, Actor(), wait=0, at_hand=True)
    assert appending is not None
    appending.feed([content])
    appending.end(BodyEnd.WHOLE)
    return found


def many(model: Any) -> dict[str, bytes]:
    """Uploads in all states, by their ids, with the bytes that they have to have."""
    untouched(model, "a")
    untouched(model, "b")
    longer = untouched(model, "c")
    with Path(longer.file.path).open("ab") as file:
        file.write(b"what a crash left")
    takeover.take_over(model, connection.alias)
    add("b")
    by_tus("d", CONTENT)
    Target.objects.create(upload_id="e" * 32, filename="empty")
    expected = {"a": FIRST, "b": CONTENT, "c": FIRST, "d": CONTENT, "e": b""}
    return {key * 32: content for key, content in expected.items()}


def assert_back(model: Any, expected: dict[str, bytes]) -> None:
    """As the original would have it, and nothing else is left."""
    rows = {row.upload_id: row for row in model.objects.all()}
    assert rows.keys() == expected.keys()
    paths = {key: Path(row.file.path) for key, row in rows.items()}
    assert {key: path.read_bytes() for key, path in paths.items()} == expected
    assert {row.offset for row in rows.values()} == set(map(len, expected.values()))
    storage = model._meta.get_field("file").storage
    found = {path for path in Path(storage.location).rglob("*") if path.is_file()}
    assert found == set(paths.values())
    partial = Path(f"{storage.location}.partial")
    left = [path.name for path in partial.rglob("*") if path.is_file()]
    # what locked nobody out is in nobody's way
    assert [name for name in left if not name.endswith(".lock")] == []


def read(key: str) -> bytes:
    """What ours have of it."""
    upload = Target.objects.get(upload_id=key * 32)
    service = UploadService(model=Target)
    assert service.head(upload.upload_id, Actor()).offset == upload.offset
    return b"".join(service.read_unfinished(upload, 0, upload.offset))


def test_all_of_it(model: Any) -> None:
    expected = many(model)
    names = {row.upload_id: row.store_state.get("found") for row in model.objects.all()}
    back(model)
    assert_back(model, expected)
    for row in model.objects.all():
        assert row.file.name == (names[row.upload_id] or row.file.name)


def test_what_is_rolled_back_has_not_been(model: Any) -> None:
    expected = many(model)
    for _ in range(2):
        with pytest.raises(RolledBack):
            back_and_fail(model)
        for key, content in expected.items():
            assert read(key[0]) == content
    add("a")
    expected["a" * 32] = CONTENT
    back(model)
    assert_back(model, expected)


def is_stopped_by(fault: Fault, work: Callable[[], None]) -> bool:
    """Whether the process did not get to its end."""
    try:
        with one_process(fault):
            work()
    except (Killed, takeover.NotGivenBack, DatabaseError):
        return True
    return False


@pytest.mark.parametrize("kind", ["kill", "late-kill", "fail", "lost"])
def test_r10_it_can_be_stopped_anywhere_and_run_again(model: Any, kind: str, place: Path) -> None:
    """At each system call and statement; what fails behind the commit is only told."""
    last = at = 0
    while at - last < MOST_UNHEARD:
        expected = many(model)
        if is_stopped_by(Fault(at, kind), lambda: back(model)):
            last = at
        back(model)
        assert_back(model, expected)
        model.objects.all().delete()
        for folder in ("media", "media.partial"):
            for path in (place / folder).rglob("*"):
                if path.is_file():
                    path.unlink()
        at += 1
    assert last > 20


def test_r10_ours_go_on_after_a_crash_behind_the_commit(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migration was not recorded, so that ours start again: as if nothing had been."""
    expected = many(model)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):  # noqa: PT012
        patched.setattr(LocalStore, "delete", killed)
        back(model)
    for key, content in expected.items():
        assert read(key[0]) == content
    add("a")
    add("c")
    assert (read("a"), read("c")) == (CONTENT, CONTENT)


def test_r10_ours_go_on_after_all_of_it(model: Any) -> None:
    expected = many(model)
    back(model)
    for key, content in expected.items():
        assert read(key[0]) == content
    add("c")
    assert read("c") == CONTENT
    takeover.take_over(model, connection.alias)
    assert read("a") == FIRST
    add("a")
    assert read("a") == CONTENT


@pytest.mark.parametrize("held", [60.0, 0.0])
def test_a_statement_that_takes_effect_behind_it_changes_nothing(
    model: Any, monkeypatch: pytest.MonkeyPatch, held: float
) -> None:
    """Of a connection that was given up: the row would have more bytes than its file."""
    monkeypatch.setattr("legacy.giving_back._LATE_SECONDS", held)
    takeover.take_over(model, connection.alias)
    empty = Target.objects.create(upload_id="e" * 32, filename="empty")
    back(model)
    given = {"token": "1" * 32, "length": None, "ttl": None}
    assert not leases.commit_first(Target, empty.pk, new=5, values={}, **given)
    empty.refresh_from_db()
    assert (empty.offset, Path(empty.file.path).read_bytes()) == (0, b"")


@pytest.mark.parametrize("durability", ["power", "process"])
def test_one_that_cannot_be_read_changes_nothing(
    model: Any, place: Path, tusbridge: Any, durability: str
) -> None:
    tusbridge(DURABILITY=durability)
    expected = many(model)
    (segment,) = (place / "media.partial" / "bb").glob("b" * 32)
    aside = segment.rename(place / "aside")
    names = {row.pk: (row.file.name, row.store_state) for row in model.objects.all()}
    with pytest.raises(takeover.NotGivenBack, match="b" * 32) as caught:
        back(model)
    assert "1 unfinished upload" in str(caught.value)
    assert {row.pk: (row.file.name, row.store_state) for row in model.objects.all()} == names
    aside.rename(segment)
    for key, content in expected.items():
        assert read(key[0]) == content
    back(model)
    assert_back(model, expected)


def test_one_whose_bytes_are_gone_for_good_is_deleted_by_the_operator(
    model: Any, place: Path
) -> None:
    expected = many(model)
    (segment,) = (place / "media.partial" / "bb").glob("b" * 32)
    segment.unlink()
    with pytest.raises(takeover.NotGivenBack, match="b" * 32):
        back(model)
    Target.objects.filter(upload_id="b" * 32).delete()
    del expected["b" * 32]
    back(model)
    assert_back(model, expected)


def test_a_file_that_is_shorter_than_its_row_is_told(model: Any) -> None:
    short = untouched(model, "a")
    Path(short.file.path).write_bytes(b"he")
    takeover.take_over(model, connection.alias)
    with pytest.raises(takeover.NotGivenBack, match="2 of 5 bytes"):
        back(model)
    assert Path(short.file.path).read_bytes() == b"he"


def test_a_file_of_somebody_elses_is_never_replaced(model: Any) -> None:
    """The name was free since ours had taken the file."""
    path = Path(untouched(model, "a").file.path)
    takeover.take_over(model, connection.alias)
    add("a")
    path.write_bytes(b"somebody else's")
    for _ in range(2):
        with pytest.raises(RolledBack):
            back_and_fail(model)
    back(model)
    row = model.objects.get()
    assert path.read_bytes() == b"somebody else's"
    assert Path(row.file.path).read_bytes() == CONTENT
    assert "a" * 32 in row.file.name
    assert len([file for file in path.parents[3].rglob("*") if file.is_file()]) == 2


def test_on_a_file_system_without_second_names(
    model: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no second names here")

    expected = many(model)
    monkeypatch.setattr(os, "link", refuse)
    (segment,) = (place / "media.partial" / "dd").glob("d" * 32 + ".*")
    aside = segment.rename(place / "aside")
    for _ in range(5):
        with pytest.raises(takeover.NotGivenBack):
            back(model)
    aside.rename(segment)
    back(model)
    assert_back(model, expected)


def test_one_whose_file_is_in_the_storage_already_stays_there(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash came between the rename and the row that says so."""
    by_tus("d", FIRST, length=len(CONTENT))

    def killed(*_: object, **__: object) -> None:
        raise Killed

    service = UploadService(model=Target)
    request = AppendRequest(offset=5, content_length=5)
    with monkeypatch.context() as patched, pytest.raises(Killed):  # noqa: PT012
        patched.setattr("tusbridge.leases.complete", killed)
        service.append("d" * 32, request, [[REST]], Actor())
    assert Target.objects.get().status == Status.UPLOADING
    back(model)
    assert_back(model, {"d" * 32: CONTENT})


def test_one_that_was_ended_is_freed_behind_the_commit(
    model: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(untouched(model, "a").file.path)
    untouched(model, "b")
    takeover.take_over(model, connection.alias)
    add("a")
    path.write_bytes(b"somebody else's")
    Target.objects.update(status=Status.TERMINATED, lease_token=uuid.uuid4().hex)
    (segment,) = (place / "media.partial" / "aa").glob("a" * 32)
    with pytest.raises(RolledBack):
        back_and_fail(model)
    assert segment.exists()
    back(model)
    assert not model.objects.exists()
    assert not segment.exists()
    assert [file.read_bytes() for file in path.parents[3].rglob("*") if file.is_file()] == [
        b"somebody else's"
    ]


def test_taking_over_twice_leaves_what_is_ours(model: Any) -> None:
    """An earlier run was committed and not recorded, and ours have begun meanwhile."""
    untouched(model, "a")
    complete = old_row(model, "b", CONTENT, status=2)
    takeover.take_over(model, connection.alias)
    by_tus("d", CONTENT)
    Target.objects.filter(upload_id="d" * 32).update(file="films/about-to-be-completed")
    Target.objects.filter(pk=complete.pk).update(confirmed_on=None)
    before = {row["pk"]: row for row in Target.objects.values("pk", "store_state", "protocol")}
    takeover.take_over(model, connection.alias)
    after = {row["pk"]: row for row in Target.objects.values("pk", "store_state", "protocol")}
    assert before == after
    assert Target.objects.get(pk=complete.pk).confirmed_on is None
    assert read("a") == FIRST
