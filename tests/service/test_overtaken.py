"""A request that is held at any of its steps while another one overtakes it: what the other has
completed, gathered or deleted stays as it is, and nothing is left.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.service.held import Place, at_every_step, let_leases_run_out, place
from tests.service.test_concatenating import TEXTS, concat_request, ids, join, make_part
from tests.service.test_service import (
    CONTENT,
    NOBODY,
    append,
    begin,
    content,
    create_request,
    make,
    raising,
    row,
)
from tusbridge.errors import LeaseLost, UploadError
from tusbridge.models import AbstractUpload, Protocol, Status, Upload
from tusbridge.protocol.rules import AppendRequest
from tusbridge.service import UploadService
from tusbridge.stores.local import LocalStore

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["place"]


@pytest.fixture
def service(place: Place, db: None) -> UploadService:
    return UploadService()


class Scene:
    """One upload after the other: what is to become of it, and what has."""

    def __init__(self, service: UploadService, place: Place) -> None:
        self.service = service
        self.place = place
        self.upload: AbstractUpload
        self.expected = CONTENT

    def begin(self, length: int = 10) -> None:
        self.clear()
        self.upload = make(self.service, length)
        self.expected = CONTENT[:length]

    def clear(self) -> None:
        for upload in Upload.objects.all():
            self.service.terminate(upload)
        self.place.sweep_all(self.service)
        assert not Upload.objects.exists()

    def head(self) -> Any:
        return self.service.head(self.upload.upload_id, NOBODY)

    def head_and_die(self) -> Any:
        """Its process ends before the file is published."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(UploadService, "settle_soon", lambda self, upload: upload)
            self.head()

    def terminate(self) -> Any:
        self.service.terminate(row(self.upload))

    def is_whole(self) -> None:
        """The upload goes on to its end, and its file is all there is."""
        let_leases_run_out()
        if not row(self.upload).is_complete:
            self.head()
        assert row(self.upload).status == Status.COMPLETE
        assert content(self.service, self.upload) == self.expected
        self.place.sweep_all(self.service)
        assert content(self.service, self.upload) == self.expected
        assert self.place.contents() == [self.expected]
        assert self.place.unfinished() == []

    def is_gone(self) -> None:
        self.place.sweep_all(self.service)
        assert not Upload.objects.filter(pk=self.upload.pk).exists()
        assert self.place.contents() == []
        assert self.place.unfinished() == []


@pytest.fixture
def scene(service: UploadService, place: Place) -> Scene:
    return Scene(service, place)


def last_bytes(scene: Scene) -> Callable[[], Any]:
    return lambda: append(scene.service, scene.upload, 5, CONTENT[5:])


def in_two(scene: Scene) -> Callable[[], Any]:
    """All but the last bytes are there."""
    scene.begin()
    append(scene.service, scene.upload, 0, CONTENT[:5])
    return last_bytes(scene)


def by_word_of_the_client(scene: Scene) -> Callable[[], Any]:
    """A chunked form says that all came; its request writes no byte."""
    scene.clear()
    request = create_request()
    scene.upload = scene.service.create(request, NOBODY)
    append(scene.service, scene.upload, 0, CONTENT[:5])
    Upload.objects.update(protocol=Protocol.LEGACY, completes_itself=False, length=None)
    scene.expected = CONTENT[:5]
    upload = row(scene.upload)
    return lambda: scene.service.complete(upload)


def without_bytes(scene: Scene) -> Callable[[], Any]:
    """All is recorded, and a crash came right behind that."""
    scene.begin(0)
    scene.clear()
    upload = scene.service._new(create_request(0), NOBODY)
    scene.upload = scene.service._insert(upload, token=None)
    scene.expected = b""
    return scene.head


@pytest.mark.parametrize("begin", [in_two, by_word_of_the_client, without_bytes])
@pytest.mark.parametrize("other", ["head", "terminate"])
def test_a_completer_that_was_overtaken_takes_nothing_away(
    scene: Scene, begin: Callable[[Scene], Callable[[], Any]], other: str
) -> None:
    """Points 2, 5 and 12: by a second completer, and by a DELETE."""

    def prepare() -> tuple[Callable[[], Any], Callable[[], Any]]:
        one = begin(scene)
        if begin is by_word_of_the_client and other == "head":
            upload = row(scene.upload)
            return one, lambda: scene.service.complete(upload)
        return one, getattr(scene, other)

    def look() -> None:
        if other == "terminate" and row_is_ended(scene.upload):
            scene.is_gone()
        else:
            if begin is by_word_of_the_client and not row(scene.upload).is_complete:
                let_leases_run_out()
                scene.service.complete(row(scene.upload))
            finish_bytes(scene)
            scene.is_whole()

    assert at_every_step(prepare, look, scene.place.storage) > 1


def row_is_ended(upload: AbstractUpload) -> bool:
    found = Upload.objects.filter(pk=upload.pk).first()
    return found is None or found.status == Status.TERMINATED


def finish_bytes(scene: Scene) -> None:
    """As a client does that was told of an error."""
    let_leases_run_out()
    upload = scene.head()
    if not upload.is_complete and upload.offset < len(scene.expected):
        append(scene.service, upload, upload.offset, scene.expected[upload.offset :])


def waiting_final(scene: Scene) -> list[AbstractUpload]:
    """A final upload whose last part lacks its last byte."""
    scene.clear()
    parts = [make_part(scene.service, text) for text in TEXTS[:-1]]
    parts.append(make_part(scene.service, TEXTS[-1], TEXTS[-1][:-1]))
    scene.upload = join(scene.service, parts)
    scene.expected = b"".join(TEXTS)
    return parts


@pytest.mark.parametrize("fails", [False, True], ids=["goes-on", "fails"])
@pytest.mark.parametrize("other", ["head", "head_and_die", "terminate"])
def test_two_that_gather_one_final_upload_share_nothing(
    scene: Scene, other: str, fails: bool
) -> None:
    """Points 3 and 12."""
    known: list[AbstractUpload] = []

    def prepare() -> tuple[Callable[[], Any], Callable[[], Any]]:
        parts = waiting_final(scene)
        known[:] = parts
        last = row(parts[-1])
        at = last.offset
        return (
            lambda: append(scene.service, last, at, TEXTS[-1][at:]),
            getattr(scene, other),
        )

    def look() -> None:
        let_leases_run_out()
        last = row(known[-1])
        if last.offset < len(TEXTS[-1]):
            append(scene.service, last, last.offset, TEXTS[-1][last.offset :])
        scene.service.head(last.upload_id, NOBODY)
        if row_is_ended(scene.upload):
            for part in known:
                scene.service.terminate(part)
            scene.is_gone()
            return
        let_leases_run_out()
        scene.head()
        for part in known:
            scene.service.terminate(part)
        scene.is_whole()

    assert at_every_step(prepare, look, fails=fails) > 1


def test_a_final_upload_of_one_part_that_was_deleted_stays_gone(scene: Scene) -> None:
    """Point 12: its file is a copy under a name of its own."""
    known: list[AbstractUpload] = []

    def prepare() -> tuple[Callable[[], Any], Callable[[], Any]]:
        scene.clear()
        part = make_part(scene.service, CONTENT)
        known[:] = [part]
        join(scene.service, [part, part])  # has claimed the part's file
        request = concat_request("final", field=f"final;/{part.upload_id}")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(UploadService, "settle_soon", lambda self, upload: upload)
            scene.upload = scene.service.concatenate(request, ids([part]), NOBODY)
        return scene.head, scene.terminate

    def look() -> None:
        for upload in Upload.objects.exclude(pk=scene.upload.pk):
            scene.service.terminate(upload)
        if row_is_ended(scene.upload):
            scene.is_gone()

    assert at_every_step(prepare, look, scene.place.storage) > 1


@pytest.mark.parametrize("is_in_mid_write", [False, True], ids=["between-two", "in-mid-write"])
def test_a_writer_that_wakes_up_does_not_write_into_what_was_completed(
    scene: Scene, is_in_mid_write: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Point 5: the completer has not written a byte."""
    by_word_of_the_client(scene)
    Upload.objects.update(length=10)
    woken = begin(scene.service, scene.upload, 5)
    woken.feed([b"XX"])

    def complete() -> None:
        let_leases_run_out()
        Upload.objects.update(length=None)
        scene.service.complete(row(scene.upload))

    wake_up(woken, complete, is_in_mid_write, monkeypatch)
    scene.is_whole()


@pytest.mark.parametrize("is_in_mid_write", [False, True], ids=["between-two", "in-mid-write"])
def test_a_parts_writer_that_wakes_up_does_not_write_into_the_final_upload(
    scene: Scene, is_in_mid_write: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Point 5: the part's file is gone on in, and published."""
    scene.clear()
    part = scene.service.create(concat_request("partial", 9), NOBODY)
    append(scene.service, part, 0, b"abc")
    woken = begin(scene.service, part, 3)
    woken.feed([b"XX"])
    second = make_part(scene.service, b"defghi")

    def complete() -> None:
        let_leases_run_out()
        Upload.objects.filter(pk=part.pk).update(length=3)
        scene.service.head(part.upload_id, NOBODY)
        scene.upload = join(scene.service, [row(part), row(second)])

    scene.expected = b"abcdefghi"
    wake_up(woken, complete, is_in_mid_write, monkeypatch)
    for upload in (part, second):
        scene.service.terminate(upload)
    scene.is_whole()


def wake_up(
    woken: Any, other: Callable[[], None], is_in_mid_write: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let another request go on while this one is stopped; then it writes."""
    pwritev = os.pwritev

    def stopped(fd: int, chunks: Any, offset: int) -> int:
        monkeypatch.setattr(os, "pwritev", pwritev)
        other()
        return pwritev(fd, chunks, offset)

    if is_in_mid_write:
        monkeypatch.setattr(os, "pwritev", stopped)
    else:
        other()
    if is_in_mid_write:
        # this write is let through, to where it harms nothing; its commit is not
        with pytest.raises(LeaseLost):
            woken.feed([b"YY"], commit=True)
    with pytest.raises(LeaseLost):
        woken._writer.write([b"YY"])
    woken.close()


@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_a_completer_that_read_its_row_before_another_named_the_file(
    service: UploadService, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row names the file that there is, not the one that was named when it was read."""
    upload = make(service)
    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "complete", raising(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            append(service, upload, 0, CONTENT)
    stale = row(upload)
    Upload.objects.update(file=f"{stale.file.name}.other", store_state={"left": ["x"]})
    let_leases_run_out()
    assert service.settle(stale).is_complete
    assert row(upload).file.name == stale.file.name
    assert content(service, upload) == CONTENT


@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_a_head_that_was_held_takes_nothing_down_that_came_meanwhile(
    service: UploadService, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Point 16: the offset is the same once more, and the bytes behind it are others."""
    upload = make(service)
    append(service, upload, 0, b"hello")
    (data,) = place.partials.rglob(upload.upload_id)
    data.write_bytes(b"he")
    store: Any = service.store_of(upload)
    available = store.available

    def held(blob: Any, offset: int) -> int:
        monkeypatch.undo()
        found = available(blob, offset)
        assert found == 2
        assert service.head(upload.upload_id, NOBODY).offset == 2
        append(service, upload, 2, b"llo")
        return int(found)

    monkeypatch.setattr(store, "available", held)
    service.head(upload.upload_id, NOBODY)
    assert row(upload).offset == 5
    append(service, upload, 5, CONTENT[5:])
    assert content(service, upload) == CONTENT


def test_an_append_that_was_told_of_fewer_bytes_goes_on_from_there(
    service: UploadService, place: Place
) -> None:
    upload = make(service)
    append(service, upload, 0, b"hello")
    (data,) = place.partials.rglob(upload.upload_id)
    data.write_bytes(b"he")
    request = AppendRequest(offset=5, content_length=5)
    with pytest.raises(UploadError):
        service.append(upload.upload_id, request, [[b"world"]], NOBODY)
    assert (row(upload).offset, row(upload).lease_token) == (2, None)
    append(service, upload, 2, CONTENT[2:])
    assert content(service, upload) == CONTENT
