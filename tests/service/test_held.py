"""Errors that are none of ours, a site's or a bug's, at any place: no lease and no file is held."""

import gc
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.service.test_service import CONTENT, NOBODY, begin, create_request, files, make, row
from tusbridge.api.feeding import Feeding, feed
from tusbridge.body import Body, BodyEnd
from tusbridge.models import AbstractUpload, Upload
from tusbridge.protocol.rules import AppendRequest
from tusbridge.service import UploadService

pytestmark = pytest.mark.django_db(transaction=True)


class OwnError(Exception):
    """A mistake of the site's."""


def open_files(upload: AbstractUpload) -> list[str]:
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:
            continue
    return [path for path in found if upload.upload_id in path]


def assert_holds_nothing(upload: AbstractUpload) -> None:
    assert row(upload).lease_token is None
    assert open_files(upload) == []


class FailingBody(Body):
    """Gives some bytes, then fails."""

    def batches(self) -> Iterator[Sequence[bytes]]:
        yield [b"hello"]
        raise OwnError


@pytest.fixture
def request_(rf: Any) -> Any:
    request = rf.patch("/files/")
    request.tusbridge_body = FailingBody()
    return request


def refuse(how: BodyEnd) -> Any:
    raise AssertionError("not ended")


def test_a_body_that_fails_keeps_what_came(service: UploadService, request_: Any) -> None:
    upload = make(service)
    appending = begin(service, upload)
    feeding = Feeding(request_, appending, on_end=refuse, on_error=lambda error: None)
    assert feed(request_, feeding).status_code == 500
    assert row(upload).offset == 5
    assert_holds_nothing(upload)


def test_a_body_that_fails_leaves_nothing_of_a_creation(
    service: UploadService, media: Path, request_: Any
) -> None:
    appending = service.begin_create(create_request(has_body=True), NOBODY)
    feeding = Feeding(
        request_, appending, on_end=refuse, on_error=lambda error: service.drop_create(appending)
    )
    assert feed(request_, feeding).status_code == 500
    assert (files(media), Upload.objects.count()) == ([], 0)


def test_a_process_that_ends_in_its_midst_holds_no_file(
    service: UploadService, request_: Any
) -> None:
    upload = make(service)
    appending = begin(service, upload)

    def interrupt(how: BodyEnd) -> Any:
        raise KeyboardInterrupt

    request_.tusbridge_body = InterruptedBody()
    feeding = Feeding(request_, appending, on_end=interrupt, on_error=lambda error: None)
    with pytest.raises(KeyboardInterrupt):
        feed(request_, feeding)
    assert open_files(upload) == []


class InterruptedBody(Body):
    """Gives some bytes, then the process is to end."""

    def batches(self) -> Iterator[Sequence[bytes]]:
        yield [b"hello"]
        raise KeyboardInterrupt


def test_batches_that_fail_keep_what_came(service: UploadService) -> None:
    upload = make(service)

    def batches() -> Iterator[Sequence[bytes]]:
        yield [b"hello"]
        raise OwnError

    request = AppendRequest(offset=0, content_length=None)
    with pytest.raises(OwnError):
        service.append(upload.upload_id, request, batches(), NOBODY)
    assert row(upload).offset == 5
    assert_holds_nothing(upload)


def test_a_storage_that_is_gone_takes_no_lease(service: UploadService) -> None:
    upload = make(service)
    Upload.objects.update(storage_alias="gone")
    for _ in range(2):
        with pytest.raises(ImproperlyConfigured):
            begin(service, upload)
        assert row(upload).lease_token is None


def test_a_creation_that_cannot_begin_has_no_row(
    service: UploadService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **given: Any) -> None:
        raise OwnError

    monkeypatch.setattr("tusbridge.appending.Appending._new_writer", fail)
    with pytest.raises(OwnError):
        service.begin_create(create_request(has_body=True), NOBODY)
    assert not Upload.objects.exists()


def test_an_append_that_is_forgotten_holds_no_file(service: UploadService) -> None:
    upload = make(service)
    appending = begin(service, upload)
    appending.feed([CONTENT[:5]])
    assert open_files(upload)
    del appending
    gc.collect()
    assert open_files(upload) == []
