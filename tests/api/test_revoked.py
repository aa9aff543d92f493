"""An append that is still running when its session ends, its token is revoked, its user locked out.

Each commit asks again here, where it does so after thirty seconds else.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import OperationalError, connections
from django.http import HttpRequest
from django.test import Client
from ninja.security import HttpBearer

from legacy import views
from tests.api.test_tus import TUS, create
from tests.crowd.wire import run
from tusbridge import appending
from tusbridge.afresh import has_run_out
from tusbridge.auth.ninja import NinjaAuthPolicy
from tusbridge.front import Front
from tusbridge.models import Upload
from tusbridge.policy import Actor, Policy

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

BYTES = "application/offset+octet-stream"
SECONDS = 20


@pytest.fixture(autouse=True)
def at_each_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "JUDGE_SECONDS", 0.0)
    monkeypatch.setattr(appending, "COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(views, "JUDGE_SECONDS", 0.0)


class Pieces:
    """A body that comes in pieces; between two of them, something happens."""

    def __init__(self, first: bytes, happens: Callable[[], Any], second: bytes) -> None:
        self.length = len(first) + len(second)
        self._pieces: Iterator[bytes] = self._give(first, happens, second)
        self._left = b""

    def _give(self, first: bytes, happens: Callable[[], Any], second: bytes) -> Iterator[bytes]:
        yield first
        happens()
        yield second

    def read(self, size: int = -1) -> bytes:
        self._left = self._left or next(self._pieces, b"")
        size = len(self._left) if size < 0 else size
        given, self._left = self._left[:size], self._left[size:]
        return given

    readline = read


def send(client: Client, method: str, url: str, body: Pieces, **fields: str) -> Any:
    extra: Any = {
        "wsgi.input": body,
        "CONTENT_LENGTH": str(body.length),
        "CONTENT_TYPE": fields.pop("kind", BYTES),
        **TUS,
        **fields,
    }
    return client.generic(method, url, **extra)


def patch(client: Client, url: str, happens: Callable[[], Any]) -> Any:
    body = Pieces(b"hello", happens, b"world")
    return send(client, "PATCH", url, body, HTTP_UPLOAD_OFFSET="0")


def nothing() -> None:
    """All is as it was."""


def end_sessions() -> None:
    Session.objects.all().delete()


def lock_out() -> None:
    get_user_model().objects.update(is_active=False)


def change_password() -> None:
    get_user_model().objects.update(password="another")


class Bearer(HttpBearer):
    """The token is the user's first name, unless a JSON Web Token says it."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        name = token
        if "." in token:
            claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1]))
            name = claims["sub"] if claims["exp"] > time.time() else ""
        return get_user_model().objects.filter(first_name=name).first() if name else None


class BearerPolicy(NinjaAuthPolicy):
    """As sites with tokens have it."""

    auth = Bearer()


class ClosedPolicy(Policy):
    """Appends are taken until it is closed."""

    is_open = True

    def can_append(self, actor: Actor, upload: Any) -> bool:
        return self.is_open


class TestSessions:
    @pytest.fixture(autouse=True)
    def defaults(self, tusbridge_settings: Callable[..., None]) -> None:
        tusbridge_settings(ALLOW_ANONYMOUS=False)

    @pytest.fixture
    def client(self) -> Client:
        client = Client()
        client.force_login(get_user_model().objects.create(username="one"))
        return client

    @pytest.mark.parametrize("happens", [end_sessions, lock_out, change_password])
    def test_an_append_ends_with_them(self, client: Client, happens: Callable[[], Any]) -> None:
        url = create(client)["Location"]
        assert patch(client, url, happens).status_code == 401
        upload = Upload.objects.get()
        assert upload.offset in {5, 10}
        assert not upload.is_complete
        assert upload.lease_token is None

    def test_so_does_a_creation(self, client: Client) -> None:
        body = Pieces(b"hello", end_sessions, b"world")
        answer = send(client, "POST", "/files/", body, HTTP_UPLOAD_LENGTH="20")
        assert answer.status_code == 401
        assert not Upload.objects.exclude(status=3).exists()

    def test_and_a_chunk_of_a_form(self, client: Client) -> None:
        head = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n"
        )
        for happens, status in ((end_sessions, 403), (nothing, 200)):
            client.force_login(get_user_model().objects.get())
            body = Pieces(head + b"a" * 70_000, happens, b"b" * 70_000 + b"\r\n--x--\r\n")
            kind = "multipart/form-data; boundary=x"
            assert send(client, "POST", "/legacy/upload/", body, kind=kind).status_code == status
            assert Upload.objects.exists() == (status == 200)

    def test_one_of_whom_nothing_has_changed_goes_on(self, client: Client) -> None:
        url = create(client)["Location"]
        assert patch(client, url, nothing).status_code == 204
        assert Upload.objects.get().is_complete

    def test_a_database_that_does_not_answer_ends_nothing(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(**_: object) -> Any:
            raise OperationalError("away")

        url = create(client)["Location"]
        happens = lambda: monkeypatch.setattr(Session.objects, "get", away)  # noqa: E731
        assert patch(client, url, happens).status_code == 204

    def test_the_hook_is_asked_again(
        self,
        client: Client,
        tusbridge_settings: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        tusbridge_settings(POLICY=f"{__name__}.ClosedPolicy")
        url = create(client)["Location"]
        close = lambda: monkeypatch.setattr(ClosedPolicy, "is_open", False)  # noqa: E731
        assert patch(client, url, close).status_code == 403

    def test_between_two_judgements_nothing_is_asked(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(appending, "JUDGE_SECONDS", 30.0)
        url = create(client)["Location"]
        assert patch(client, url, end_sessions).status_code == 204


class TestTokens:
    @pytest.fixture(autouse=True)
    def policy(self, tusbridge_settings: Callable[..., None]) -> None:
        tusbridge_settings(POLICY=f"{__name__}.BearerPolicy", ALLOW_ANONYMOUS=False)
        get_user_model().objects.create(username="one", first_name="key")

    def token(self, seconds: float) -> str:
        claims = json.dumps({"sub": "key", "exp": time.time() + seconds}).encode()
        return f"x.{base64.urlsafe_b64encode(claims).decode()}.x"

    def revoke(self) -> None:
        get_user_model().objects.update(first_name="another")

    @pytest.mark.parametrize("token", ["key", None], ids=["opaque", "jwt"])
    def test_an_append_ends_with_its_token(self, token: str | None) -> None:
        client = Client(headers={"Authorization": f"Bearer {token or self.token(60)}"})
        url = create(client)["Location"]
        assert patch(client, url, self.revoke).status_code == 401

    def test_a_web_token_that_runs_out_was_not_revoked(self) -> None:
        client = Client(headers={"Authorization": f"Bearer {self.token(1.0)}"})
        url = create(client)["Location"]
        assert patch(client, url, lambda: time.sleep(1.1)).status_code == 204

    def test_but_its_user_may_be_locked_out(self) -> None:
        client = Client(headers={"Authorization": f"Bearer {self.token(1.0)}"})
        url = create(client)["Location"]

        def happens() -> None:
            time.sleep(1.1)
            lock_out()

        assert patch(client, url, happens).status_code == 401


@pytest.mark.parametrize(
    "token", ["", "x", "a.b", "a.b.c", "a.W10.c", "a.e30.c", "a.eyJleHAiOiAieCJ9.c", "a.\x7f.c"]
)
def test_what_is_no_web_token_has_not_run_out(token: str) -> None:
    request = HttpRequest()
    request.META["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    assert not has_run_out(request)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("happens", "status"), [(end_sessions, 401), (nothing, 204)])
def test_the_front_asks_too(
    tusbridge_settings: Callable[..., None], happens: Callable[[], Any], status: int
) -> None:
    tusbridge_settings(ALLOW_ANONYMOUS=False)
    client = Client()
    client.force_login(get_user_model().objects.create(username="one"))
    piece = bytes(100_000)
    url = client.generic("POST", "/files/", HTTP_UPLOAD_LENGTH="200000", **TUS)["Location"]
    fields = {
        "host": "testserver",
        "content-type": BYTES,
        "content-length": "200000",
        "cookie": f"sessionid={client.cookies['sessionid'].value}",
        "tus-resumable": "1.0.0",
        "upload-offset": "0",
    }
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "PATCH",
        "scheme": "http",
        "path": url,
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        if not came:
            came.append(piece)
            return {"type": "http.request", "body": piece, "more_body": True}
        while not (await sync_to_async(tidily)(Upload.objects.get)).offset:
            await asyncio.sleep(0.01)
        await sync_to_async(tidily)(happens)
        return {"type": "http.request", "body": piece, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def ask() -> None:
        await asyncio.wait_for(Front(_site)(scope, receive, send), SECONDS)

    came: list[bytes] = []
    run(ask())
    assert sent[0]["status"] == status


def tidily(work: Callable[[], Any]) -> Any:
    """In a thread that goes on: its connection would keep the database of the tests open."""
    try:
        return work()
    finally:
        connections.close_all()


async def _site(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("uploads are the front's")
