"""Two users and nobody: what is one's is nothing to the others, by whatever request.

The same requests go through Django's handler and through the ASGI front.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.asgi import get_asgi_application
from django.test import Client

from tests.support import asgi
from tests.support.answers import Answer
from tusbridge.asgi import TusbridgeASGI
from tusbridge.models import Upload

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

CONTENT = b"helloworld"
BYTES = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
# An id that no upload has.
UNKNOWN = "0" * 32

# Every way to do something to an upload: the real method, further fields, the body.
REQUESTS = {
    "head": ("HEAD", {}, b""),
    "get": ("GET", {}, b""),
    "get-a-range": ("GET", {"Range": "bytes=0-3"}, b""),
    "get-if-changed": ("GET", {"If-None-Match": "*"}, b""),
    "patch": ("PATCH", {"Upload-Offset": "0"}, b"abc"),
    "patch-where-it-is": ("PATCH", {"Upload-Offset": "5"}, b"abc"),
    "patch-of-nothing": ("PATCH", {"Upload-Offset": "10"}, b""),
    "patch-without-offset": ("PATCH", {}, b"abc"),
    "patch-of-another-type": ("PATCH", {"Content-Type": "text/plain"}, b"abc"),
    "delete": ("DELETE", {}, b""),
    "override-head": ("GET", {"X-HTTP-Method-Override": "HEAD"}, b""),
    "override-post-head": ("POST", {"X-HTTP-Method-Override": "HEAD"}, b""),
    "override-patch": (
        "POST",
        {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "5"},
        b"abc",
    ),
    "override-put-patch": (
        "PUT",
        {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "5"},
        b"abc",
    ),
    "override-delete": ("POST", {"X-HTTP-Method-Override": "DELETE"}, b""),
    "override-get-delete": ("GET", {"X-HTTP-Method-Override": "DELETE"}, b""),
    "override-post-get": ("POST", {"X-HTTP-Method-Override": "GET"}, b""),
}
# What there is of the upload when somebody else comes.
STATES = {"empty": b"", "begun": b"hello", "complete": CONTENT}


class ByDjango:
    """Requests through Django's own handler."""

    def __call__(self, cookie: str, method: str, url: str, fields: Any, body: bytes) -> Answer:
        client = Client()
        if cookie:
            client.cookies["sessionid"] = cookie
        meta = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in fields.items()}
        kind = meta.pop("HTTP_CONTENT_TYPE", "")
        return Answer.of(client.generic(method, url, body, content_type=kind, **meta))


class ByFront:
    """Requests through the ASGI front."""

    def __init__(self) -> None:
        self._application = TusbridgeASGI(get_asgi_application())

    def __call__(self, cookie: str, method: str, url: str, fields: Any, body: bytes) -> Answer:
        cookies = {"Cookie": f"sessionid={cookie}"} if cookie else {}
        return asgi.ask(self._application, method, url, fields | cookies, body)


@pytest.fixture(params=[ByDjango, ByFront])
def send(request: pytest.FixtureRequest) -> Any:
    """Sends a request as the owner of a session cookie, or as nobody without one."""
    return request.param()


@pytest.fixture(autouse=True)
def defaults(tusbridge_settings: Callable[..., None]) -> None:
    tusbridge_settings(ALLOW_ANONYMOUS=False)


def login(name: str) -> str:
    """The session cookie of a new user."""
    client = Client()
    client.force_login(get_user_model().objects.create(username=name))
    return str(client.cookies["sessionid"].value)


def create(send: Any, cookie: str, content: bytes = b"") -> str:
    """The URL of a new upload of ten bytes, the first of which are there."""
    answer = send(cookie, "POST", "/files/", BYTES | {"Upload-Length": "10"}, content)
    assert answer.status == 201
    return str(answer.fields["Location"])


def everything(media: Path) -> Any:
    """All rows, and all bytes that are kept anywhere."""
    files = {path: path.read_bytes() for path in media.parent.rglob("*") if path.is_file()}
    return list(Upload.objects.order_by("pk").values()), files


def request_as_page(send: Any, cookie: str, name: str, url: str) -> Answer:
    method, fields, body = REQUESTS[name]
    return send(cookie, method, url, BYTES | {"Origin": "http://testserver"} | fields, body)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", REQUESTS)
def test_R40_anothers_upload_is_as_an_unknown_one_and_stays_as_it_is(  # noqa: N802
    send: Any, media: Path, name: str, state: str
) -> None:
    url = create(send, login("one"), STATES[state])
    before = everything(media)
    two = login("two")
    answer = request_as_page(send, two, name, url)
    assert answer.status == 404
    assert answer == request_as_page(send, two, name, f"/files/{UNKNOWN}")
    assert everything(media) == before


@pytest.mark.parametrize("name", REQUESTS)
def test_R40_nobody_is_401_and_changes_nothing(send: Any, media: Path, name: str) -> None:  # noqa: N802
    url = create(send, login("one"), b"hello")
    before = everything(media)
    answer = request_as_page(send, "", name, url)
    assert answer.status == 401
    assert answer == request_as_page(send, "", name, f"/files/{UNKNOWN}")
    assert everything(media) == before


@pytest.mark.parametrize("length", ["10", "0"])
def test_R40_nobody_begins_no_upload(send: Any, media: Path, length: str) -> None:  # noqa: N802
    fields = BYTES | {"Upload-Length": length}
    assert send("", "POST", "/files/", fields, b"").status == 401
    assert everything(media)[0] == []


def test_R40_a_cookie_of_nobodys_is_401(send: Any) -> None:  # noqa: N802
    url = create(send, login("one"))
    assert request_as_page(send, "x" * 32, "head", url).status == 401


def test_R40_one_who_is_locked_out_is_401(send: Any) -> None:  # noqa: N802
    one = login("one")
    url = create(send, one)
    get_user_model().objects.update(is_active=False)
    assert request_as_page(send, one, "head", url).status == 401


def test_the_owner_can_do_all_of_it(send: Any) -> None:
    one = login("one")
    url = create(send, one, b"hello")
    assert request_as_page(send, one, "head", url).fields["Upload-Offset"] == "5"
    assert request_as_page(send, one, "get", url).status == 409
    patch = BYTES | {"Upload-Offset": "5"}
    assert send(one, "PATCH", url, patch, b"world").status == 204
    assert request_as_page(send, one, "get", url).body == CONTENT
    assert request_as_page(send, one, "get-a-range", url).body == b"hell"
    assert request_as_page(send, one, "override-get-delete", url).status == 204
    assert request_as_page(send, one, "head", url).status == 404


class TestCapability:
    """R45: that the id is the secret is a choice, off when users exist."""

    @pytest.fixture(autouse=True)
    def anonymous(self, tusbridge_settings: Callable[..., None], defaults: None) -> None:
        tusbridge_settings(ALLOW_ANONYMOUS=True)

    def test_R45_whoever_knows_the_id_of_nobodys_upload_has_it(self, send: Any) -> None:  # noqa: N802
        url = create(send, "", CONTENT)
        assert request_as_page(send, "", "get", url).body == CONTENT
        assert request_as_page(send, "", "delete", url).status == 204

    @pytest.mark.parametrize("name", REQUESTS)
    def test_R45_nobody_gets_no_users_upload_though_nobody_may_upload(  # noqa: N802
        self, send: Any, media: Path, name: str
    ) -> None:
        url = create(send, login("one"), b"hello")
        before = everything(media)
        assert request_as_page(send, "", name, url).status == 404
        assert everything(media) == before

    def test_R45_a_user_gets_not_what_nobody_uploaded(self, send: Any) -> None:  # noqa: N802
        url = create(send, "")
        assert request_as_page(send, login("one"), "head", url).status == 404

    @pytest.mark.parametrize("name", REQUESTS)
    def test_R45_with_the_choice_taken_back_nobody_gets_nothing(  # noqa: N802
        self, send: Any, tusbridge_settings: Callable[..., None], name: str
    ) -> None:
        url = create(send, "", b"hello")
        tusbridge_settings(ALLOW_ANONYMOUS=False)
        assert request_as_page(send, "", name, url).status == 401

    def test_R45_it_is_off_by_default(self) -> None:  # noqa: N802
        from tusbridge.conf import Options

        assert Options().ALLOW_ANONYMOUS is False

    def test_R45_a_download_tells_no_other_site_its_address(self, send: Any) -> None:  # noqa: N802
        answer = request_as_page(send, "", "get", create(send, "", CONTENT))
        assert answer.fields["Referrer-Policy"] == "no-referrer"


class TestOtherPages:
    """R41 and R42: whose page may do what with a user's cookie."""

    ORIGINS = ("https://a.example", "http://localhost:*", "null")

    @pytest.fixture(autouse=True)
    def origins(self, tusbridge_settings: Callable[..., None], defaults: None) -> None:
        tusbridge_settings(CORS_ORIGINS=self.ORIGINS)

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "http://localhost:3000", "null", "https://testserver"]
    )
    @pytest.mark.parametrize(
        "name", [name for name, (method, fields, _) in REQUESTS.items() if method != "HEAD"]
    )
    def test_R41_a_page_that_is_not_trusted_changes_nothing(  # noqa: N802
        self, send: Any, media: Path, name: str, origin: str
    ) -> None:
        one = login("one")
        url = create(send, one, b"hello")
        before = everything(media)
        method, fields, body = REQUESTS[name]
        answer = send(one, method, url, BYTES | {"Origin": origin} | fields, body)
        assert everything(media) == before
        if method == "GET" and fields.get("X-HTTP-Method-Override") != "DELETE":
            assert "Access-Control-Allow-Credentials" not in answer.fields
        else:
            assert answer.status == 403
            assert answer.body.startswith(b"forbidden: session cookies") or not answer.body

    @pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:3000", "null"])
    def test_R41_a_page_that_is_not_trusted_begins_nothing(self, send: Any, origin: str) -> None:  # noqa: N802
        fields = BYTES | {"Upload-Length": "10", "Origin": origin}
        assert send(login("one"), "POST", "/files/", fields, b"hello").status == 403
        assert not Upload.objects.exists()

    @pytest.mark.parametrize("origin", ["https://a.example", "http://testserver"])
    def test_R41_a_page_that_is_trusted_uploads(self, send: Any, origin: str) -> None:  # noqa: N802
        one = login("one")
        fields = BYTES | {"Upload-Length": "10", "Origin": origin}
        url = send(one, "POST", "/files/", fields, b"hello").fields["Location"]
        patch = BYTES | {"Upload-Offset": "5", "Origin": origin}
        assert send(one, "PATCH", url, patch, b"world").status == 204

    @pytest.mark.parametrize(
        "origins", [(), ("*",), ("http://localhost:*",), ("https://a.example",), ("null", "*")]
    )
    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "http://localhost:3000", "null", "https://a.example"]
    )
    def test_R42_no_cookies_but_for_an_origin_that_is_listed_by_name(  # noqa: N802
        self, tusbridge_settings: Callable[..., None], origins: tuple[str, ...], origin: str
    ) -> None:
        tusbridge_settings(CORS_ORIGINS=origins)
        send = ByDjango()
        url = create(send, login("one"))
        is_named = origin in origins and origin != "null" and "*" not in origins
        for method in ("OPTIONS", "HEAD", "GET", "PATCH", "DELETE"):
            answer = send(login(f"two-{method}"), method, url, BYTES | {"Origin": origin}, b"")
            allowed = answer.fields.get("Access-Control-Allow-Origin")
            assert ("Access-Control-Allow-Credentials" in answer.fields) is is_named
            assert not is_named or allowed == origin
