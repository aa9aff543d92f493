"""A disk that fails is not a missing file: what cannot be seen is not lost."""

import builtins
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from tests.stores.contract import KEY, NAME, ONE, TWO, write, yes
from tusbridge.errors import StoreError
from tusbridge.files import is_there
from tusbridge.stores import Blob, Store
from tusbridge.stores.local import LocalStore
from tusbridge.stores.spooled import SpooledStore

FOUND = "left.part"
Fail = Callable[[str], None]


class Own(FileSystemStorage):
    """A site's own kind, which files are saved to."""


@pytest.fixture(params=["local", "spooled"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    root = tmp_path / "partial"
    if request.param == "local":
        return LocalStore(FileSystemStorage(tmp_path / "media"), root, durable=True)
    return SpooledStore(Own(tmp_path / "media"), root, durable=True)


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """From now on the disk fails for files of that name."""

    def begin(name: str) -> None:
        calls = [(os, call) for call in ("stat", "lstat", "unlink", "remove", "open")]
        for module, call in [*calls, (builtins, "open")]:
            wrapped: Any = getattr(module, call)

            def failing(path: Any, *args: Any, wrapped: Any = wrapped, **kwargs: Any) -> Any:
                if str(path).endswith(name):
                    raise OSError(errno.EIO, "the disk fails")
                return wrapped(path, *args, **kwargs)

            monkeypatch.setattr(module, call, failing)

    return begin


def test_is_there(tmp_path: Path, fail: Fail) -> None:
    (tmp_path / "file").touch()
    assert is_there(str(tmp_path / "file"))
    assert not is_there(str(tmp_path / "none"))
    assert not is_there(str(tmp_path / "file" / "below"))
    fail("file")
    with pytest.raises(OSError, match="fails"):
        is_there(str(tmp_path / "file"))


def test_bytes_that_were_found_are_not_cut_to_what_was_there_at_first(
    store: Store, tmp_path: Path, fail: Fail
) -> None:
    """The file of our own cannot be seen: the two bytes where they once were are not all."""
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / FOUND).write_bytes(b"he")
    blob = write(store, Blob(key=KEY, state={"found": FOUND}), 2, b"llo", token=ONE)
    state = {**blob.state, "found": FOUND}
    (tmp_path / "media" / FOUND).write_bytes(b"he")
    fail(KEY)
    for ask in (
        lambda: store.complete(Blob(key=KEY, state=state), NAME, 5, TWO, yes),
        lambda: store.available(Blob(key=KEY, state=state), 5),
        lambda: store.unfinished_path(Blob(key=KEY, state=state)),
    ):
        with pytest.raises(StoreError) as caught:
            ask()
        assert type(caught.value) is StoreError


@pytest.fixture
def finished(store: Store) -> Blob:
    blob = write(store, store.create(KEY, 5), 0, b"hello", token=ONE)
    store.complete(blob, NAME, 5, ONE, yes)
    return blob


def test_a_finished_file_is_not_gone(store: Store, finished: Blob, fail: Fail) -> None:
    fail(NAME)
    with pytest.raises(StoreError):
        store.length(NAME)
    with pytest.raises(StoreError):
        b"".join(store.open(NAME, 0, 5))
    with pytest.raises(StoreError):
        store.delete(finished, NAME)
