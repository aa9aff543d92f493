"""What crashes and others leave for the sweeper, and a look at all that it could change."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.service.test_service import CONTENT, append, make, raising
from tusbridge.models import AbstractUpload, Upload
from tusbridge.service import UploadService
from tusbridge.stores.local import LocalStore
from tusbridge.sweeping import Fate, Finding, Kind

DAY = timedelta(days=1)
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def later(service: UploadService) -> UploadService:
    """The service in two days."""
    return UploadService(clock=lambda: timezone.now() + 2 * DAY)


@pytest.fixture
def partials(media: Path) -> Path:
    return media.with_name("media.partial")


def put_orphan(partials: Path, name: str = KEY, *, hours: float = 2) -> Path:
    """Bytes that no upload owns, and that nobody touched for so long."""
    path = partials / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"orphan")
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
    return path


def make_old(partials: Path) -> None:
    """Whatever lies there now was last touched two hours ago."""
    then = time.time() - 7200
    for path in partials.rglob("*"):
        os.utime(path, (then, then))


def finish(service: UploadService) -> AbstractUpload:
    upload = make(service)
    append(service, upload, 0, CONTENT)
    return Upload.objects.get(pk=upload.pk)  # type: ignore[no-any-return]


def leave_uncompleted(service: UploadService, monkeypatch: pytest.MonkeyPatch) -> AbstractUpload:
    """All bytes are there, and a crash came right behind the last commit."""
    upload = make(service)
    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "complete", raising(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            append(service, upload, 0, CONTENT)
    long_ago = timezone.now() - timedelta(minutes=5)
    Upload.objects.filter(pk=upload.pk).update(lease_until=long_ago, progress_at=long_ago)
    return upload


def leave_terminated(service: UploadService, monkeypatch: pytest.MonkeyPatch) -> AbstractUpload:
    """Ended, and a crash came before its bytes were removed."""
    upload = make(service)
    append(service, upload, 0, b"hello")
    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "delete", raising(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            service.terminate(upload)
    return upload


def told(findings: Iterator[Finding]) -> list[tuple[Kind, Fate]]:
    return [(finding.kind, finding.fate) for finding in findings]


def snapshot(media: Path) -> tuple[Any, ...]:
    """All that a sweep could change: every file with its times and bytes, every row."""
    found = {
        str(path): (path.lstat().st_mtime_ns, path.is_file() and path.read_bytes())
        for place in (media, media.with_name("media.partial"))
        for path in place.rglob("*")
    }
    return found, list(Upload.objects.order_by("pk").values())


@pytest.fixture
def everything(
    service: UploadService, media: Path, partials: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, AbstractUpload]:
    """One of each kind, and uploads that have to stay."""
    made = {
        "expired": make(service),
        "unfinished": make(service),
        "uncompleted": leave_uncompleted(service, monkeypatch),
        "terminated": leave_terminated(service, monkeypatch),
        "old": finish(service),
        "missing": finish(service),
        "finished": finish(service),
    }
    for name in ("expired", "unfinished"):
        append(service, made[name], 0, b"hello")
    past = timezone.now() - timedelta(minutes=1)
    Upload.objects.filter(pk=made["expired"].pk).update(expires_at=past)
    Upload.objects.filter(pk=made["old"].pk).update(completed_on=past - 30 * DAY)
    Upload.objects.filter(pk=made["finished"].pk).update(announce_at=past - DAY)
    (media / made["missing"].file.name).unlink()
    make_old(partials)
    for name in (KEY, f"{KEY}.{'1' * 32}", f"{'f' * 32}.lock", f"{'e' * 32}.{'1' * 32}.joined"):
        put_orphan(partials, name)
    put_orphan(partials, "README")
    return made
