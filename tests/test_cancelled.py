"""Requests whose task ends before their answer: what was written behind them is what came, in its
order, and nothing is held any more."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse

from tests.crowd.wire import run
from tests.service.test_service import make, row
from tusbridge import leases
from tusbridge.api.feeding import Feeding, PendingResponse
from tusbridge.appending import Appending
from tusbridge.body import BodyEnd
from tusbridge.errors import StoreError
from tusbridge.front import Front
from tusbridge.intake import BATCH_BYTES
from tusbridge.models import AbstractUpload, Status, Upload
from tusbridge.policy import Actor
from tusbridge.rows import release_connections
from tusbridge.service import UploadService
from tusbridge.stores.local_writer import LocalWriter

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 20.0
HANGING_SECONDS = 10.0
THREADS = 2
FIRST, SECOND = os.urandom(BATCH_BYTES), os.urandom(5000)
LENGTH = 4 * BATCH_BYTES
Message = dict[str, Any]


class Request:
    """A server's side of one request whose client sends piece by piece."""

    def __init__(self, front: Front, method: str, path: str, *fields: tuple[bytes, bytes]) -> None:
        self.came: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: list[Message] = []
        headers = [(b"host", b"testserver"), (b"tus-resumable", b"1.0.0"), *fields]
        self.scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "query_string": b"",
            "root_path": "",
            "headers": headers,
        }
        # as middleware that waits no longer does, and servers that must stop
        self.task = asyncio.ensure_future(front(self.scope, self.came.get, self._send))

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    def send(self, chunk: bytes, *, more: bool = True) -> None:
        self.came.put_nowait({"type": "http.request", "body": chunk, "more_body": more})

    async def cancel(self) -> None:
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task

    @property
    def fields(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


def patch(front: Front, upload: AbstractUpload, length: int = LENGTH) -> Request:
    return Request(
        front,
        "PATCH",
        f"/files/{upload.upload_id}",
        (b"upload-offset", b"0"),
        (b"content-type", b"application/offset+octet-stream"),
        (b"content-length", str(length).encode()),
    )


async def offset_of(front: Front, upload: AbstractUpload) -> int:
    """What HEAD tells; asked again while that is not known yet (423)."""
    while True:
        head = Request(front, "HEAD", f"/files/{upload.upload_id}")
        await asyncio.wait_for(head.task, SECONDS)
        if head.sent[0]["status"] == 200:
            return int(head.fields[b"upload-offset"])
        assert head.sent[0]["status"] == 423
        await asyncio.sleep(0.1)


async def until(find: Callable[[], Any], what: str) -> None:
    async with asyncio.timeout(SECONDS):
        while not find():
            await asyncio.sleep(0.005)
    assert find(), what


def within(work: Awaitable[Any]) -> Any:
    async def bounded() -> Any:
        return await asyncio.wait_for(work, 2 * SECONDS)

    return run(bounded())


async def no_site(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("not the site's")


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    """Set it, and what hangs goes on."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def front(service: UploadService) -> Front:
    return Front(no_site, threads=THREADS)


def hang(front: Front, hold: threading.Event) -> None:
    """All threads that write hang, as those of a slow disk do."""
    for pool in (front._writers, front._routine):
        for _ in range(THREADS):
            pool.submit(hold.wait, HANGING_SECONDS)


def drive_of(front: Front) -> Any:
    return next(iter(front._drives._all()), None)


async def send_two(front: Front, upload: AbstractUpload) -> Request:
    """A PATCH of which the first piece was taken for a step, and the second lies there."""
    request = patch(front, upload)
    request.send(FIRST)
    await until(lambda: drive_of(front) and drive_of(front).is_stepping, "a step")
    assert drive_of(front).intake.size == 0
    request.send(SECOND)
    await until(lambda: drive_of(front).intake.size == len(SECOND), "the second piece")
    return request


async def until_over(front: Front) -> None:
    await until(lambda: drive_of(front) is None, "that no append runs")


def bytes_of(service: UploadService, upload: AbstractUpload, stop: int) -> bytes:
    return b"".join(service.read_unfinished(row(upload), 0, stop))


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


class TestCancelledAppend:
    def test_r3_what_was_taken_comes_before_what_came_behind_it(
        self, service: UploadService, front: Front, hold: threading.Event
    ) -> None:
        """A step waits for a thread, more has come, and the task is cancelled."""
        upload = make(service, LENGTH)

        async def cancelled() -> int:
            hang(front, hold)
            request = await send_two(front, upload)
            await request.cancel()
            hold.set()
            return await offset_of(front, upload)

        offset = within(cancelled())
        assert offset == len(FIRST + SECOND)
        assert bytes_of(service, upload, offset) == FIRST + SECOND
        assert_holds_nothing(upload)

    def test_r3_a_step_that_writes_meanwhile_is_gone_on_from(
        self,
        service: UploadService,
        front: Front,
        hold: threading.Event,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        upload = make(service, LENGTH)
        writing = slow_writes(monkeypatch, hold)

        async def cancelled() -> int:
            request = await send_two(front, upload)
            await until(writing.is_set, "a write")
            await request.cancel()
            hold.set()
            return await offset_of(front, upload)

        offset = within(cancelled())
        assert offset == len(FIRST + SECOND)
        assert bytes_of(service, upload, offset) == FIRST + SECOND
        assert_holds_nothing(upload)

    def test_r3_nothing_follows_a_step_that_failed(
        self,
        service: UploadService,
        front: Front,
        hold: threading.Event,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        upload = make(service, LENGTH)
        wrote: list[Sequence[bytes]] = []

        def fail(writer: LocalWriter, chunks: Sequence[bytes]) -> None:
            wrote.append(chunks)
            hold.wait(HANGING_SECONDS)
            raise StoreError

        monkeypatch.setattr(LocalWriter, "write", fail)

        async def cancelled() -> int:
            request = await send_two(front, upload)
            await until(lambda: wrote, "a write")
            await request.cancel()
            hold.set()
            await until_over(front)
            return await offset_of(front, upload)

        assert within(cancelled()) == 0
        assert len(wrote) == 1
        assert_holds_nothing(upload)

    @pytest.mark.parametrize("error", [MemoryError, RuntimeError])
    def test_an_error_of_no_upload_is_told_and_holds_nothing(
        self,
        service: UploadService,
        front: Front,
        monkeypatch: pytest.MonkeyPatch,
        error: type[Exception],
    ) -> None:
        upload = make(service, LENGTH)

        def fail(writer: LocalWriter, chunks: Sequence[bytes]) -> None:
            raise error

        async def failing() -> Request:
            with monkeypatch.context() as patched:
                patched.setattr(LocalWriter, "write", fail)
                request = patch(front, upload)
                request.send(FIRST)
                await asyncio.wait_for(request.task, SECONDS)
            return request

        request = within(failing())
        assert request.sent[0]["status"] == 500
        assert request.fields[b"tus-resumable"] == b"1.0.0"
        assert_holds_nothing(upload)

    def test_r5_a_pool_that_takes_nothing_more_loses_nothing(
        self, service: UploadService, front: Front, hold: threading.Event
    ) -> None:
        upload = make(service, LENGTH)

        async def cancelled() -> None:
            hang(front, hold)
            request = await send_two(front, upload)
            front._writers.shutdown(wait=False)
            await request.cancel()
            hold.set()
            await until_over(front)

        within(cancelled())
        assert row(upload).offset == len(FIRST + SECOND)
        assert bytes_of(service, upload, len(FIRST + SECOND)) == FIRST + SECOND
        assert_holds_nothing(upload)

    def test_r5_a_step_that_no_thread_takes_ends_the_append(
        self, service: UploadService, front: Front
    ) -> None:
        """The executor's error goes to the server, what came is kept."""
        upload = make(service, LENGTH)

        async def refused() -> None:
            request = patch(front, upload)
            await until(lambda: drive_of(front), "an append")
            front._writers.shutdown(wait=False)
            front._routine.shutdown(wait=False)
            request.send(FIRST)
            with pytest.raises(RuntimeError):
                await asyncio.wait_for(request.task, SECONDS)
            await until_over(front)

        within(refused())
        assert row(upload).offset == len(FIRST)
        assert_holds_nothing(upload)

    def test_r8_the_lease_is_kept_while_the_last_bytes_wait(
        self, service: UploadService, front: Front, hold: threading.Event
    ) -> None:
        """Another request that came now would make the client send them again."""
        upload = make(service, LENGTH)
        ttl = service.options.LEASE_TTL

        async def cancelled() -> bool:
            hang(front, hold)
            request = await send_two(front, upload)
            await request.cancel()
            await asyncio.sleep(4 * ttl)
            held = await asyncio.to_thread(tidily, lambda: is_held(upload))
            hold.set()
            await until_over(front)
            return held

        assert within(cancelled())
        assert row(upload).offset == len(FIRST + SECOND)

    def test_r8_not_for_ever(
        self,
        service: UploadService,
        front: Front,
        hold: threading.Event,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Whoever takes the upload over is not written into, when the disk comes back."""
        upload = make(service, LENGTH)
        monkeypatch.setattr("tusbridge.drive._GIVING_UP_SECONDS", 0.1)

        async def cancelled() -> None:
            hang(front, hold)
            request = await send_two(front, upload)
            await request.cancel()
            await until_over(front)
            await asyncio.sleep(2 * service.options.LEASE_TTL)
            await asyncio.to_thread(tidily, take_over)
            hold.set()
            await asyncio.to_thread(front._writers.shutdown)

        def take_over() -> None:
            token = leases.new_token()
            assert leases.acquire(Upload, upload.pk, offset=0, token=token, ttl=60)

        within(cancelled())
        assert row(upload).offset == 0
        assert open_files(upload) == []

    def test_an_answer_that_is_not_sent_any_more_changes_nothing(
        self, service: UploadService, front: Front
    ) -> None:
        upload = make(service, len(FIRST))
        is_sending: list[int] = []

        async def cancelled() -> None:
            request = patch(front, upload, len(FIRST))

            async def send(message: Message) -> None:
                is_sending.append(1)
                await asyncio.Event().wait()

            request._send = send  # type: ignore[method-assign]
            request.task.cancel()
            request.task = asyncio.ensure_future(front(request.scope, request.came.get, send))
            request.send(FIRST, more=False)
            await until(lambda: is_sending, "the answer")
            await request.cancel()
            await until_over(front)

        within(cancelled())
        assert row(upload).status == Status.COMPLETE

    def test_a_creation_that_is_given_up_leaves_nothing(
        self, service: UploadService, front: Front, hold: threading.Event, media: Path
    ) -> None:
        """Its client never learnt the URL."""

        async def cancelled() -> None:
            hang(front, hold)
            request = Request(
                front,
                "POST",
                "/files/",
                (b"upload-length", str(LENGTH).encode()),
                (b"content-type", b"application/offset+octet-stream"),
                (b"content-length", str(LENGTH).encode()),
            )
            request.send(FIRST)
            await until(lambda: drive_of(front) and drive_of(front).is_stepping, "a step")
            await request.cancel()
            hold.set()
            await until_over(front)

        within(cancelled())
        assert Upload.objects.count() == 0
        assert not [path for path in media.parent.rglob("*") if path.is_file()]


def tidily(work: Callable[[], Any]) -> Any:
    """In a thread that leaves no connection behind."""
    try:
        return work()
    finally:
        release_connections()


def is_held(upload: AbstractUpload) -> bool:
    return bool(Upload.objects.filter(leases.held(), pk=upload.pk).exists())


def slow_writes(monkeypatch: pytest.MonkeyPatch, hold: threading.Event) -> threading.Event:
    """Writing hangs until told to go on; set once it does."""
    writing = threading.Event()
    write = LocalWriter.write

    def slow(writer: LocalWriter, chunks: Sequence[bytes]) -> None:
        writing.set()
        hold.wait(HANGING_SECONDS)
        write(writer, chunks)

    monkeypatch.setattr(LocalWriter, "write", slow)
    return writing


class TestCancelledView:
    @pytest.mark.parametrize("is_late", [False, True], ids=["cancelled", "too-late"])
    def test_r8_what_the_view_began_is_given_up(
        self,
        service: UploadService,
        front: Front,
        hold: threading.Event,
        monkeypatch: pytest.MonkeyPatch,
        is_late: bool,
    ) -> None:
        """The view took the lease, and its request has ended."""
        upload = make(service, LENGTH)
        begun = threading.Event()
        begin = UploadService.begin_append

        def slow(*args: Any, **given: Any) -> Appending | None:
            appending = begin(*args, **given)
            begun.set()
            hold.wait(HANGING_SECONDS)
            return appending

        monkeypatch.setattr(UploadService, "begin_append", slow)
        monkeypatch.setattr("tusbridge.front._VIEW_SECONDS", 0.3 if is_late else SECONDS)

        async def ended() -> None:
            request = patch(front, upload)
            await until(begun.is_set, "that the lease is taken")
            if is_late:
                request.send(FIRST)
                request.came.put_nowait({"type": "http.disconnect"})
                await asyncio.wait_for(request.task, SECONDS)
                assert request.sent[0]["status"] == 503
            else:
                await request.cancel()
            hold.set()
            await until(lambda: done, "that it was given up")

        done = watch_ends(monkeypatch)
        within(ended())
        assert_holds_nothing(upload)

    def test_a_view_that_had_not_begun_changes_nothing(
        self, service: UploadService, front: Front, hold: threading.Event
    ) -> None:
        upload = make(service, LENGTH)

        async def cancelled() -> None:
            for _ in range(THREADS + 1):
                front._short.submit(hold.wait, HANGING_SECONDS)
            request = patch(front, upload, len(SECOND))
            request.send(SECOND, more=False)
            await until(lambda: front._changing._waiting, "that the view waits")
            await request.cancel()
            hold.set()
            await until(lambda: not front._changing._running, "the end of it")

        within(cancelled())
        assert row(upload).offset == 0
        assert_holds_nothing(upload)

    def test_an_answer_in_place_of_the_views_gives_the_append_up(
        self, service: UploadService, front: Front, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A middleware of the site's says something else than the view did."""
        upload = make(service, LENGTH)
        get_response = front._handler.get_response

        def refuse(request: Any) -> HttpResponse:
            assert isinstance(get_response(request), PendingResponse)
            return HttpResponse(status=418)

        monkeypatch.setattr(front._handler, "get_response", refuse)

        async def refused() -> int:
            request = patch(front, upload)
            request.send(FIRST)
            request.came.put_nowait({"type": "http.disconnect"})
            await asyncio.wait_for(request.task, SECONDS)
            return int(request.sent[0]["status"])

        assert within(refused()) == 418
        assert_holds_nothing(upload)


def watch_ends(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Appends that were given up behind their requests."""
    done: list[Any] = []
    fail = Feeding.fail

    def watched(feeding: Feeding, error: Exception) -> Any:
        response = fail(feeding, error)
        done.append(response)
        return response

    monkeypatch.setattr(Feeding, "fail", watched)
    return done


class TestFeeding:
    """Whatever is raised, and wherever, an append is over and holds nothing."""

    @pytest.fixture
    def upload(self, service: UploadService) -> AbstractUpload:
        return make(service, LENGTH)

    @pytest.fixture
    def feeding(self, service: UploadService, upload: AbstractUpload, rf: Any) -> Feeding:
        from tests.service.test_service import begin

        appending = begin(service, upload)
        appending.feed([SECOND])

        def fail(how: BodyEnd) -> HttpResponse:
            raise LookupError("the site's own mistake")

        return Feeding(rf.patch("/"), appending, on_end=fail, on_error=lambda error: None)

    def test_at_its_end(self, feeding: Feeding, upload: AbstractUpload) -> None:
        assert feeding.end(BodyEnd.WHOLE).status_code == 500
        assert row(upload).offset == len(SECOND), "what came is kept"
        assert_holds_nothing(upload)

    def test_while_clearing_up(self, feeding: Feeding, upload: AbstractUpload) -> None:
        def fail(error: Exception) -> None:
            raise LookupError("the site's own mistake")

        feeding._on_error = fail
        assert feeding.end(BodyEnd.WHOLE).status_code == 500
        assert open_files(upload) == []


def test_what_is_complete_is_not_dropped_for_an_answer_that_fails(service: UploadService) -> None:
    """Receivers have heard of it by then."""
    from tests.service.test_service import create_request

    appending = service.begin_create(create_request(5, has_body=True), Actor())
    appending.feed([b"hello"])
    upload = service.end_create(appending, BodyEnd.WHOLE)
    service.drop_create(appending)
    assert row(upload).is_complete
