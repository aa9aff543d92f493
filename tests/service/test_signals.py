"""Signals: what is told, when, and how often."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from tests.service.test_service import CONTENT, NOBODY, append, make, row
from tusbridge import signals
from tusbridge.models import AbstractUpload, Status, Upload
from tusbridge.service import UploadService

pytestmark = pytest.mark.django_db(transaction=True)

ALL = {
    "created": signals.upload_created,
    "completed": signals.upload_completed,
    "terminated": signals.upload_terminated,
    "expired": signals.upload_expired,
}


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str]]]:
    """Names of signals with the ids they told, in their order; the row was there each time."""
    told: list[tuple[str, str]] = []
    receivers = []
    for name, signal in ALL.items():

        def receive(sender: type, upload: AbstractUpload, *, name: str = name, **_: Any) -> None:
            assert sender is Upload
            told.append((name, upload.upload_id))

        signal.connect(receive)
        receivers.append((signal, receive))
    yield told
    for signal, receive in receivers:
        signal.disconnect(receive)


def test_each_is_told_once(service: UploadService, heard: list[tuple[str, str]]) -> None:
    upload = make(service)
    append(service, upload, 0, CONTENT)
    service.head(upload.upload_id, NOBODY)
    service.terminate(row(upload))
    service.terminate(upload)
    told = [("created", upload.upload_id), ("completed", upload.upload_id)]
    assert heard == [*told, ("terminated", upload.upload_id)]


def test_expired_is_told_by_the_sweep_once(
    service: UploadService, heard: list[tuple[str, str]]
) -> None:
    upload = make(service)
    later = UploadService(clock=lambda: timezone.now() + timedelta(days=2))
    later.sweep()
    later.sweep()
    assert heard == [("created", upload.upload_id), ("expired", upload.upload_id)]


def test_the_row_says_what_the_signal_says(service: UploadService) -> None:
    seen: list[int] = []

    def receive(upload: AbstractUpload, **_: Any) -> None:
        seen.append(row(upload).status)
        assert upload.file.name
        with upload.file.open("rb") as file:
            assert file.read() == CONTENT

    signals.upload_completed.connect(receive)
    try:
        append(service, make(service), 0, CONTENT)
    finally:
        signals.upload_completed.disconnect(receive)
    assert seen == [Status.COMPLETE]


def test_a_receiver_that_raises_hinders_nobody(
    service: UploadService, heard: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("the site's own mistake")

    signals.upload_completed.connect(fail)
    try:
        upload = make(service)
        assert append(service, upload, 0, CONTENT).is_complete
    finally:
        signals.upload_completed.disconnect(fail)
    assert ("completed", upload.upload_id) in heard
    assert "the site's own mistake" in caplog.text


def test_nothing_is_told_of_what_is_rolled_back(
    service: UploadService, heard: list[tuple[str, str]]
) -> None:
    with transaction.atomic():
        make(service)
        assert heard == []
        transaction.set_rollback(True)
    assert heard == []


def test_R10_a_crash_before_the_receivers_ran_is_made_up_for(  # noqa: N802
    service: UploadService, heard: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = make(service)

    def crash(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(UploadService, "announce_completed", crash)
        with pytest.raises(KeyboardInterrupt):
            append(service, upload, 0, CONTENT)
    assert row(upload).is_complete
    assert ("completed", upload.upload_id) not in heard
    service.sweep()
    assert ("completed", upload.upload_id) not in heard, "it may be under way still"
    later = UploadService(clock=lambda: timezone.now() + timedelta(minutes=3))
    later.sweep()
    later.sweep()
    assert heard.count(("completed", upload.upload_id)) == 1


def test_without_receivers_nothing_is_noted(service: UploadService) -> None:
    assert not signals.has_receivers(signals.upload_completed)
    upload = make(service)
    append(service, upload, 0, CONTENT)
    assert row(upload).announce_at is None
