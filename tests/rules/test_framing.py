"""R6, R28: where a body ends, and that nobody gets to see it differently.

An answer without Tus-Resumable is the HTTP server's own, given before any application was asked:
granian's and gunicorn's parsers refuse nearly all of these by themselves, uvicorn's most.
"""

from collections.abc import Callable, Iterator

import pytest

from conformance.client import Client
from conformance.wire import Response
from tests.faults.support import client_of, wait_for
from tests.rules.places import rows
from tests.rules.raw import HEAD, PATCH_FIELDS, exchange, path_of
from tests.support.http2 import Http2Request
from tests.support.servers import Server

LENGTH = 20
BOTH = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
BOTH_REVERSED = b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
WHOLE = b"5\r\nhello\r\n0\r\n\r\n"

# The fields that tell the length, and what comes behind the head.
FRAMINGS = {
    "length-and-coding": (BOTH, b"0\r\n\r\n"),
    "coding-and-length": (BOTH_REVERSED, b"0\r\n\r\n"),
    "length-and-coding-with-bytes": (BOTH, WHOLE),
    "two-lengths": (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello"),
    "two-lengths-in-a-list": (b"Content-Length: 5, 6\r\n", b"hello"),
    "space-before-the-colon-of-the-length": (b"Content-Length : 5\r\n", b"hello"),
    "space-before-the-colon-of-the-coding": (b"Transfer-Encoding : chunked\r\n", WHOLE),
    "two-codings": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", WHOLE),
    "bare-carriage-return": (b"X: y\rContent-Length: 5\r\n", b"hello"),
    "nul-in-a-field": (b"X: a\x00b\r\nContent-Length: 5\r\n", b"hello"),
    "no-colon": (b"Content-Length 5\r\n", b"hello"),
    **{
        f"length-{name}": (b"Content-Length: " + text + b"\r\n", b"hello")
        for name, text in {
            "plus": b"+5",
            "minus": b"-5",
            "underscore": b"5_0",
            "hex": b"0x5",
            "two-numbers": b"5 5",
            "arabic-digit": b"\xd9\xa5",
            "fraction": b"5.0",
            "empty": b"",
            "of-thirty-digits": b"9" * 30,
        }.items()
    },
    **{
        f"coding-{name}": (b"Transfer-Encoding: " + text + b"\r\n", WHOLE)
        for name, text in {
            "identity": b"identity",
            "gzip": b"gzip",
            "chunked-then-gzip": b"chunked, gzip",
            "gzip-then-chunked": b"gzip, chunked",
            "chunked-twice": b"chunked, chunked",
            "unknown": b"xchunked",
            "vertical-tab": b"\x0bchunked",
            "parameter": b"chunked;q=1",
            "empty": b"",
            "quoted": b'"chunked"',
        }.items()
    },
    **{
        f"chunk-{name}": (CHUNKED, body)
        for name, body in {
            "plus": b"+5\r\nhello\r\n0\r\n\r\n",
            "minus": b"-5\r\nhello\r\n0\r\n\r\n",
            "hex-prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
            "underscore": b"5_0\r\nhello\r\n0\r\n\r\n",
            "letters": b"zz\r\nhello\r\n0\r\n\r\n",
            "empty": b"\r\nhello\r\n0\r\n\r\n",
            "arabic-digit": b"\xd9\xa5\r\nhello\r\n0\r\n\r\n",
            "bare-newline": b"5\nhello\r\n0\r\n\r\n",
            "newline-in-an-extension": b"5;\nhello\r\n0\r\n\r\n",
            "longer-than-its-size": b"5\r\nhelloXX0\r\n\r\n",
            "without-its-end": b"5\r\nhello0\r\n\r\n",
            "of-more-than-64-bits": b"F" * 17 + b"\r\nhello\r\n0\r\n\r\n",
            "text-behind-the-last": b"5\r\nhello\r\n0\r\nX\r\n\r\n",
        }.items()
    },
}
# hyper, in granian, goes by the coding alone, keeps the length from the application, and closes;
# RFC 9112, 6.1 allows it. So what is asked for is done, and what follows is not read.
_BY_CODING = {"length-and-coding", "coding-and-length", "length-and-coding-with-bytes"}
# gunicorn says 501 to a coding that it does not know (RFC 9112, 6.1).
_UNKNOWN_CODING = {400, 501}
# A chunk of 2**68 bytes is more than the upload takes, or never comes.
_ENDLESS = {400, 413, 503}


@pytest.fixture(scope="module")
def bystanders() -> dict[str, str]:
    """A finished upload on each server."""
    return {}


@pytest.fixture
def bystander(server: Server, client: Client, bystanders: dict[str, str]) -> Iterator[str]:
    """A finished upload that the bytes behind each body would have deleted."""
    if server.kind not in bystanders:
        bystanders[server.kind] = client.create_complete(b"still here")
    yield bystanders[server.kind]
    client.expect_offset(bystanders[server.kind], 10)


@pytest.mark.parametrize("name", FRAMINGS)
def test_r28_whose_end_is_not_certain_ends_the_connection(
    server: Server, client: Client, bystander: str, name: str
) -> None:
    """400 and close: what lies behind the body is not taken for a request."""
    url = client.create(LENGTH)
    fields, body = FRAMINGS[name]
    start = b"PATCH " + path_of(url) + b" HTTP/1.1\r\n" + PATCH_FIELDS + fields + b"\r\n"
    found = exchange(server, start + body + _delete(bystander))
    assert len(found.answers) == 1, found
    assert found.is_closed, found
    offset = client.offset(url)
    if server.kind == "serve" and name in _BY_CODING:
        assert found.statuses == [204]
        assert offset == (5 if body is WHOLE else 0)
        return
    expected = _UNKNOWN_CODING if name.startswith("coding-") else {400}
    expected = _ENDLESS if name == "chunk-of-more-than-64-bits" else expected
    assert found.statuses[0] in expected, found
    # whole chunks before a broken one may count
    assert offset in ({0, 5} if name.startswith("chunk-") else {0})


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"POST"])
def test_r28_whatever_is_asked_for(
    server: Server, client: Client, bystander: str, method: bytes
) -> None:
    """Also where no body is looked at: the next request may be somebody else's."""
    target = path_of(client.create(LENGTH)) if method != b"POST" else b"/files/"
    start = method + b" " + target + b" HTTP/1.1\r\n" + HEAD + b"Upload-Length: 5\r\n" + BOTH
    found = exchange(server, start + b"\r\n0\r\n\r\n" + _delete(bystander))
    assert found.is_closed, found
    assert len(found.answers) == 1, found


def test_r28_the_sites_own_pages_end_it_too(server: Server, client: Client, bystander: str) -> None:
    """The front is around the whole site, and what is smuggled behind its pages would be ours."""
    start = b"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n" + BOTH + b"\r\n0\r\n\r\n"
    found = exchange(server, start + _delete(bystander))
    assert found.is_closed, found
    assert len(found.answers) == 1, found


@pytest.mark.parametrize("name", [b"Content_Length: 5", b"Transfer_Encoding: chunked"])
def test_r28_an_underscore_is_no_hyphen(
    server: Server, client: Client, bystander: str, name: bytes
) -> None:
    """CGI's names for fields make no difference between the two; nothing counts as a body."""
    url = client.create(LENGTH)
    start = b"PATCH " + path_of(url) + b" HTTP/1.1\r\n" + PATCH_FIELDS + name + b"\r\n\r\n"
    found = exchange(server, start + WHOLE)
    assert client.offset(url) == 0
    assert set(found.statuses) <= {204, 400, 412}, found


def _delete(url: str) -> bytes:
    return b"DELETE " + path_of(url) + b" HTTP/1.1\r\n" + HEAD + b"\r\n"


# -- R6: a short body is no whole one


@pytest.mark.parametrize("end", ["fin", "reset"])
def test_r6_a_body_that_lacks_its_last_byte_completes_nothing(
    server: Server, client: Client, end: str
) -> None:
    content = b"0123456789"
    url = client.create(len(content))
    connection = client.start_patch(url, 0, len(content), content[:-1])
    if end == "reset":
        connection.reset()
    else:
        connection.finish_sending()
        wait_for(lambda: client.offset(url) == 9, "what came to be kept")
    assert client.offset(url) in {0, 9}
    assert client.send("GET", url).status == 409
    _go_on(client, url, content)


def test_r6_chunks_without_their_end_complete_nothing(server: Server, client: Client) -> None:
    """All bytes are there, but that it was the end nobody said."""
    content = b"0123456789"
    url = client.create(len(content))
    change = {
        "Transfer-Encoding": "chunked",
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": "0",
    }
    connection = client.start("PATCH", url, change)
    connection.send_chunk(content[:9])
    connection.finish_sending()
    wait_for(lambda: connection.readable(0.1), "an answer, or the end")
    assert client.offset(url) in {0, 9}
    assert client.send("GET", url).status == 409
    _go_on(client, url, content)


def test_r6_a_creation_whose_body_is_short_leaves_nothing(server: Server, client: Client) -> None:
    """The client was never told where it is."""
    change = {
        "Upload-Length": "10",
        "Upload-Metadata": "r6 cjY=",
        "Content-Type": "application/offset+octet-stream",
    }
    connection = client.start("POST", server.url, change, length=10)
    connection.send(b"012345678")
    connection.finish_sending()
    wait_for(lambda: connection.readable(0.1), "an answer, or the end")
    wait_for(lambda: not _left_behind(server), "no row of it left")


APPEND = {
    "tus-resumable": "1.0.0",
    "content-type": "application/offset+octet-stream",
    "upload-offset": "0",
}


@pytest.fixture
def http2(shared_server: Callable[[str], Server]) -> Server:
    """A site behind a server that speaks HTTP/2 too, as proxies do with it."""
    return shared_server("granian")


@pytest.mark.parametrize("pause", [False, True], ids=["at-once", "after-a-while"])
def test_r6_row_040_a_body_over_http_2_needs_no_length(http2: Server, pause: bool) -> None:
    with client_of(http2) as client:
        url = client.create(10)
        with Http2Request(http2.port, "PATCH", _path(url), APPEND, has_body=True) as request:
            if pause:
                # the view runs before anything of the body is there
                wait_for(lambda: _is_leased(http2, url), "the append to begin")
            request.send(b"hello", last=False)
            request.send(b"world", last=True)
            assert request.status() == 204
        client.expect_offset(url, 10)
        client.expect_content(url, b"helloworld")


def test_r6_row_066_no_body_over_http_2_is_none(http2: Server) -> None:
    """Neither is a Content-Type asked for, nor is anything waited for."""
    before = len(rows(http2))
    fields = {"tus-resumable": "1.0.0", "upload-length": "10"}
    with Http2Request(http2.port, "POST", "/files/", fields, has_body=False) as request:
        request.status()
    assert len(rows(http2)) == before + 1
    with client_of(http2) as client:
        url = client.create(10)
        with Http2Request(http2.port, "PATCH", _path(url), APPEND, has_body=False) as request:
            assert request.status() == 204
        client.expect_offset(url, 0)
        with Http2Request(http2.port, "DELETE", _path(url), APPEND, has_body=False) as request:
            assert request.status() == 204
        client.expect_gone(url)


def test_r6_a_body_over_http_2_that_breaks_off_completes_nothing(http2: Server) -> None:
    with client_of(http2) as client:
        url = client.create(10)
        with Http2Request(http2.port, "PATCH", _path(url), APPEND, has_body=True) as request:
            request.send(b"012345678", last=False)
            wait_for(lambda: client.offset(url) == 9, "what came to be kept")
            request.cancel()
            assert client.send("GET", url).status == 409
        _go_on(client, url, b"0123456789")


def _path(url: str) -> str:
    return path_of(url).decode()


def _is_leased(server: Server, url: str) -> bool:
    upload_id = url.rpartition("/")[2]
    return bool(rows(server, "upload_id = ? AND lease_token IS NOT NULL", upload_id))


def _left_behind(server: Server) -> list[str]:
    return [row["upload_id"] for row in rows(server, "metadata = 'r6 cjY='")]


def _go_on(client: Client, url: str, content: bytes) -> None:
    """The upload is none the worse for it, once what came is written."""

    def rest() -> Response | None:
        offset = client.offset(url)
        response = client.patch(url, offset, content[offset:])
        assert response.status in {204, 409, 423}, response
        return response if response.status == 204 else None

    wait_for(rest, "the rest to be taken")
    client.expect_content(url, content)
