"""The front and its intake, before a server that is played: what they take and pass on."""

import asyncio
import encodings
import io
import threading
from collections.abc import Coroutine
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from django.urls import include, path, register_converter
from django.urls.converters import StringConverter

from tests.crowd.wire import run
from tusbridge import front as front_module
from tusbridge.drive import Drives
from tusbridge.front import Front
from tusbridge.intake import BATCH_BYTES, SMALL_BYTES, Intake
from tusbridge.models import Upload
from tusbridge.pages import tame_content_type
from tusbridge.policy import Actor
from tusbridge.protocol.rules import CreateRequest
from tusbridge.recognizing import _resolve
from tusbridge.service import UploadService

SECONDS = 20
PIECE = 16 * 1024
Message = dict[str, Any]


def within(work: Coroutine[Any, Any, Any]) -> Any:
    """In a thread of its own: in the main one the front would take over the process' signals."""
    return run(asyncio.wait_for(work, SECONDS))


class Peer:
    """A server's side of one request, whose body never ends."""

    def __init__(self) -> None:
        self.taken = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        self.taken += PIECE
        return {"type": "http.request", "body": bytes(PIECE), "more_body": True}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def fields(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


def scope(*fields: tuple[bytes, bytes]) -> Message:
    """A request for a page of the site."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/page",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"testserver"), *fields],
    }


async def _turn() -> None:
    """Let everything run that can."""
    for _ in range(1000):
        await asyncio.sleep(0)


def test_r52_a_body_that_nobody_writes_yet_is_held_in_small_part_only() -> None:
    """A request that waits for a busy upload, or for a thread, costs little memory; once an append
    takes it, batches may be large."""

    async def take() -> tuple[int, int]:
        peer = Peer()
        intake = Intake(peer.receive, None)
        intake.start()
        await _turn()
        before = peer.taken
        intake.widen(BATCH_BYTES)
        await _turn()
        intake.close()
        return before, peer.taken

    before, after = within(take())
    assert before == 2 * SMALL_BYTES
    assert after == 2 * BATCH_BYTES


def test_r28_a_body_of_two_lengths_is_not_passed_on() -> None:
    """Not to the site either: what comes behind it could be a request to us."""
    asked: list[Message] = []

    async def site(scope: Message, receive: Any, send: Any) -> None:
        asked.append(scope)

    peer = Peer()
    both = scope((b"transfer-encoding", b"chunked"), (b"content-length", b"5"))
    within(Front(site)(both, peer.receive, peer.send))
    assert peer.sent[0]["status"] == 400
    assert peer.fields[b"connection"] == b"close"
    assert not asked


def test_r21_a_site_that_says_nothing_does_not_make_a_500_of_it() -> None:
    """Django's own handler, when a body breaks off."""

    async def site(scope: Message, receive: Any, send: Any) -> None:
        await receive()

    peer = Peer()
    within(Front(site)(scope((b"content-length", b"5")), peer.receive, peer.send))
    assert [message["type"] for message in peer.sent] == [
        "http.response.start",
        "http.response.body",
    ]
    assert peer.sent[0]["status"] == 400


@pytest.mark.parametrize("host", [b"other.example", b"tus_bridge:8000"])
def test_r31_a_middleware_that_asks_for_the_host_ends_in_an_answer_with_a_code(
    settings: Any, host: bytes
) -> None:
    """Django's would be a bare page without the fields of the protocol."""
    settings.ALLOWED_HOSTS = ["site.example"]
    settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
    peer = Peer()
    asked = scope() | {"path": "/files/", "method": "OPTIONS", "headers": [(b"host", host)]}
    within(Front(_site)(asked, peer.receive, peer.send))
    assert peer.sent[0]["status"] == 400
    assert peer.fields[b"tus-resumable"] == b"1.0.0"
    assert peer.sent[1]["body"].startswith(b"host-not-allowed: ")


@pytest.mark.parametrize("fields", [(), ((b"content-length", b"5"),)], ids=["no-body", "a-body"])
def test_what_the_site_says_is_left_as_it_is(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    answer = [{"type": "http.response.start", "status": 200}, {"type": "http.response.body"}]

    async def site(scope: Message, receive: Any, send: Any) -> None:
        for message in answer:
            await send(message)

    peer = Peer()
    within(Front(site)(scope(*fields), peer.receive, peer.send))
    assert peer.sent == answer


def test_what_a_path_leads_to_is_each_requests_own() -> None:
    front = Front(_site)
    upload_id = "0123456789abcdef" * 2
    asked = scope() | {"path": f"/files/{upload_id}"}
    for _ in range(2):
        match = front._match(dict(asked))
        assert match is not None
        assert match.kwargs == {"upload_id": upload_id}
        # as middleware does that takes its own parameter away
        match.kwargs.clear()


def test_the_sites_own_parameters_are_looked_up_for_each_request(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    front = Front(_site)
    asked = scope() | {"path": "/of/mary/files/"}
    TENANTS.add("mary")
    assert front._match(dict(asked)) is not None
    TENANTS.clear()
    assert front._match(dict(asked)) is None


PIECES = [b"hello", b"world"]


@pytest.mark.parametrize(
    ("pieces", "length", "sent"),
    [
        pytest.param(PIECES, "10", [(b"hello", True), (b"world", False)], id="of-a-length"),
        pytest.param(
            PIECES, None, [(b"hello", True), (b"world", True), (b"", False)], id="of-none"
        ),
        pytest.param([], "0", [(b"", False)], id="empty"),
        # as when a file became shorter: the server sees that bytes are missing
        pytest.param(PIECES[:1], "10", [(b"hello", True), (b"", False)], id="too-short"),
    ],
)
def test_a_download_ends_once(
    pieces: list[bytes], length: str | None, sent: list[tuple[bytes, bool]]
) -> None:
    response = StreamingHttpResponse(iter(pieces))
    if length is not None:
        response["Content-Length"] = length
    peer = Peer()
    within(Front(_site)._send(response, "GET", peer.send))
    bodies = peer.sent[1:]
    assert [(body["body"], body.get("more_body", False)) for body in bodies] == sent
    assert response.closed


async def _site(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("not the site's")


TENANTS: set[str] = set()


class TenantConverter(StringConverter):
    def to_python(self, value: str) -> str:
        if value not in TENANTS:
            raise ValueError(value)
        return value


register_converter(TenantConverter, "tenant")
urlpatterns = [path("of/<tenant:tenant>/files/", include("tusbridge.urls"))]


@pytest.mark.parametrize("path", ["/files/" + "😀" * 1000, "/no/such" + "😀" * 1000])
def test_a_long_path_is_not_remembered(path: str) -> None:
    before = _resolve.cache_info().currsize
    for number in range(20):
        Front(_site)._match(scope() | {"path": f"{path}{number}"})
    assert _resolve.cache_info().currsize == before


def test_an_unknown_encoding_is_not_remembered() -> None:
    """Python keeps the name of each that it was asked for."""
    before = len(encodings._cache)
    for number in range(20):
        kind = f"text/plain; charset=nope-{number}; a*=nope-{number}'x'%ff; b=c".encode()
        asked = scope((b"content-type", kind))
        tame_content_type(asked)
        ASGIRequest(asked, io.BytesIO())
        assert dict(asked["headers"])[b"content-type"] == b"text/plain; b=c"
    assert len(encodings._cache) == before


@pytest.mark.parametrize(
    "kind",
    [
        b"text/plain; charset=utf-8",
        b'text/plain; charset="Windows-1252"',
        b"text/plain;charset=ISO-8859-1",
        b"multipart/form-data; boundary=----x",
        b"application/offset+octet-stream",
    ],
)
def test_what_content_types_there_are_stays(kind: bytes) -> None:
    asked = scope((b"content-type", kind))
    tame_content_type(asked)
    assert dict(asked["headers"])[b"content-type"] == kind


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_known", [True, False])
def test_an_append_commits_for_those_only_who_may_know_of_it(
    service: UploadService, monkeypatch: Any, is_known: bool
) -> None:
    request = CreateRequest(
        length=10, metadata="", filename="", content_type="", has_body=False, content_length=None
    )
    upload_id = service.create(request, Actor()).upload_id if is_known else "0" * 32
    asked: list[str] = []

    async def flush(self: Any, upload_id: str, seconds: float) -> None:
        asked.append(upload_id)

    monkeypatch.setattr(Drives, "flush", flush)
    front = Front(_site)

    async def head() -> Message:
        peer = Peer()
        with front._drives.beginning(upload_id):
            wanted = scope((b"tus-resumable", b"1.0.0"))
            wanted |= {"method": "HEAD", "path": f"/files/{upload_id}"}
            await front(wanted, peer.receive, peer.send)
        return peer.sent[0]

    status = within(head())["status"]
    assert (status, asked) == ((200, [upload_id]) if is_known else (404, []))


class _Crowded:
    """Threads that are all busy."""

    def __init__(self, front: Front) -> None:
        self._release = threading.Event()
        for _ in range(20):
            front._short.submit(self._release.wait, SECONDS)

    def end(self) -> None:
        self._release.set()


@pytest.mark.django_db(transaction=True)
def test_creations_are_left_out_before_appends_and_told_so(
    service: UploadService, monkeypatch: Any
) -> None:
    monkeypatch.setattr(front_module, "_CREATION_SECONDS", 0.2)
    monkeypatch.setattr(front_module, "_VIEW_SECONDS", 1.0)

    async def ask(front: Front, method: str, path: str) -> tuple[Peer, float]:
        peer = Peer()
        wanted = scope((b"tus-resumable", b"1.0.0"), (b"upload-length", b"5"))
        started = asyncio.get_running_loop().time()
        await front(wanted | {"method": method, "path": path}, peer.receive, peer.send)
        return peer, asyncio.get_running_loop().time() - started

    async def both() -> list[tuple[Peer, float]]:
        front = Front(_site)
        crowd = _Crowded(front)
        try:
            append = asyncio.ensure_future(ask(front, "PATCH", f"/files/{'0' * 32}"))
            first = await ask(front, "POST", "/files/")
            # by now it is known that there is no use in waiting
            second = await ask(front, "POST", "/files/")
            assert not append.done()
            return [first, second, await append]
        finally:
            crowd.end()

    answers = within(both())
    for peer, _ in answers:
        assert peer.sent[0]["status"] == 503
        assert peer.sent[1]["body"].startswith(b"overloaded: ")
        assert 2 <= int(peer.fields[b"retry-after"]) <= 10
    assert answers[1][1] < answers[0][1]
    assert not Upload.objects.exists()
