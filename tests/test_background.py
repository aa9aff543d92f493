"""Threads behind answers: bounded, not held up by those that hang, and none left behind."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from tests.service.test_service import CONTENT, append, make, row
from tusbridge import background, completing
from tusbridge.background import Heart, in_background
from tusbridge.errors import DatabaseUnavailable, StoreError
from tusbridge.models import Upload
from tusbridge.service import UploadService

SECONDS = 10.0


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    """Set it, and what hangs goes on; at the end all threads have ended."""
    event = threading.Event()
    yield event
    event.set()
    wait_for(lambda: not background._running, "the end of all threads")


def wait_for(find: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not find():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def refuse(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_what_finds_no_thread_may_be_asked_for_again(
    hold: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        in_background("one", done.set)
    assert not done.is_set()
    in_background("one", done.set)
    assert done.wait(SECONDS)


def test_one_upload_is_done_once_at_a_time(hold: threading.Event) -> None:
    begun: list[int] = []

    def work() -> None:
        begun.append(1)
        hold.wait(SECONDS)

    for _ in range(3):
        in_background("one", work)
    wait_for(lambda: begun, "the work")
    assert len(begun) == 1


def test_those_that_hang_do_not_hold_up_all_others(
    hold: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_PATIENCE_SECONDS", 0.05)
    begun = threading.Semaphore(0)

    def hang() -> None:
        begun.release()
        hold.wait(SECONDS)

    for name in ("one", "two"):
        in_background(name, hang)
        assert begun.acquire(timeout=SECONDS)
    done = threading.Event()
    in_background("three", done.set)
    assert done.wait(SECONDS / 2)


def test_two_at_a_time_else(hold: threading.Event) -> None:
    begun: list[str] = []

    def work(name: str) -> Callable[[], None]:
        def hang() -> None:
            begun.append(name)
            hold.wait(SECONDS)

        return hang

    for name in ("one", "two", "three"):
        in_background(name, work(name))
    wait_for(lambda: len(begun) == 2, "two")
    time.sleep(0.05)
    assert len(begun) == 2
    hold.set()
    wait_for(lambda: len(begun) == 3, "the third")


def test_there_is_a_bounded_number_of_them(hold: threading.Event) -> None:
    for number in range(100):
        in_background(f"upload-{number}", lambda: hold.wait(SECONDS))
    names = [thread.name for thread in threading.enumerate()]
    assert sum(name.startswith("tusbridge-join") for name in names) == background._MOST
    hold.set()
    wait_for(lambda: not background._running, "the end of them")
    done = threading.Event()
    in_background("another", done.set)
    assert done.wait(SECONDS)


@pytest.mark.parametrize("error", [StoreError, LookupError])
def test_an_error_leaves_nothing_behind(hold: threading.Event, error: type[Exception]) -> None:
    def fail() -> None:
        raise error

    for _ in range(5):
        in_background("one", fail)
        wait_for(lambda: not background._running, "the end of it")
    done = threading.Event()
    in_background("two", done.set)
    assert done.wait(SECONDS)


def hearts() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "tusbridge-heart"}


class TestHeart:
    def test_one_thread_beats_for_all_and_ends(self) -> None:
        # those of other tests end by and by
        others = hearts()
        heart = Heart(0.01)
        beats: dict[str, int] = {"one": 0, "two": 0}

        def beat(name: str) -> Callable[[], None]:
            def give() -> None:
                beats[name] += 1

            return give

        with heart.beating(beat("one")), heart.beating(beat("two")):
            wait_for(lambda: min(beats.values()) > 2, "beats of both")
            assert len(hearts() - others) == 1
        wait_for(lambda: not hearts() - others, "the end of the thread")
        with heart.beating(beat("one")):
            before = beats["one"]
            wait_for(lambda: beats["one"] > before, "another beat")

    @pytest.mark.parametrize("error", [DatabaseUnavailable, LookupError])
    def test_a_beat_that_fails_stops_no_other(self, error: type[Exception]) -> None:
        heart = Heart(0.01)
        beats: list[int] = []

        def fail() -> None:
            raise error

        with heart.beating(fail), heart.beating(lambda: beats.append(1)):
            wait_for(lambda: len(beats) > 2, "beats")

    def test_without_a_thread_the_block_is_not_begun(self, monkeypatch: pytest.MonkeyPatch) -> None:
        heart = Heart(0.01)
        beats: list[int] = []
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError), heart.beating(lambda: None):
                pytest.fail("begun")
        with heart.beating(lambda: beats.append(1)):
            wait_for(lambda: beats, "a beat")


@pytest.mark.django_db(transaction=True)
def test_who_cannot_give_signs_of_life_does_not_keep_the_lease(
    service: UploadService, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = make(service)
    append(service, upload, 0, CONTENT)
    monkeypatch.setattr(completing, "_confirming", Heart(3.0))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError), service.confirming(upload):
            pytest.fail("begun")
    assert row(upload).lease_token is None
    with service.confirming(row(upload)) as values:
        values["completed_on"] = timezone.now()
    assert Upload.objects.get(pk=upload.pk).confirmed_on is not None
