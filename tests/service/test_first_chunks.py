"""The first chunk of a form's upload, when the database does not tell what became of its row."""

from collections.abc import Callable
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError

from tests.service.test_service import CONTENT, NOBODY, files
from tusbridge.chunks import FirstChunk
from tusbridge.errors import BodyIncomplete, DatabaseUnavailable
from tusbridge.models import AbstractUpload, Upload
from tusbridge.rows import insert_row
from tusbridge.service import UploadService

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def chunk(service: UploadService) -> FirstChunk:
    chunk = service.begin_first_chunk(Upload(), 100, NOBODY)
    chunk.feed([CONTENT])
    return chunk


def commit(chunk: FirstChunk, error: type[Exception] = DatabaseUnavailable) -> None:
    with pytest.raises(error):
        chunk.commit({"length": None})
    # as whoever fed it does after any error
    chunk.give_up(BodyIncomplete())


def test_r12_an_insert_that_takes_effect_later_finds_its_bytes(
    service: UploadService, chunk: FirstChunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[Callable[[], None]] = []

    def away(upload: AbstractUpload) -> None:
        late.append(partial(insert_row, copy(upload)))
        raise DatabaseUnavailable

    monkeypatch.setattr("tusbridge.chunks.insert_row", away)
    commit(chunk)
    late[0]()
    (upload,) = Upload.objects.all()
    assert b"".join(service.read_unfinished(upload, 0, upload.offset)) == CONTENT
    assert service.head(upload.upload_id, NOBODY).offset == len(CONTENT)


def test_r12_an_insert_whose_answer_is_lost_leaves_nothing(
    media: Path, chunk: FirstChunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row first, then bytes."""

    def lost(upload: AbstractUpload) -> None:
        insert_row(copy(upload))
        raise DatabaseUnavailable

    monkeypatch.setattr("tusbridge.chunks.insert_row", lost)
    commit(chunk)
    assert (files(media), Upload.objects.count()) == ([], 0)


def test_r12_a_database_that_stays_away_costs_no_bytes_of_a_row(
    service: UploadService, chunk: FirstChunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(upload: AbstractUpload) -> None:
        insert_row(copy(upload))
        raise DatabaseUnavailable

    def away(*args: Any) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as patched:
        patched.setattr("tusbridge.chunks.insert_row", lost)
        patched.setattr("tusbridge.appending.get_row", away)
        commit(chunk)
    (upload,) = Upload.objects.all()
    assert b"".join(service.read_unfinished(upload, 0, upload.offset)) == CONTENT


@pytest.mark.parametrize("error", [DatabaseUnavailable(is_refused=True), IntegrityError()])
def test_one_that_was_refused_leaves_nothing(
    media: Path, chunk: FirstChunk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(upload: AbstractUpload) -> None:
        raise error

    monkeypatch.setattr("tusbridge.chunks.insert_row", refuse)
    commit(chunk, type(error))
    assert files(media) == []
