"""Bodies that something on the site reads besides the view of an upload, and whose bytes are kept.

One site on each server, whose middleware reads in the manner that a request asks for.
"""

import itertools
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import pytest

from tests.faults.support import client_of, wait_for
from tests.legacy.form_client import BOUNDARY, FormClient, form_of
from tests.rules.raw import PATCH_FIELDS, Exchange, exchange, path_of
from tests.site.readers import HARMLESS, LOSING
from tests.support.servers import Server, running

MIDDLEWARE = ("tests.site.readers.reads_as_told",)
CONTENT = b"forty bytes of an upload\nin two lines ..."
# Above DATA_UPLOAD_MAX_MEMORY_SIZE, where Django holds no body.
LONG = bytes(range(256)) * 12_000
# Django's own manner: it is asked by the server's environment, which ASGI has none of.
_WSGI_ONLY = {"input", "input-line"}
KINDS = ("gunicorn", "gunicorn-plain", "uvicorn")
_number = itertools.count()


@pytest.fixture(scope="module", params=KINDS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    place = tmp_path_factory.mktemp(request.param)
    options = {"READ_TIMEOUT": 5, "DURABILITY": "process"}
    with running(request.param, place, options=options, middleware=MIDDLEWARE) as started:
        yield started


def hides(server: Server) -> bool:
    """Whether bodies of uploads are kept from middleware."""
    return server.kind != "gunicorn-plain"


def patch_then_next(server: Server, url: str, fields: bytes, body: bytes) -> Exchange:
    """A PATCH with one more request right behind it on the same connection."""
    head = b"PATCH " + path_of(url) + b" HTTP/1.1\r\n" + PATCH_FIELDS + fields + b"\r\n"
    behind = b"GET /nowhere?secret=%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % next(_number)
    return exchange(server, head + body + behind)


def length_of(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


@pytest.mark.parametrize("manner", HARMLESS)
def test_what_reads_a_body_before_the_view_takes_nothing_from_the_upload(
    server: Server, manner: str
) -> None:
    with client_of(server) as client:
        url = client.create(len(CONTENT))
        fields = b"X-Read: %s\r\n" % manner.encode() + length_of(CONTENT)
        found = patch_then_next(server, url, fields, CONTENT)
        assert found.statuses == [204, 404], found
        assert found.answers[0].fields.get("Upload-Offset") == str(len(CONTENT))
        client.expect_content(url, CONTENT)


@pytest.mark.parametrize("manner", LOSING)
def test_a_body_that_was_thrown_away_is_refused_and_never_made_up(
    server: Server, manner: str
) -> None:
    """Above all, not of what stands behind it on the connection."""
    if server.kind == "uvicorn" and manner in _WSGI_ONLY | {"iterate"}:
        pytest.skip("ASGI has no such stream")
    with client_of(server) as client:
        url = client.create(len(CONTENT))
        fields = b"X-Read: %s\r\n" % manner.encode() + length_of(CONTENT)
        if hides(server) and manner == "iterate":
            pytest.skip("there is no line to be had")
        found = patch_then_next(server, url, fields, CONTENT)
        if hides(server) and manner not in _WSGI_ONLY:
            assert found.statuses == [204, 404], found
            client.expect_content(url, CONTENT)
            return
        assert found.statuses[0] == 500, found
        assert found.answers[0].body.startswith(b"body-already-read:")
        client.expect_offset(url, 0)
    assert "body-already-read" in server.log
    assert MIDDLEWARE[0] in server.log


@pytest.mark.parametrize("manner", ["body", "post", "all", "caught"])
def test_a_body_too_long_to_be_held_is_an_upload_all_the_same(server: Server, manner: str) -> None:
    with client_of(server) as client:
        url = client.create(len(LONG))
        fields = b"X-Read: %s\r\n" % manner.encode() + length_of(LONG)
        found = patch_then_next(server, url, fields, LONG)
        if not hides(server) and manner in {"body", "all"}:
            # Django's answer (RequestDataTooBig); tusbridge.W030 names the middleware
            assert found.statuses[0] == 400
            client.expect_offset(url, 0)
            return
        assert found.statuses == [204, 404], found
        client.expect_content(url, LONG)


@pytest.mark.parametrize("manner", ["body", "post", "peek", "read"])
def test_chunks_are_not_what_django_reads(server: Server, manner: str) -> None:
    """It takes a body without a length for none, and leaves it where it is."""
    with client_of(server) as client:
        url = client.create(len(CONTENT))
        fields = b"X-Read: %s\r\nTransfer-Encoding: chunked\r\n" % manner.encode()
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(CONTENT), CONTENT)
        found = patch_then_next(server, url, fields, body)
        assert found.statuses == [204, 404], found
        client.expect_content(url, CONTENT)


@pytest.mark.parametrize("manner", sorted(_WSGI_ONLY))
def test_chunks_that_were_thrown_away_are_refused(server: Server, manner: str) -> None:
    if server.kind == "uvicorn":
        pytest.skip("ASGI has no such stream")
    with client_of(server) as client:
        url = client.create(len(CONTENT))
        fields = b"X-Read: %s\r\nTransfer-Encoding: chunked\r\n" % manner.encode()
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(CONTENT), CONTENT)
        assert patch_then_next(server, url, fields, body).statuses[0] == 500
        client.expect_offset(url, 0)


@pytest.mark.parametrize("content", [CONTENT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("manner", [*HARMLESS, *LOSING])
def test_what_reads_a_body_behind_the_view_finds_none(
    server: Server, manner: str, content: bytes
) -> None:
    """The bytes are stored, and the answer says so."""
    if manner in _WSGI_ONLY and server.kind == "uvicorn":
        pytest.skip("ASGI has no such stream")
    if manner == "iterate":
        pytest.skip("there is no line to be had")
    with client_of(server) as client:
        url = client.create(len(content))
        fields = b"X-Read-After: %s\r\n" % manner.encode() + length_of(content)
        found = patch_then_next(server, url, fields, content)
        assert found.statuses == [204, 404], found
        client.expect_content(url, content)


@pytest.mark.parametrize("manner", ["body", "all"])
@pytest.mark.parametrize("content", [CONTENT, LONG], ids=["short", "long"])
def test_a_refusal_stays_what_it_is(server: Server, manner: str, content: bytes) -> None:
    with client_of(server) as client:
        url = client.create(2 * len(LONG))
        client.append(url, 0, b"hello")
        fields = b"X-Read-After: %s\r\n" % manner.encode() + length_of(content)
        found = patch_then_next(server, url, fields, content)
        assert found.statuses == [409, 404], found
        assert found.answers[0].fields.get("Upload-Offset") == "5"


def test_a_body_that_breaks_off_is_not_whole_because_middleware_has_it(server: Server) -> None:
    with client_of(server) as client:
        url = client.create(len(CONTENT))
        change = {
            "X-Read": "body",
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
        }
        connection = client.start("PATCH", url, change, length=len(CONTENT))
        connection.send(CONTENT[:9])
        connection.finish_sending()
        wait_for(lambda: client.offset(url) == 9, "what came to be kept")
        assert client.send("GET", url).status == 409


# -- forms


@pytest.fixture
def forms(server: Server) -> FormClient:
    return FormClient(server.url.replace("/files/", "/legacy/"))


def ask(server: Server, body: bytes, more: dict[str, str]) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    fields = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    chunked = "Transfer-Encoding" in more
    with closing(connection):
        connection.request(
            "POST",
            "/legacy/upload/",
            iter([body]) if chunked else body,
            fields | more,
            encode_chunked=chunked,
        )
        with connection.getresponse() as answer:
            return answer.status, answer.read()


@pytest.mark.parametrize("content", [CONTENT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("manner", ["body", "caught", "post", "files", "nothing"])
def test_a_form_that_was_read_before_the_view_is_a_chunk_all_the_same(
    server: Server, forms: FormClient, manner: str, content: bytes
) -> None:
    if manner == "nothing" and server.kind == "uvicorn":
        pytest.skip("a stream that does not count says only that it was asked")
    status, data = ask(server, form_of({}, content), {"X-Read": manner})
    if content is LONG and manner == "body" and not hides(server):
        assert status == 400
        return
    assert status == 200, data
    assert b'"offset": %d' % len(content) in data


@pytest.mark.parametrize("manner", [*HARMLESS, *LOSING])
def test_what_reads_a_form_behind_the_view_changes_nothing(
    server: Server, forms: FormClient, manner: str
) -> None:
    if manner in _WSGI_ONLY and server.kind == "uvicorn":
        pytest.skip("ASGI has no such stream")
    if manner == "iterate":
        pytest.skip("there is no line to be had")
    status, data = ask(server, form_of({}, LONG), {"X-Read-After": manner})
    assert status == 200, data


@pytest.mark.parametrize("manner", ["peek", "read", "line"])
def test_a_form_that_was_thrown_away_is_refused(server: Server, manner: str) -> None:
    status, data = ask(server, form_of({}, CONTENT), {"X-Read": manner})
    assert status == 500
    assert b"has read this request's body already" in data
    assert MIDDLEWARE[0] in server.log


def test_a_form_that_breaks_off_is_not_whole_because_middleware_has_it(
    server: Server, forms: FormClient
) -> None:
    """It ends in the midst of the file, where Django's parser finds nothing amiss."""
    upload_id = forms.chunk(CONTENT, (0, 2 * len(CONTENT))).data["upload_id"]
    for manner in ("post", "body"):
        where = (len(CONTENT), 2 * len(CONTENT))
        more = f"X-Read: {manner}\r\n"
        connection, body = forms.begin(CONTENT, where, upload_id, more)
        with connection:
            connection.sendall(body[: body.index(CONTENT) + len(CONTENT)])
        assert forms.offset(upload_id) == len(CONTENT)


@pytest.mark.parametrize("manner", ["", "body", "post"])
def test_a_form_in_chunks_is_what_django_does_not_read(server: Server, manner: str) -> None:
    more = {"X-Read": manner, "Transfer-Encoding": "chunked"}
    status, data = ask(server, form_of({}, CONTENT), more)
    assert status == 200, data
    assert b'"offset": %d' % len(CONTENT) in data
