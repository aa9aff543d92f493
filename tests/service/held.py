"""One request is held at one of its steps while another goes on: what a slow disk, a stopped
process or a lease that ran out make possible.
"""

import errno
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage, storages
from django.utils import timezone

from tests.service.faulty import CALLS
from tusbridge import stores
from tusbridge.errors import UploadError
from tusbridge.models import Upload
from tusbridge.service import UploadService
from tusbridge.sweeping import Sweeper

# The long proof holds a request at every step, the short one at each sixth: others each time.
STRIDE = int(os.environ.get("TUSBRIDGE_HELD_STRIDE", "6"))
STORAGE_CALLS = ("save", "size", "exists", "delete", "open")


class Held:
    """Counts the steps of one request; at step ``at`` the lease runs out and ``other`` goes on."""

    def __init__(
        self, at: int, other: Callable[[], Any], *, after: bool, fails: bool = False
    ) -> None:
        self.count = 0
        self.is_over = False
        # whether the step behind that fails
        self._fails = fails
        self._at = at
        self._other = other
        self._after = after
        self._is_inside = False

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            if self._is_inside or self.is_over:
                return call(*args, **kwargs)
            number, self.count = self.count, self.count + 1
            if self._fails and number == self._at + 1:
                raise OSError(errno.EIO, "the disk fails")
            if number == self._at and not self._after:
                self._go_on()
            try:
                return call(*args, **kwargs)
            finally:
                if number == self._at and self._after:
                    self._go_on()

        return step

    def _go_on(self) -> None:
        self._is_inside = True
        let_leases_run_out()
        # the other one may be refused, as long as nothing is lost
        with suppress(UploadError):
            self._other()
        self._is_inside = False


def let_leases_run_out() -> None:
    long_ago = timezone.now() - timedelta(minutes=10)
    Upload.objects.filter(lease_token__isnull=False).update(
        lease_until=long_ago, progress_at=long_ago
    )


@contextmanager
def holding(held: Held, storage: Storage | None) -> Iterator[None]:
    """Each call of the storage is a step, or without one each system call."""
    with pytest.MonkeyPatch.context() as patched:
        if storage is None:
            for name in CALLS:
                patched.setattr(os, name, held.wrap(getattr(os, name)))
        else:
            for name in STORAGE_CALLS:
                patched.setattr(storage, name, held.wrap(getattr(storage, name)))
        yield


def at_every_step(
    prepare: Callable[[], tuple[Callable[[], Any], Callable[[], Any]]],
    look: Callable[[], None],
    storage: Storage | None = None,
    *,
    fails: bool = False,
) -> int:
    """Hold the first of the two that ``prepare`` gives at each of its steps while the second goes
    on, then ``look``; how many steps there were. ``fails``: its next step does."""
    most = 0
    for after in (False, True):
        # the first time nothing happens
        at, count = -1, 0
        while at < count:
            one, other = prepare()
            held = Held(at, other, after=after, fails=fails and at >= 0)
            with holding(held, storage), suppress(UploadError):
                one()
            held.is_over = True
            look()
            step = STRIDE if at >= 0 else 1 + random.randrange(STRIDE)
            at, count = at + step, max(count, held.count)
        most = max(most, count)
    return most


class OwnWay(FileSystemStorage):
    """A folder whose files are saved in a way of its own."""

    def _save(self, name: str, content: Any) -> str:
        return super()._save(name, content)  # type: ignore[no-any-return,misc]


class Place:
    """A kind of storage, and what is in it."""

    def __init__(self, kind: str, media: Path) -> None:
        self.kind = kind
        self.media = media
        self.partials = media.with_name("media.partial")
        # by whose calls a request is held
        self.storage = storages["default"] if kind in {"memory", "own-way"} else None
        store: Any = stores.get_store("default", UploadService().options)
        store.lock_patience = 0.01

    def contents(self) -> list[bytes]:
        """All finished files."""
        storage = storages["default"]
        if isinstance(storage, InMemoryStorage):
            return [storage.open(name).read() for name in _names(storage, "")]
        found = [path for path in sorted(self.media.rglob("*")) if path.is_file()]
        return [path.read_bytes() for path in found]

    def unfinished(self) -> list[str]:
        return sorted(path.name for path in self.partials.rglob("*") if path.is_file())

    def sweep_all(self, service: UploadService) -> None:
        """Also what lies about in folders."""
        let_leases_run_out()
        for _ in range(3):
            service.sweep()
        list(Sweeper(service, grace_seconds=-60).orphans())


def _names(storage: InMemoryStorage, folder: str) -> list[str]:
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return []
    below = [name for one in folders for name in _names(storage, os.path.join(folder, one))]
    return [os.path.join(folder, name) for name in files] + below


BACKENDS = {
    "memory": "django.core.files.storage.InMemoryStorage",
    "own-way": "tests.service.held.OwnWay",
}


@pytest.fixture(params=["local", "other-file-system", "no-hard-links", "memory", "own-way"])
def place(
    request: pytest.FixtureRequest, settings: Any, media: Path, monkeypatch: pytest.MonkeyPatch
) -> Place:
    kind: str = request.param
    if kind in BACKENDS:
        settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": BACKENDS[kind]}}
    elif kind == "other-file-system":
        _refuse_renames(monkeypatch, media)
    elif kind == "no-hard-links":
        _refuse_links(monkeypatch)
    return Place(kind, media)


def _refuse_renames(monkeypatch: pytest.MonkeyPatch, media: Path) -> None:
    rename = os.rename

    def refuse(source: str, target: str) -> None:
        if (f"{media}/" in str(source)) != (f"{media}/" in str(target)):
            raise OSError(errno.EXDEV, "another file system")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)


def _refuse_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
