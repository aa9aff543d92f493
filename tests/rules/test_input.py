"""R16, R20, R25, R26, R30, R31: what clients write into paths, numbers, lists and metadata."""

import base64
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from conformance.client import OFFSET_TYPE, Client, append_fields
from tests.faults.support import client_of
from tests.rules.places import rows, unfinished
from tests.rules.raw import HEAD, exchange, path_of
from tests.support.servers import KINDS, Server, running

ID = "0123456789abcdef0123456789abcdef"

# -- R20: numbers

NUMBERS = {
    "plus": b"+5",
    "minus": b"-5",
    "minus-zero": b"-0",
    "underscore": b"1_0",
    "leading-zero": b"05",
    "hex": b"0x5",
    "fraction": b"5.0",
    "exponent": b"1e1",
    "arabic-digit": b"\xd9\xa5",
    "superscript": b"\xb2",
    "fullwidth-digit": b"\xef\xbc\x95",
    "two": b"5 5",
    "list": b"5,5",
    "empty": b"",
    "word": b"five",
    "2-to-the-63": b"9223372036854775808",
    "20-digits": b"1" * 20,
    "5000-digits": b"9" * 5000,
}


@pytest.mark.parametrize("text", NUMBERS.values(), ids=NUMBERS.keys())
def test_r20_what_is_no_plain_number_is_400(server: Server, client: Client, text: bytes) -> None:
    """In each field that holds one; nothing is made and nothing moves."""
    url = client.create(10)
    deferred = client.create(0, {"Upload-Length": None, "Upload-Defer-Length": "1"})
    before = len(rows(server))
    typed = b"Content-Type: " + OFFSET_TYPE.encode() + b"\r\nContent-Length: 0\r\n"
    for target, fields in (
        (b"POST /files/", b"Upload-Length: " + text),
        (b"POST /files/", b"Upload-Defer-Length: " + text),
        (b"PATCH " + path_of(url), typed + b"Upload-Offset: " + text),
        (
            b"PATCH " + path_of(deferred),
            typed + b"Upload-Offset: 0\r\nUpload-Length: " + text,
        ),
    ):
        start = target + b" HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n" + fields
        assert exchange(server, start + b"\r\n\r\n").statuses == [400], fields
    assert client.offset(url) == 0
    assert client.head(deferred).fields.get("Upload-Defer-Length") == "1"
    assert len(rows(server)) == before


@pytest.mark.parametrize("length", [2**63 - 1, 5 * 2**40 + 1])
def test_r20_a_number_beyond_the_limit_is_413(client: Client, length: int) -> None:
    assert client.post({"Upload-Length": str(length)}).status == 413


# -- R16, R30: lists of parts


@pytest.mark.parametrize(
    "url",
    [
        "/files/{id}/",
        "/files/{id}/..",
        "/files/{id}%00",
        "/files/{id}.lock",
        "/files/{id}?x",
        "/files/{id}#x",
        "/files/{ID}",
        "/files/../../../etc/passwd",
        "file:///files/{id}",
        "ftp://{host}/files/{id}",
        "http://[::1/files/{id}",
        "\\files\\{id}",
        "/files/{id}\x01",
        "\x1f/files/{id}",
        "/files/{id}\x85/files/{id}",
    ],
)
def test_r16_a_part_is_named_exactly_or_not_at_all(
    server: Server, client: Client, url: str
) -> None:
    """However it is written, nothing but the id of a partial upload of this server is taken."""
    part = client.create_complete(b"part", {"Upload-Concat": "partial"})
    part_id = part.rpartition("/")[2]
    host = f"127.0.0.1:{server.port}"
    named = url.format(id=part_id, ID=part_id.upper(), host=host).encode("latin-1")
    before = len(rows(server))
    start = b"POST /files/ HTTP/1.1\r\nHost: " + host.encode() + b"\r\nTus-Resumable: 1.0.0\r\n"
    lists = b"Connection: close\r\nUpload-Concat: final;" + named + b"\r\n\r\n"
    statuses = exchange(server, start + lists).statuses
    assert statuses in ([400], [404]), statuses
    assert len(rows(server)) == before


@pytest.mark.parametrize(
    "url",
    [
        "https://public.example/uploads/{id}",
        "http://tus_bridge:8000/files/{id}",
        "http://{host}:80/files/{id}",
        "/prefix/files/{id}",
        "/files/../../etc/{id}",
        "{id}",
    ],
)
def test_r16_behind_a_proxy_that_rewrites_host_or_prefix_parts_are_found(
    client: Client, url: str
) -> None:
    """The client names its parts by URLs as it sees them, which the server need not know."""
    parts = [client.create_complete(data, {"Upload-Concat": "partial"}) for data in (b"one", b"2")]
    host = client.target.url.split("/")[2]
    listed = " ".join(url.format(id=part.rpartition("/")[2], host=host) for part in parts)
    final = client.location(client.post({"Upload-Concat": f"final;{listed}"}))
    client.expect_content(final, b"one2")
    assert client.head(final).fields.get("Upload-Concat") == f"final;{listed}"


def test_r16_a_list_has_its_bound(client: Client) -> None:
    """What amplifies: the same part over and over."""
    part = client.create_complete(b"x", {"Upload-Concat": "partial"})
    path = path_of(part).decode()
    response = client.send("POST", client.target.url, {"Upload-Concat": "final;" + " /x" * 1001})
    assert response.status in {400, 431}
    final = client.location(client.post({"Upload-Concat": f"final;{' '.join([path] * 150)}"}))
    client.expect_content(final, b"x" * 150)


def test_r16_together_they_keep_to_the_limit(tmp_path: Path) -> None:
    with (
        running("serve", tmp_path, options={"MAX_LENGTH": 10}) as server,
        client_of(server) as client,
    ):
        part = client.create_complete(b"12345", {"Upload-Concat": "partial"})
        path = path_of(part).decode()
        assert client.post({"Upload-Concat": f"final;{path} {path} {path}"}).status == 413
        final = client.location(client.post({"Upload-Concat": f"final;{path} {path}"}))
        client.expect_content(final, b"1234512345")
        assert len(rows(server, "concat = 'final'")) == 1


class Listener:
    """Takes note of whoever connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def was_called(self) -> bool:
        return bool(select.select([self._socket], [], [], 0.5)[0])

    def close(self) -> None:
        self._socket.close()


def test_r30_nothing_that_a_client_names_is_fetched(server: Server, client: Client) -> None:
    """As the URL of a part, in metadata, in fields that tell of pages, proxies and callbacks."""
    with closing(Listener()) as listener:
        there = f"{listener.url}/files/{ID}"
        encoded = base64.b64encode(there.encode()).decode()
        keys = ("url", "location", "callback", "uploadUrl", "filename", "webhook", "redirect")
        metadata = ",".join(f"{key} {encoded}" for key in keys)
        told = {
            **dict.fromkeys(("Referer", "Location", "Content-Location", "Link", "Callback"), there),
            **dict.fromkeys(("X-Forwarded-Host", "X-Original-URL", "Forwarded"), there),
            # a page of another site is refused at once
            "Origin": f"http://127.0.0.1:{server.port}",
            "Upload-Metadata": metadata,
        }
        content = b"never mind"
        url = client.create_complete(content, told)
        client.expect_content(url, content)
        for wanted in (there, f"{there} {there}", f"//{there.partition('//')[2]}"):
            assert client.post({"Upload-Concat": f"final;{wanted}"}).status in {400, 404}
        client.delete(url)
        assert not listener.was_called


# -- R25: side files


@pytest.mark.parametrize(
    "suffix", [".lock", ".json", ".info", ".claim", ".p0", ".part", "/", "%00", "%0a", ".", "~"]
)
def test_r25_side_files_have_no_urls(server: Server, client: Client, suffix: str) -> None:
    """Not to be read, written or deleted, and an upload is none the worse for who tries."""
    url = client.create(10)
    assert client.patch(url, 0, b"hel").status == 204
    assert client.patch(url, 3, b"lo").status == 204
    upload_id = url.rpartition("/")[2]
    kept = sorted((unfinished(server) / upload_id[:2]).glob(f"{upload_id}*"))
    assert [path.suffix for path in kept][-1:] == [".lock"]
    assert len(kept) == 2
    for method in ("GET", "HEAD", "DELETE"):
        assert client.send(method, url + suffix).status == 404
    assert client.patch(url + suffix, 0, b"XXXXX").status == 404
    for folder in (f"{upload_id[:2]}/{upload_id}", f"../files.partial/{upload_id[:2]}/{upload_id}"):
        assert client.send("GET", client.target.url + folder).status == 404
    assert all(path.exists() for path in kept)
    assert client.patch(url, 5, b"world").status == 204
    client.expect_content(url, b"helloworld")


# -- R26: metadata


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("k Zg==,k Zm9v", id="a-key-twice"),
        pytest.param("k Zg", id="no-padding"),
        pytest.param("k Z_-_", id="another-alphabet"),
        pytest.param("k Zg==x", id="behind-the-padding"),
        pytest.param("k Zg== x", id="two-values"),
        pytest.param(",", id="no-key"),
        pytest.param("k,", id="comma-at-the-end"),
        pytest.param("\xe9 Zg==", id="key-not-ascii"),
        pytest.param(",".join(f"k{n}" for n in range(65)), id="65-keys"),
        pytest.param(f"k {'A' * 8192}", id="over-8-kib"),
    ],
)
def test_r26_what_is_no_metadata_is_400(server: Server, client: Client, text: str) -> None:
    before = len(rows(server))
    start = b"POST /files/ HTTP/1.1\r\n" + HEAD + b"Connection: close\r\nUpload-Length: 1\r\n"
    field = b"Upload-Metadata: " + text.encode("latin-1")
    statuses = exchange(server, start + field + b"\r\n\r\n").statuses
    # gunicorn's own bound for one field is 8,190 bytes
    assert statuses == [400] or (statuses == [431] and server.kind == "gunicorn"), statuses
    assert len(rows(server)) == before


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("k", id="no-value"),
        pytest.param("z Zg==,a,M Zm9v", id="order"),
        pytest.param("b /////w==,c AA0KAA==", id="any-bytes"),
        pytest.param(",".join(f"k{n} Zg==" for n in range(64)), id="64-keys"),
        pytest.param(f"k {'QUFB' * 2000}", id="8000-bytes"),
        pytest.param("../../x Zg==,<b>;= Zg==", id="odd-keys"),
    ],
)
def test_r26_metadata_comes_back_as_it_was_sent(client: Client, text: str) -> None:
    url = client.create(1, {"Upload-Metadata": text})
    assert client.head(url).fields.all("Upload-Metadata") == [text]


# -- R31: who the server is

PROXYS_WORD = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "444",
    "X-Forwarded-Server": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Ssl": "on",
    "X-Script-Name": "/evil",
    "X-Host": "evil.example",
    "Forwarded": "host=evil.example;proto=https",
}


@pytest.fixture(scope="module")
def absolute_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Server]]:
    """Gives absolute URLs, believes no proxy, and goes by one name only."""

    with ExitStack() as stack:
        found: dict[str, Server] = {}

        def get(kind: str) -> Server:
            if kind not in found:
                options = {"ABSOLUTE_LOCATION": True, "CORS_ORIGINS": ["http://page.example"]}
                # their own default is to believe whoever connects from this machine
                flags = ("--forwarded-allow-ips", "192.0.2.1")
                place = tmp_path_factory.mktemp(f"absolute-{kind}")
                found[kind] = stack.enter_context(
                    running(kind, place, options=options, flags=flags)
                )
            return found[kind]

        yield get


@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn"])
def test_r31_a_proxys_word_counts_only_where_the_site_says_so(
    absolute_server: Callable[[str], Server], kind: str
) -> None:
    server = absolute_server(kind)
    with client_of(server) as client:
        response = client.post({"Upload-Length": "1", **PROXYS_WORD})
        location = response.fields.get("Location") or ""
        assert location.startswith(f"http://127.0.0.1:{server.port}/files/")
        assert client.head(location, PROXYS_WORD).status == 200
        # nor is a page of the named host, or of the server's own, let in by it
        for origin in ("http://evil.example", f"http://127.0.0.1:{server.port}"):
            answer = client.head(location, {**PROXYS_WORD, "Origin": origin})
            assert "Access-Control-Allow-Origin" not in answer.fields


@pytest.mark.parametrize("kind", KINDS)
def test_r31_location_is_a_path_whatever_host_is_named(
    shared_server: Callable[[str], Server], kind: str
) -> None:
    with client_of(shared_server(kind)) as client:
        response = client.post({"Upload-Length": "1", **PROXYS_WORD})
        assert (response.fields.get("Location") or "").startswith("/files/")


def test_r31_a_name_that_is_not_ours_is_refused_before_anything_is_made(
    shared_server: Callable[[str], Server],
) -> None:
    """On loopback the server goes by this machine's names only: no page gets in under a name of
    its own (DNS rebinding)."""
    server = shared_server("serve")
    with client_of(server) as client:
        before = len(rows(server))
        for host in ("evil.example", "127.0.0.1.evil.example", "a b", "", "[::1", "127.0.0.1@evil"):
            start = f"POST /files/ HTTP/1.1\r\nHost: {host}\r\nTus-Resumable: 1.0.0\r\n"
            fields = "Connection: close\r\nUpload-Length: 1\r\n\r\n"
            assert exchange(server, f"{start}{fields}".encode()).statuses == [400], host
        assert len(rows(server)) == before
        assert client.post({"Upload-Length": "1"}).status == 201


# -- R45: ids


def test_r45_whole_ids_are_not_in_the_log(tmp_path: Path) -> None:
    """Whoever knows the id has the upload, where nobody logs in; logs are read by many."""
    with running("serve", tmp_path, flags=("--log-format", "json")) as server:
        with client_of(server) as client:
            urls = [client.create(10), client.create_complete(b"done")]
            part = client.create_complete(b"part", {"Upload-Concat": "partial"})
            final = client.location(
                client.post({"Upload-Concat": f"final;{path_of(part).decode()}"})
            )
            urls += [part, final]
            for url in urls:
                client.patch(url, 0, b"hello")
                client.patch(url, 3, b"hello", {"Upload-Checksum": "sha1 Zm9v"})
                client.send("GET", url)
                client.send("FOO", url)
            _fail_to_complete(client, server, client.create(5))
            client.delete(urls[0])
        assert "upload-not-completed" in server.log
        assert "upload-terminated" in server.log
        for row in rows(server):
            assert row["upload_id"] not in server.log
            assert row["upload_id"][:8] in server.log


def _fail_to_complete(client: Client, server: Server, url: str) -> None:
    """Something is in the way of the finished file: 503, and it is told why."""
    upload_id = url.rpartition("/")[2]
    in_the_way = server.place / "data" / "files" / "uploads" / upload_id[:2] / upload_id
    in_the_way.mkdir(parents=True)
    (in_the_way / "x").touch()
    response = client.send("PATCH", url, append_fields(0), b"hello")
    assert response.status == 503, response


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_r45_a_download_does_not_tell_where_it_came_from(client: Client, method: str) -> None:
    """No Referer goes from it to other sites; and nothing of it stays with caches of many."""
    url = client.create_complete(b"done")
    response = client.send(method, url, {"Tus-Resumable": None} if method == "GET" else None)
    assert response.status == 200
    cache_control = response.fields.get("Cache-Control") or ""
    assert "private" in cache_control or "no-store" in cache_control
    if method == "GET":
        assert response.fields.get("Referrer-Policy") == "no-referrer"


def test_r45_the_upload_page_does_not_either(shared_server: Callable[[str], Server]) -> None:
    with client_of(shared_server("serve")) as client:
        page = client.target.url.removesuffix("files/")
        response = client.send("GET", page, {"Tus-Resumable": None})
        assert response.fields.get("Referrer-Policy") == "no-referrer"
