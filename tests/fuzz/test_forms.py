"""R21: whatever a form's head, a length or a name says, nothing is a 500: by Django's test client,
as a WSGI server calls the site, and before the front.
"""

import io
import os
from collections.abc import Callable
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.hostile import NUMBERS, TEXTS
from tests.support.asgi import ask
from tusbridge.front import Front
from tusbridge.models import Upload

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

EXAMPLES = int(os.environ.get("TUSBRIDGE_FUZZ", "0")) // 4 or 25
ALLOWED_5XX = {503, 507}
PATHS = ("/legacy/upload/", "/legacy/complete/", "/legacy/docs", "/legacy/openapi.json", "/files/")
CHARSETS = (
    *("", "utf-8", "latin-1", "utf-7", "utf-16", "hex", "zip", "idna", "punycode", "undefined"),
    *("unicode_escape", "raw_unicode_escape", "nope", "a\tb", "x" * 2000, "rot13", "mbcs", "=?"),
)
DISPOSITIONS = (
    b'form-data; name="file"; filename="a.bin"',
    b'form-data; name="file"; filename=""',
    b'form-data; name="file"; filename="%s.bin"' % (b"n" * 300),
    b'form-data; name="file"; filename="a\x00b"',
    b'form-data; name="file"; filename="+2AA-"',
    b'form-data; name="file"; filename="\xed\xa0\x80"',
    b'form-data; name="file"; filename="\\ud800"',
    b'form-data; name="file"; filename="&#xd800;&#0;"',
    b'form-data; name="file"; filename="\xf0\x9f\x98\x80 \xe2\x82\xac"',
    b'form-data; name="file"; filename=".."',
    b'form-data; name="file"; filename="a',
    b"form-data; name=file; filename*=nope'x'%ff",
    b"form-data; name=file; filename*=utf-8'x'%ff",
    b"form-data; name=file; filename*=utf-7''+2AA-",
    b"form-data; name=file; filename*=undefined''%ff",
    b"form-data; name=file; filename*=undefined'x'a",
    b"form-data; name=file; filename*=idna''a..b",
    b"form-data; name=file; filename*=''",
    b"form-data; name=file; filename*='",
    b"form-data; name=file; filename*0=a; filename*1=b",
    b"form-data; name*=nope''upload_id",
    b'form-data; name="upload_id"',
    b'form-data; name="md5"',
    b'form-data; name="\xff\x00"',
    b"form-data; name",
    b";;;=;",
    b"",
)
TYPES = (
    b"application/octet-stream",
    b"text/plain; charset=nope",
    b"text/plain; charset*=nope'x'%ff",
    b"multipart/mixed; boundary=x",
    b"\xff/\xff; =",
    b"",
)
ENCODINGS = (b"", b"base64", b"BASE64", b"quoted-printable", b"\xff")
raw = st.binary(max_size=40)


def one_of(values: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    return st.sampled_from(values) | raw


parts = st.tuples(
    one_of(DISPOSITIONS), one_of(TYPES), st.sampled_from(ENCODINGS), one_of((b"0" * 32, b"=", b""))
)
lengths = st.none() | st.sampled_from([number.decode("latin-1") for number in NUMBERS])
ranges = st.none() | st.sampled_from(
    [
        "bytes 0-4/5",
        "bytes 0-4/" + "9" * 5000,
        "bytes " + "0" * 5000 + "-4/5",
        "bytes 4-0/5",
        "bytes \u0663-4/5".encode().decode("latin-1"),
        "",
        *(text.decode("latin-1") for text in TEXTS if len(text) < 1000),
    ]
)


def body_of(made: list[tuple[bytes, bytes, bytes, bytes]]) -> bytes:
    whole = b""
    for disposition, kind, encoding, content in made:
        whole += b"--x\r\nContent-Disposition: " + disposition
        whole += b"\r\nContent-Type: " + kind if kind else b""
        whole += b"\r\nContent-Transfer-Encoding: " + encoding if encoding else b""
        whole += b"\r\n\r\n" + content + b"\r\n"
    return whole + b"--x--\r\n"


def by_client(path: str, fields: dict[str, str], body: bytes) -> int:
    meta = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in fields.items()}
    kind = meta.pop("HTTP_CONTENT_TYPE")
    length: str | None = meta.pop("HTTP_CONTENT_LENGTH", None)
    # the client's own stream raises where a length says more than there is
    if length is not None and not _is_positive(length):
        meta["CONTENT_LENGTH"] = length
    client = Client(raise_request_exception=False)
    return int(client.generic("POST", path, body, kind, **meta).status_code)  # type: ignore[arg-type]


def _is_positive(text: str) -> bool:
    try:
        return int(text) > 0
    except ValueError:
        return False


def by_wsgi(path: str, fields: dict[str, str], body: bytes) -> int:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    for name, value in fields.items():
        key = name.upper().replace("-", "_")
        environ[key if key.startswith("CONTENT_") and "RANGE" not in key else f"HTTP_{key}"] = value
    statuses: list[str] = []
    response = WSGIHandler()(environ, lambda status, headers, *_: statuses.append(status))
    response.close()
    return int(statuses[0].split()[0])


def by_front(path: str, fields: dict[str, str], body: bytes) -> int:
    async def site(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return ask(Front(site), "POST", path, fields, body).status


@pytest.mark.parametrize("send", [by_client, by_wsgi, by_front])
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.sampled_from(PATHS), st.lists(parts, max_size=3), st.sampled_from(CHARSETS), lengths, ranges
)
@example(PATHS[0], [(DISPOSITIONS[11], b"", b"", b"x")], "", None, None)
@example(PATHS[0], [(DISPOSITIONS[0], b"", b"", b"x")], "hex", None, None)
@example(PATHS[0], [(DISPOSITIONS[4], b"", b"", b"x")], "utf-7", None, None)
@example(PATHS[0], [], "", "0" * 5000, None)
@example("/files/", [], "", "0" * 5000, None)
@example(PATHS[2], [], "", None, None)
@example(PATHS[3], [], "", None, None)
def test_r21_no_form_is_a_500(
    send: Callable[[str, dict[str, str], bytes], int],
    path: str,
    made: list[tuple[bytes, bytes, bytes, bytes]],
    charset: str,
    length: str | None,
    where: str | None,
) -> None:
    kind = f"multipart/form-data; boundary=x{f'; charset={charset}' if charset else ''}"
    fields = {"Tus-Resumable": "1.0.0", "Upload-Length": "0", "Content-Type": kind}
    fields |= {} if length is None else {"Content-Length": length}
    fields |= {} if where is None else {"Content-Range": where}
    status = send(path, fields, body_of(made))
    assert status < 500 or status in ALLOWED_5XX


@pytest.mark.parametrize(
    "disposition",
    [
        "form-data; name=file; filename*=nope'x'%ff",
        "form-data; name=file; filename*=undefined''%ff",
        "form-data; name*=nope''%ff; filename=a",
    ],
)
def test_r21_a_head_that_cannot_be_read_is_400_and_leaves_nothing(
    client: Client, disposition: str
) -> None:
    body = body_of([(disposition.encode(), b"", b"", b"hello")])
    kind = "multipart/form-data; boundary=x"
    response = client.generic("POST", "/legacy/upload/", body, kind)
    assert response.status_code == 400
    assert response.json() == {"detail": "The form names a charset that cannot be read."}
    assert not Upload.objects.exists()


@pytest.mark.parametrize("charset", ["hex", "undefined", "idna"])
def test_r21_a_charset_that_is_not_one_of_text_is_400(client: Client, charset: str) -> None:
    body = body_of([(DISPOSITIONS[0], b"", b"", b"hello")])
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    response = client.generic("POST", "/legacy/upload/", body, kind)
    assert response.status_code == 400
    assert not Upload.objects.exists()


@pytest.mark.parametrize("path", ["/files/", "/legacy/upload/", "/legacy/complete/"])
def test_r21_a_length_of_many_zeros_is_400_before_the_front(path: str) -> None:
    fields = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": "5",
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Length": "0" * 5000,
    }
    assert by_front(path, fields, b"") == 400
