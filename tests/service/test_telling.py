"""``upload_completed``: told once at least, and never while its receivers run, by any process."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests.service.test_concatenating import join, make_part
from tests.service.test_service import CONTENT, append, begin, create_request, make, row
from tusbridge import leases, signals, sweeping, telling
from tusbridge.body import BodyEnd
from tusbridge.errors import DatabaseUnavailable
from tusbridge.models import AbstractUpload, Protocol, Upload
from tusbridge.policy import Actor
from tusbridge.rows import release_connections
from tusbridge.service import UploadService

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 10.0
MINUTE = timedelta(minutes=1)


class Receiver:
    """Notes what it is told of, and takes as long as it is told to."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.is_running, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()

    def __call__(self, upload: AbstractUpload, **_: Any) -> None:
        self.told.append(upload.upload_id)
        self.is_running.set()
        self.may_end.wait(SECONDS)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    signals.upload_completed.connect(receiver)
    yield receiver
    receiver.may_end.set()
    signals.upload_completed.disconnect(receiver)


@pytest.fixture
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two minutes are a moment."""
    monkeypatch.setattr(sweeping, "LEFT_AFTER", timedelta(seconds=0.3))
    monkeypatch.setattr(telling, "_YOUNG", timedelta(seconds=0.1))
    monkeypatch.setattr(telling, "_heart", telling.Heart(0.03))


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            release_connections()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def later(minutes: float = 3) -> UploadService:
    return UploadService(clock=lambda: timezone.now() + minutes * MINUTE)


def left_untold(service: UploadService) -> AbstractUpload:
    """A crash came between the completion and its receivers."""
    upload = make(service)
    append(service, upload, 0, CONTENT)
    Upload.objects.filter(pk=upload.pk).update(announce_at=timezone.now() - 5 * MINUTE)
    return row(upload)


@pytest.mark.usefixtures("_fast")
class TestLongReceivers:
    def test_r10_the_sweep_leaves_one_alone_that_runs(
        self, service: UploadService, receiver: Receiver
    ) -> None:
        upload = make(service)
        receiver.may_end.clear()
        first = in_thread(lambda: append(service, upload, 0, CONTENT))
        assert receiver.is_running.wait(SECONDS)
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            service.sweep()
            time.sleep(0.05)
        receiver.may_end.set()
        first.join(SECONDS)
        assert receiver.told == [upload.upload_id]
        assert row(upload).announce_at is None
        service.sweep()
        assert receiver.told == [upload.upload_id]

    def test_r10_one_sweep_leaves_alone_what_another_tells(
        self, service: UploadService, receiver: Receiver
    ) -> None:
        upload = left_untold(service)
        receiver.told.clear()
        receiver.may_end.clear()
        receiver.is_running.clear()
        first = in_thread(service.sweep)
        assert receiver.is_running.wait(SECONDS)
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            service.sweep()
            time.sleep(0.05)
        receiver.may_end.set()
        first.join(SECONDS)
        assert receiver.told == [upload.upload_id]
        assert row(upload).announce_at is None

    def test_r10_one_whose_teller_died_is_told_again(
        self, service: UploadService, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        upload = make(service)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):  # noqa: PT012
            patched.setattr(signals, "send", killed)
            append(service, upload, 0, CONTENT)
        service.sweep()
        assert receiver.told == []
        time.sleep(0.5)
        service.sweep()
        assert receiver.told == [upload.upload_id]

    def test_a_completing_call_goes_on_while_they_run(
        self, service: UploadService, receiver: Receiver
    ) -> None:
        """What the site does then is none of theirs (docs/legacy.md)."""
        upload = make(service)
        receiver.may_end.clear()
        first = in_thread(lambda: append(service, upload, 0, CONTENT))
        assert receiver.is_running.wait(SECONDS)
        with service.confirming(row(upload)):
            assert row(upload).confirmed_on is None
        assert row(upload).confirmed_on is not None
        receiver.may_end.set()
        first.join(SECONDS)
        assert (receiver.told, row(upload).announce_at) == ([upload.upload_id], None)

    def test_they_are_told_while_a_completing_call_runs(
        self, service: UploadService, receiver: Receiver
    ) -> None:
        upload = left_untold(service)
        receiver.told.clear()
        with service.confirming(upload):
            service.sweep()
            assert receiver.told == [upload.upload_id]
        assert row(upload).confirmed_on is not None

    def test_what_is_terminated_meanwhile_is_gone(
        self, service: UploadService, receiver: Receiver
    ) -> None:
        upload = make(service)
        receiver.may_end.clear()
        first = in_thread(lambda: append(service, upload, 0, CONTENT))
        assert receiver.is_running.wait(SECONDS)
        service.terminate(row(upload))
        receiver.may_end.set()
        first.join(SECONDS)
        assert not Upload.objects.exists()


def test_of_two_that_find_it_at_once_one_tells(service: UploadService, receiver: Receiver) -> None:
    upload = left_untold(service)
    receiver.told.clear()
    one, other = row(upload), row(upload)
    receiver.may_end.clear()
    receiver.is_running.clear()
    first = in_thread(lambda: service.announce_completed(one))
    assert receiver.is_running.wait(SECONDS)
    assert not service.announce_completed(other)
    receiver.may_end.set()
    first.join(SECONDS)
    assert receiver.told == [upload.upload_id]


class TestTransactionsOfSites:
    def test_r10_a_crash_behind_the_commit_is_made_up_for(
        self, service: UploadService, receiver: Receiver
    ) -> None:
        with transaction.atomic():
            upload = make(service)
            append(service, upload, 0, CONTENT)
            assert receiver.told == []
            # the process ends right behind the commit
            connection.run_on_commit.clear()
        assert row(upload).announce_at is not None
        later().sweep()
        later().sweep()
        assert receiver.told == [upload.upload_id]

    def test_they_are_told_behind_the_commit(
        self, service: UploadService, receiver: Receiver
    ) -> None:
        with transaction.atomic():
            upload = make(service)
            append(service, upload, 0, CONTENT)
        assert receiver.told == [upload.upload_id]
        assert row(upload).announce_at is None

    def test_one_that_lasted_long_may_have_been_told_by_the_sweep(
        self, service: UploadService, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its sign of life was old when it was committed."""
        with transaction.atomic():
            upload = make(service)
            append(service, upload, 0, CONTENT)
            waiting = list(connection.run_on_commit)
            connection.run_on_commit.clear()
        later().sweep()
        assert receiver.told == [upload.upload_id]
        monkeypatch.setattr(service, "clock", later().clock)
        for _, behind, _ in waiting:
            behind()
        assert receiver.told == [upload.upload_id]

    def test_nothing_is_told_of_what_is_rolled_back(
        self, service: UploadService, receiver: Receiver
    ) -> None:
        upload = make(service)
        with transaction.atomic():
            append(service, upload, 0, CONTENT)
            transaction.set_rollback(True)
        later().sweep()
        assert receiver.told == []


class TestFaults:
    def test_answers_that_are_lost_lose_no_turn(
        self, service: UploadService, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = left_untold(service)
        receiver.told.clear()
        turn = telling._Turn(service, upload, upload.announce_at)
        assert turn.begin()
        keep = leases.keep_telling

        def lost(*args: Any, **given: Any) -> bool:
            keep(*args, **given)
            raise DatabaseUnavailable

        with monkeypatch.context() as patched, pytest.raises(DatabaseUnavailable):  # noqa: PT012
            patched.setattr(leases, "keep_telling", lost)
            turn.beat()
        turn.beat()
        turn.end()
        assert row(upload).announce_at is None

    def test_without_a_thread_it_is_left_to_the_sweep(
        self, service: UploadService, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(telling, "_heart", telling.Heart(0.03))
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            upload = make(service)
            append(service, upload, 0, CONTENT)
        assert row(upload).is_complete
        assert receiver.told == []
        later().sweep()
        assert receiver.told == [upload.upload_id]

    def test_r12_a_database_that_goes_away_meanwhile_has_them_told_again(
        self, service: UploadService, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leases, "_RETRY_WAITS", ())

        def away(*args: Any, **given: Any) -> int:
            raise DatabaseUnavailable

        upload = make(service)
        with monkeypatch.context() as patched:
            patched.setattr(leases._END_TELLING, "run", away)
            append(service, upload, 0, CONTENT)
        assert row(upload).is_complete
        later().sweep()
        later().sweep()
        assert receiver.told == [upload.upload_id] * 2


class TestEveryWay:
    """Whatever completes an upload, it is told once and nothing is left to be told."""

    def test_of_no_bytes(self, service: UploadService, receiver: Receiver) -> None:
        upload = service.create(create_request(0), Actor())
        assert (receiver.told, row(upload).announce_at) == ([upload.upload_id], None)

    def test_of_parts(self, service: UploadService, receiver: Receiver) -> None:
        final = join(service, [make_part(service, b"hello"), make_part(service, b"world")])
        assert row(final).is_complete
        assert (receiver.told, row(final).announce_at) == ([final.upload_id], None)

    def test_by_a_completing_call(self, service: UploadService, receiver: Receiver) -> None:
        upload = make(service)
        appending = begin(service, upload)
        appending.feed([CONTENT[:5]])
        with pytest.raises(Exception, match="ended"):
            appending.end(BodyEnd.GONE)
        Upload.objects.update(protocol=Protocol.LEGACY)
        found = row(upload)
        service.complete(found)
        assert (receiver.told, row(upload).announce_at) == ([upload.upload_id], None)
        with service.confirming(found):
            pass
        assert row(upload).confirmed_on is not None

    def test_it_costs_one_statement(
        self, service: UploadService, receiver: Receiver, django_assert_num_queries: Any
    ) -> None:
        upload = make(service)
        appending = begin(service, upload)
        appending.feed([CONTENT])
        # the commit, the completion, and what clears the note
        with django_assert_num_queries(3):
            appending.end(BodyEnd.WHOLE)
        assert receiver.told == [upload.upload_id]

    def test_none_where_nobody_hears(
        self, service: UploadService, django_assert_num_queries: Any
    ) -> None:
        appending = begin(service, make(service))
        appending.feed([CONTENT])
        with django_assert_num_queries(2):
            appending.end(BodyEnd.WHOLE)
