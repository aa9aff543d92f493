"""The store for any Django storage: the contract, and crashes, refusals and takeovers on the way
to a storage that knows no rename.
"""

import errno
import io
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage

from tests.stores.contract import (
    KEY,
    NAME,
    ONE,
    OTHER,
    TWO,
    ConcatContract,
    StoreContract,
    no,
    parts_of,
    strays,
    write,
    yes,
)
from tusbridge import stores
from tusbridge.conf import Options
from tusbridge.errors import (
    BlobTruncated,
    DatabaseUnavailable,
    LeaseLost,
    StoreError,
    StoreFull,
    UploadNotFound,
)
from tusbridge.stores import Blob, spooled
from tusbridge.stores.local import LocalStore
from tusbridge.stores.spooled import Heartbeat, SpooledStore, spool_dir

FOUND = "chunked/left.part"


class Refused(Exception):
    """What the client library of an object store raises."""


class ObjectStorage(Storage):
    """As an object store has it: no ``path``, no error of Python's own for a missing object,
    files that are fetched at the first read, and what is there is replaced."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls: list[str] = []

    def _open(self, name: str, mode: str = "rb") -> Any:
        return _Object(self, name)

    def _save(self, name: str, content: Any) -> str:
        self.calls.append("save")
        self.objects[name] = b"".join(content.chunks())
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def exists(self, name: str) -> bool:
        return name in self.objects

    def size(self, name: str) -> int:
        return len(self.get(name))

    def delete(self, name: str) -> None:
        self.calls.append("delete")
        self.objects.pop(name, None)

    def get(self, name: str) -> bytes:
        try:
            return self.objects[name]
        except KeyError:
            raise Refused("404 NoSuchKey") from None


class _Object(File):  # type: ignore[type-arg]
    def __init__(self, storage: ObjectStorage, name: str) -> None:
        self._storage = storage
        self._buffer: io.BytesIO | None = None
        self.name = name
        self.mode = "rb"

    @property
    def file(self) -> Any:
        if self._buffer is None:
            self._buffer = io.BytesIO(self._storage.get(str(self.name)))
        return self._buffer

    def close(self) -> None:
        if self._buffer is not None:
            self._buffer.close()


class OwnWay(FileSystemStorage):
    """Files in a folder, each with something done to it when it is saved."""

    saved = 0

    def _save(self, name: str, content: Any) -> str:
        self.saved += 1
        return super()._save(name, content)  # type: ignore[no-any-return,misc]


def make_store(storage: Storage, place: Path, *, durable: bool = True) -> SpooledStore:
    return SpooledStore(storage, place / "partial", durable=durable, lock_patience=0.1)


@pytest.fixture(params=["memory", "objects", "own-way"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    kinds: dict[str, Callable[[], Storage]] = {
        "memory": InMemoryStorage,
        "objects": ObjectStorage,
        "own-way": lambda: OwnWay(location=tmp_path / "files"),
    }
    return kinds[request.param]()


@pytest.fixture(params=[True, False], ids=["power", "process"])
def store(request: pytest.FixtureRequest, storage: Storage, tmp_path: Path) -> SpooledStore:
    return make_store(storage, tmp_path, durable=request.param)


@pytest.fixture
def finished(storage: Storage) -> Callable[[str], bytes]:
    return lambda name: read(storage, name)


@pytest.fixture
def foreign(tmp_path: Path) -> Callable[[], None]:
    def put() -> None:
        (tmp_path / "partial").mkdir(exist_ok=True)
        (tmp_path / "partial" / "README").write_text("not ours")

    return put


@pytest.fixture
def quick_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled, "BEAT_SECONDS", 0.01)


def read(storage: Storage, name: str) -> bytes:
    with storage.open(name, "rb") as file:
        content: bytes = file.read()
        return content


def put(storage: Storage, name: str, content: bytes) -> None:
    assert storage.save(name, ContentFile(content)) == name


def partial(place: Path) -> list[str]:
    """The files of unfinished uploads, by name."""
    return sorted(p.name for p in (place / "partial").rglob("*") if p.is_file())


def hello(store: SpooledStore, key: str = KEY) -> Blob:
    return write(store, store.create(key, 5), 0, b"hello")


def crash(*args: object, **kwargs: object) -> Any:
    raise KeyboardInterrupt


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


class TestContract(StoreContract, ConcatContract):
    """Over storages in memory, without ``path``, and with a ``_save`` of its own."""


# --- where the bytes are


def test_unfinished_bytes_are_for_their_owner_only_and_go_at_the_end(
    store: SpooledStore, storage: Storage, tmp_path: Path
) -> None:
    blob = hello(store)
    assert partial(tmp_path) == [KEY, f"{KEY}.lock"]
    folder = tmp_path / "partial" / KEY[:2]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert not storage.exists(NAME)
    store.complete(blob, NAME, 5, ONE, yes)
    assert partial(tmp_path) == []


def test_its_save_is_what_saves(tmp_path: Path) -> None:
    storage = OwnWay(location=tmp_path / "files")
    store = make_store(storage, tmp_path)
    store.complete(hello(store), NAME, 5, ONE, yes)
    assert storage.saved == 1


def test_with_power_a_file_on_a_disk_is_synced_before_the_local_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = OwnWay(location=tmp_path / "files")
    store = make_store(storage, tmp_path)
    blob = hello(store)
    synced: list[str] = []
    fsync = os.fsync

    def look(fd: int) -> None:
        if KEY in partial(tmp_path):
            synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", look)
    store.complete(blob, NAME, 5, ONE, yes)
    path = Path(storage.path(NAME))
    wanted = [path, *path.parents[:3], tmp_path]
    assert {str(one) for one in wanted} <= set(synced)


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (FileSystemStorage, LocalStore),
        (type("Plain", (FileSystemStorage,), {}), LocalStore),
        (OwnWay, SpooledStore),
        (type("Below", (OwnWay,), {}), SpooledStore),
        (type("OwnSave", (FileSystemStorage,), {"save": OwnWay.save}), SpooledStore),
        (InMemoryStorage, SpooledStore),
        (ObjectStorage, SpooledStore),
    ],
)
def test_the_class_of_storage_chooses_the_store(
    cls: type[Storage], expected: type, settings: Any, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "storages", {"default": cls()})
    stores._get_store.cache_clear()
    store = stores.get_store("default", Options())
    assert type(store) is expected
    assert store.place == f"{media}.partial"


def test_the_folder_is_the_configured_one_or_beside_media_root(settings: Any) -> None:
    settings.MEDIA_ROOT = "/srv/media/"
    assert spool_dir(None) == Path("/srv/media.partial")
    assert spool_dir("/var/spool") == Path("/var/spool")
    settings.MEDIA_ROOT = ""
    with pytest.raises(ImproperlyConfigured, match="PARTIALS_DIR"):
        spool_dir(None)


def test_what_is_no_storage_has_no_store(monkeypatch: pytest.MonkeyPatch, media: Path) -> None:
    monkeypatch.setattr(stores, "storages", {"default": object()})
    with pytest.raises(ImproperlyConfigured, match="no Django storage"):
        stores.get_store("default", Options())


# --- crashes


@pytest.mark.parametrize("step", ["_whole_file", "_save", "_remove_segments"])
def test_r10_completing_goes_on_after_a_crash_before_any_step(
    step: str,
    store: SpooledStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    finished: Callable[[str], bytes],
) -> None:
    blob = hello(store)
    with monkeypatch.context() as patched:
        patched.setattr(SpooledStore, step, crash)
        with pytest.raises(KeyboardInterrupt):
            store.complete(blob, NAME, 5, ONE, yes)
    store.complete(blob, NAME, 5, TWO, yes)
    assert finished(NAME) == b"hello"
    assert partial(tmp_path) == []


def test_r10_a_finished_file_is_not_saved_again(tmp_path: Path) -> None:
    storage = ObjectStorage()
    store = make_store(storage, tmp_path)
    blob = hello(store)
    store.complete(blob, NAME, 5, ONE, yes)
    blob = hello(store)
    store.complete(blob, NAME, 5, TWO, yes)
    assert storage.calls == ["save"]
    assert partial(tmp_path) == []


@pytest.mark.parametrize("left", [b"", b"hel", b"hello-and-more"])
def test_r10_half_a_file_is_its_own_and_is_saved_anew(
    left: bytes, store: SpooledStore, storage: Storage, finished: Callable[[str], bytes]
) -> None:
    blob = hello(store)
    put(storage, NAME, left)
    store.complete(blob, NAME, 5, ONE, yes)
    assert finished(NAME) == b"hello"


def test_r10_a_crash_in_mid_save_is_mended(
    store: SpooledStore,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
    finished: Callable[[str], bytes],
) -> None:
    blob = hello(store)

    def die(name: str, content: Any, max_length: int | None = None) -> str:
        monkeypatch.undo()
        put(storage, name, content.read(3))
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "save", die)
    with pytest.raises(KeyboardInterrupt):
        store.complete(blob, NAME, 5, ONE, yes)
    assert finished(NAME) == b"hel"
    store.complete(blob, NAME, 5, TWO, yes)
    assert finished(NAME) == b"hello"


# --- refusals


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (Refused("503 SlowDown"), StoreError),
        (ConnectionResetError(errno.ECONNRESET, "reset"), StoreError),
        (FileNotFoundError(errno.ENOENT, "no bucket"), StoreError),
        (OSError(errno.ENOSPC, "full"), StoreFull),
    ],
    ids=repr,
)
def test_a_storage_that_raises_is_a_store_error_and_keeps_the_bytes(
    raised: Exception,
    expected: type[Exception],
    store: SpooledStore,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
    finished: Callable[[str], bytes],
) -> None:
    blob = hello(store)

    def refuse(name: str, content: Any, max_length: int | None = None) -> str:
        raise raised

    with monkeypatch.context() as patched:
        patched.setattr(storage, "save", refuse)
        with pytest.raises(expected) as caught:
            store.complete(blob, NAME, 5, ONE, yes)
    assert type(caught.value) is expected
    assert raised in _causes(caught.value)
    assert store.available(blob, 5) == 5
    store.complete(blob, NAME, 5, TWO, yes)
    assert finished(NAME) == b"hello"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


@pytest.mark.parametrize("method", ["size", "exists", "open", "delete"])
def test_a_storage_that_is_away_is_no_missing_file(
    method: str, store: SpooledStore, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = hello(store)
    store.complete(blob, NAME, 5, ONE, yes)

    def away(*args: object, **kwargs: object) -> Any:
        raise Refused("no route")

    for name in ("size", "exists", method):
        monkeypatch.setattr(storage, name, away)
    steps: list[Callable[[], object]] = [lambda: store.length(NAME)]
    steps += [lambda: store.complete(blob, NAME, 5, ONE, yes)]
    steps += [lambda: list(store.open(NAME, 0, 5))] if method == "open" else []
    steps += [lambda: store.delete(blob, NAME)] if method == "delete" else []
    for step in steps:
        with pytest.raises(StoreError) as caught:
            step()
        assert any(isinstance(cause, Refused) for cause in _causes(caught.value))


@pytest.mark.parametrize("method", ["size", "open", "delete"])
def test_a_storage_that_fails_for_a_file_that_is_there_is_no_missing_file(
    method: str, store: SpooledStore, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = hello(store)
    store.complete(blob, NAME, 5, ONE, yes)

    def refuse(*args: object, **kwargs: object) -> Any:
        raise Refused("403")

    monkeypatch.setattr(storage, method, refuse)
    steps: dict[str, Callable[[], object]] = {
        "size": lambda: store.length(NAME),
        "open": lambda: store.open(NAME, 0, 5),
        "delete": lambda: store.delete(blob, NAME),
    }
    with pytest.raises(StoreError):
        steps[method]()


def test_a_disk_that_is_not_mounted_is_no_missing_file(tmp_path: Path) -> None:
    store = make_store(OwnWay(location=tmp_path / "files"), tmp_path)
    with pytest.raises(StoreError):
        store.length(NAME)


def test_a_name_that_is_not_kept_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    class Renaming(InMemoryStorage):
        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            return f"{name}-renamed"

    storage = Renaming()
    store = make_store(storage, tmp_path)
    blob = hello(store)
    with pytest.raises(StoreError, match="another name"):
        store.complete(blob, NAME, 5, ONE, yes)
    assert not storage.exists(f"{NAME}-renamed")
    assert store.available(blob, 5) == 5


def test_fewer_bytes_than_the_row_says_are_told(store: SpooledStore, tmp_path: Path) -> None:
    blob = hello(store)
    os.truncate(tmp_path / "partial" / KEY[:2] / KEY, 3)
    with pytest.raises(BlobTruncated) as caught:
        store.complete(blob, NAME, 5, ONE, yes)
    assert caught.value.available == 3


def test_a_file_that_is_gone_is_not_found_and_can_be_deleted(store: SpooledStore) -> None:
    store.complete(hello(store, OTHER), f"uploads/fe/{OTHER}", 5, ONE, yes)
    with pytest.raises(UploadNotFound):
        store.open(NAME, 0, 5)
    store.delete(Blob(key=KEY), NAME)


def test_what_breaks_while_it_is_read_is_a_store_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = ObjectStorage()
    store = make_store(storage, tmp_path)
    length = 2 * spooled._READ_SIZE
    store.complete(
        write(store, store.create(KEY, length), 0, bytes(length)), NAME, length, ONE, yes
    )
    pieces = store.open(NAME, 0, length)
    assert len(next(pieces)) == spooled._READ_SIZE

    def fail(self: io.BytesIO, size: int) -> bytes:
        raise Refused("reset")

    monkeypatch.setattr(_Object, "read", fail, raising=False)
    with pytest.raises(StoreError):
        next(pieces)


def test_a_file_is_closed_at_the_end_and_when_its_reader_goes(
    store: SpooledStore, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.complete(hello(store), NAME, 5, ONE, yes)
    opened: list[Any] = []
    real = storage.open

    def look(name: str, mode: str = "rb") -> Any:
        with real(name, mode) as file:
            opened.append(io.BytesIO(file.read()))
        return opened[-1]

    monkeypatch.setattr(storage, "open", look)
    assert b"".join(store.open(NAME, 1, 4)) == b"ell"
    store.open(NAME, 0, 5).close()  # type: ignore[attr-defined]
    assert [file.closed for file in opened] == [True, True]


def test_two_readers_at_once_get_each_its_own_bytes(store: SpooledStore) -> None:
    size = spooled._READ_SIZE
    content = b"a" * size + b"b" * size
    blob = write(store, store.create(KEY, 2 * size), 0, content)
    store.complete(blob, NAME, 2 * size, ONE, yes)
    one, two = store.open(NAME, 0, 2 * size), store.open(NAME, size, 2 * size)
    assert next(one) == content[:size]
    assert next(two) == content[size:]
    assert next(one) == content[size:]
    for pieces in (one, two):
        assert list(pieces) == []


# --- the lease


@pytest.mark.usefixtures("quick_heart")
@pytest.mark.parametrize("is_wrapped", [False, True], ids=["as-it-is", "in-an-error-of-its-own"])
@pytest.mark.parametrize("how", ["read", "readinto", "chunks"])
def test_a_lease_that_is_lost_in_mid_save_ends_it(
    how: str, is_wrapped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = InMemoryStorage()
    store = make_store(storage, tmp_path)
    blob = hello(store)
    is_lost, is_ended = threading.Event(), threading.Event()

    def read_on(name: str, content: Any, max_length: int | None = None) -> str:
        is_lost.set()
        read = {
            "read": lambda: content.read(1),
            "readinto": lambda: content.readinto(bytearray(1)),
            "chunks": lambda: list(content.chunks()),
        }[how]
        deadline = time.monotonic() + 10
        try:
            while time.monotonic() < deadline:
                content.seek(0)
                read()
        except LeaseLost as error:
            is_ended.set()
            if is_wrapped:
                raise Refused from error
            raise
        raise AssertionError("nobody ended it")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "save", read_on)
        with pytest.raises(LeaseLost):
            store.complete(blob, NAME, 5, ONE, lambda: not is_lost.is_set())
    assert is_ended.is_set()
    assert not any(thread.name == "tusbridge-saving" for thread in threading.enumerate())
    store.complete(blob, NAME, 5, TWO, yes)
    assert read(storage, NAME) == b"hello"


@pytest.mark.usefixtures("quick_heart")
def test_a_storage_that_sends_for_long_without_reading_keeps_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = InMemoryStorage()
    store = make_store(storage, tmp_path)
    beats: list[int] = []
    save = storage.save

    def still_mine() -> bool:
        beats.append(threading.get_ident())
        if len(beats) == 3:
            raise DatabaseUnavailable
        return True

    def send(name: str, content: Any, max_length: int | None = None) -> str:
        data = content.read()
        until(lambda: len(beats) >= 6)
        return save(name, ContentFile(data))

    monkeypatch.setattr(storage, "save", send)
    store.complete(hello(store), NAME, 5, ONE, still_mine)
    assert read(storage, NAME) == b"hello"
    assert set(beats[1:]) != {threading.get_ident()}


def test_the_file_of_somebody_quicker_stays(tmp_path: Path) -> None:
    """Two complete at once; the slower one's file gets another name, and goes."""
    storage = InMemoryStorage()
    store = make_store(storage, tmp_path)
    blob = hello(store)
    answers = iter([True])

    def overtaken() -> bool:
        return next(answers, False)

    class Late(InMemoryStorage):
        """Somebody saves between the look and the save."""

        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            put(storage, NAME, b"hello")
            return storage.get_available_name(name, max_length)

        _save = staticmethod(storage._save)
        size, exists, delete = (
            staticmethod(getattr(storage, name)) for name in ("size", "exists", "delete")
        )

    late = make_store(Late(), tmp_path)
    with pytest.raises(LeaseLost):
        late.complete(blob, NAME, 5, ONE, overtaken)
    assert read(storage, NAME) == b"hello"
    assert storage.listdir("uploads/01") == ([], [KEY])


def test_r15_completing_what_was_deleted_meanwhile_is_a_lost_lease(
    storage: Storage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = make_store(storage, tmp_path)
    blob = hello(store)
    store.delete(blob, "")
    with pytest.raises(LeaseLost):
        store.complete(blob, NAME, 5, ONE, no)
    assert not caplog.records


def test_a_heart_that_beats_ends_with_its_block() -> None:
    with Heartbeat(yes) as heart:
        heart.check()
    assert not any(thread.name == "tusbridge-saving" for thread in threading.enumerate())


# --- joining


def test_a_join_leaves_no_file_whether_it_is_saved_or_not(
    store: SpooledStore,
    storage: Storage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    finished: Callable[[str], bytes],
) -> None:
    parts = parts_of(store)
    store.concat("e" * 32, parts)
    blob = store.concat(KEY, parts)
    assert not blob.state["in_place"]
    assert store.bytes_to_copy(blob, 14) == 14

    def refuse(name: str, content: Any, max_length: int | None = None) -> str:
        raise Refused

    with monkeypatch.context() as patched:
        patched.setattr(storage, "save", refuse)
        with pytest.raises(StoreError):
            store.complete(blob, NAME, 14, ONE, yes)
    assert not [name for name in partial(tmp_path) if name.endswith(".joined")]
    store.complete(blob, NAME, 14, ONE, yes)
    assert finished(NAME) == b"onetwotwothree"
    assert not [name for name in partial(tmp_path) if name.startswith(KEY)]


# --- bytes that another program left in the storage


@pytest.fixture
def left(storage: Storage) -> Blob:
    """``hello`` and bytes that do not count."""
    put(storage, FOUND, b"hello-not-committed")
    return Blob(key=KEY, state={"found": FOUND})


def test_what_was_left_is_told_and_read_and_not_touched(
    store: SpooledStore, storage: Storage, left: Blob, tmp_path: Path
) -> None:
    assert store.available(left, 5) == 5
    assert store.available(left, 100) == 19
    assert b"".join(store.read_unfinished(left, 1, 4)) == b"ell"
    with pytest.raises(BlobTruncated):
        list(store.read_unfinished(left, 0, 20))
    path = store.unfinished_path(left)
    assert path is None or Path(path).read_bytes() == b"hello-not-committed"
    assert strays(store) == []
    assert storage.exists(FOUND)


def test_what_was_left_is_gone_on_with(
    store: SpooledStore, storage: Storage, left: Blob, finished: Callable[[str], bytes]
) -> None:
    blob = write(store, left, 5, b"world")
    assert store.available(blob, 10) == 10
    store.complete(blob, NAME, 10, ONE, yes)
    assert finished(NAME) == b"helloworld"
    assert not storage.exists(FOUND)


@pytest.mark.parametrize("name", [NAME, FOUND], ids=["another-name", "the-same-name"])
@pytest.mark.parametrize("appended", [b"", b"-NOT-COMMITTED"], ids=["as-it-is", "written-over"])
@pytest.mark.parametrize("step", ["", "take_found", "_save", "_remove_segments", "_delete"])
def test_what_was_left_is_completed_after_a_crash_before_any_step(
    name: str,
    appended: bytes,
    step: str,
    store: SpooledStore,
    storage: Storage,
    left: Blob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    finished: Callable[[str], bytes],
) -> None:
    """Also where the finished file has the very name and length of what was left."""
    blob = write(store, left, 5, appended) if appended else left
    content = b"hello" + appended
    if step:
        with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
            patched.setattr(SpooledStore, step, crash)
            store.complete(blob, name, len(content), ONE, yes)
    for token in (ONE, TWO):
        store.complete(blob, name, len(content), token, yes)
    assert finished(name) == content
    assert storage.exists(FOUND) is (name == FOUND)
    assert partial(tmp_path) == []


def test_what_was_left_goes_with_the_upload(
    store: SpooledStore, storage: Storage, left: Blob
) -> None:
    store.delete(left, "")
    assert not storage.exists(FOUND)


def test_a_writer_that_lost_its_lease_fetches_nothing(
    store: SpooledStore, storage: Storage, left: Blob, tmp_path: Path
) -> None:
    answers = iter([True])
    with (
        store.writer(left, 5, ONE, lambda: next(answers, False)) as writer,
        pytest.raises(LeaseLost),
    ):
        writer.write([b"world"])
    assert partial(tmp_path) == []
    assert store.available(left, 5) == 5


@pytest.mark.usefixtures("quick_heart")
def test_a_lease_that_is_lost_while_bytes_are_fetched_ends_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = ObjectStorage()
    store = make_store(storage, tmp_path)
    put(storage, FOUND, bytes(1000))
    monkeypatch.setattr(spooled, "_READ_SIZE", 1)
    hearts: list[Heartbeat] = []
    asked = iter([True])

    class Noted(Heartbeat):
        def __init__(self, still_mine: Callable[[], bool]) -> None:
            super().__init__(still_mine)
            hearts.append(self)

    monkeypatch.setattr(spooled, "Heartbeat", Noted)

    def still_mine() -> bool:
        return threading.current_thread() is threading.main_thread() and next(asked)

    def read(self: _Object, size: int) -> bytes:
        if self.file.tell() > 3:
            until(lambda: hearts[0]._is_lost)
        assert self.file.tell() < 100, "nobody ended it"
        return self.file.read(size)  # type: ignore[no-any-return]

    monkeypatch.setattr(_Object, "read", read, raising=False)
    with pytest.raises(LeaseLost):
        store.complete(Blob(key=KEY, state={"found": FOUND}), NAME, 1000, ONE, still_mine)
    assert [name for name in partial(tmp_path) if not name.endswith(".lock")] == []


def test_what_was_left_and_is_gone_is_missing(store: SpooledStore, tmp_path: Path) -> None:
    blob = Blob(key=KEY, state={"found": FOUND})
    put(store.storage, "something", b"else")
    with pytest.raises(StoreError):
        store.available(blob, 5)


# --- large files


def test_r9_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """256 MiB to a storage on disk, and back: within 32 MiB."""
    size = 256 * 1024 * 1024
    store = make_store(OwnWay(location=tmp_path / "files"), tmp_path, durable=False)
    blob = store.create(KEY, size)
    path = tmp_path / "partial" / KEY[:2]
    path.mkdir(parents=True)
    with open(path / KEY, "wb") as file:
        file.truncate(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    store.complete(blob, NAME, size, ONE, yes)
    assert sum(map(len, store.open(NAME, 0, size))) == size
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024
