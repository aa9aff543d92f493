"""R23, R27, R43: what clients name their files, and say what they are, reaches neither a path nor
a field, and nobody's browser runs it."""

import base64
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from conformance.client import Client
from tests.rules.places import finished, unfinished
from tests.rules.raw import HEAD, path_of
from tests.support.servers import ROOT, Server

CONTENT = b"<script>alert(1)</script><?php echo 1; ?>"
# In names that try to get somewhere else, so that they would be found there.
MARK = "tusbridge-escaped"

NAMES = {
    "row-61-parent-folders": f"../../../{MARK}",
    "row-61-parents-of-windows": f"..\\..\\..\\{MARK}",
    "row-61-from-the-root": f"/tmp/{MARK}",
    "row-61-a-drive": f"C:\\{MARK}.exe",
    "row-61-a-share": f"\\\\127.0.0.1\\c$\\{MARK}",
    "row-61-home": f"~/{MARK}",
    "row-61-percent-encoded": f"%2e%2e%2f%2e%2e%2f{MARK}",
    "row-61-only-dots": "..",
    "row-61-a-folder": f"{MARK}/",
    "row-60-nul": f"{MARK}.png\x00.php",
    "row-60-cr-lf": 'a"\r\nX-Evil: 1\r\nSet-Cookie: evil=1\r\n\r\n<script>alert(1)</script>',
    "row-60-newline": "a\nX-Evil: 1",
    "row-60-carriage-return": "a\rX-Evil: 1",
    "row-60-escapes-of-a-terminal": "a\x1b]0;evil\x07\x1b[31m.txt",
    "row-126-quote": 'a".exe',
    "row-126-quote-and-parameter": '"; filename="evil.exe"; x="',
    "row-126-backslash-and-quote": 'a\\".html',
    "row-126-parameter": "a; filename=evil.exe; filename*=UTF-8''evil.exe",
    "row-126-encoded-word": "=?utf-8?B?ZXZpbC5leGU=?=",
    "row-126-right-to-left-override": "invoice\u202efdp.exe",
    "row-126-isolates-and-marks": "\u2066a\u2069\u200f\u200b\ufeff.txt",
    "row-126-emoji": "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467.png",
    "row-126-line-separators": "a\u2028b\u2029c\u0085d.txt",
    "row-126-lone-surrogate": b"a\xed\xa0\x80b.txt",
    "row-126-not-utf-8": b"\xff\xfe\x80.txt",
    "row-126-overlong-slash": b"..\xc0\xaf..\xc0\xafevil",
    "row-126-255-bytes": "x" * 255,
    "row-126-300-wide-characters": "\u00e9" * 300 + ".txt",
    "row-126-4000-bytes": "y" * 4000 + ".pdf",
    "row-126-long-ending": "a." + "z" * 1000,
    "row-126-a-device": "CON",
    "row-126-a-device-with-an-ending": "aux.txt",
    "row-126-a-stream": "a.txt::$DATA",
    "row-126-leading-dot": ".bashrc",
    "row-126-htaccess": ".htaccess",
    "row-126-web-config": "web.config",
    "row-126-php": "shell.php",
    "row-126-php-behind-an-image": "shell.php.jpg",
    "row-126-html": "index.html",
    "row-126-svg": "logo.svg",
    "row-126-service-worker": "sw.js",
    "row-126-markup": "<img src=x onerror=alert(1)>.html",
    "row-126-template": "{{7*7}}${7*7}%(x)s%n",
    "row-126-shell": "$(id)`id`;id|id&&-rf",
    "row-126-trailing-dots-and-spaces": "evil.exe . . ",
    "row-126-blank": "   ",
    "row-126-empty": "",
}
TYPES = {
    "html": "text/html",
    "html-in-utf-7": "text/html; charset=utf-7",
    "xhtml": "application/xhtml+xml",
    "svg": "image/svg+xml",
    "xml": "text/xml",
    "javascript": "text/javascript",
    "php": "application/x-httpd-php",
    "multipart": "multipart/mixed; boundary=x",
    "http": "message/http",
    "lines": "text/html\r\nX-Evil: 1\r\nSet-Cookie: evil=1\r\n\r\n<script>",
    "nul": "text/html\x00",
    "not-utf-8": b"text/\xff\xfe",
    "long": "text/" + "h" * 4000,
    "none": "no type at all",
}
# Every field that an answer to a download may have; the first lines are the HTTP servers' own.
FIELDS = {
    *("server", "date", "connection", "keep-alive", "transfer-encoding"),
    *("content-type", "content-length", "content-disposition", "content-security-policy"),
    *("etag", "last-modified", "accept-ranges", "cache-control", "referrer-policy", "vary"),
    *("x-content-type-options", "tus-resumable"),
}
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t -~]*)")
_DISPOSITION = re.compile(
    r"""attachment(?:; filename="([^"\\/%]*)"(?:; filename\*=UTF-8''([A-Za-z0-9._~%-]*))?)?"""
)


def encoded(value: str | bytes) -> str:
    """As in Upload-Metadata."""
    return base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()


def metadata_of(name: str | bytes, content_type: str | bytes) -> str:
    """Under every key that any client uses."""
    names = ",".join(f"{key} {encoded(name)}" for key in ("filename", "name", "relativePath"))
    types = ",".join(f"{key} {encoded(content_type)}" for key in ("filetype", "type"))
    return f"{names},{types}" if len(names) + len(types) < 8192 else f"filename {encoded(name)}"


def paths(*folders: Path) -> set[Path]:
    """Everything in these folders."""
    return {path for folder in folders for path in folder.rglob("*")}


@pytest.fixture
def nothing_elsewhere(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is new afterwards lies in the folders of files, by the upload's id."""
    beside = [Path("/"), Path("/tmp"), ROOT, Path.home(), Path.cwd()]
    before = paths(tmp_path_factory.getbasetemp())
    listed = {path: set(path.iterdir()) for path in beside}
    yield
    ours = (finished(server), unfinished(server))
    for path in paths(tmp_path_factory.getbasetemp()) - before:
        is_file = re.fullmatch(r"[0-9a-f]{32}(\.lock)?", path.name) and path.is_file()
        is_folder = (
            re.fullmatch(r"uploads|[0-9a-f]{2}|(files|media)(\.partial)?", path.name)
            and path.is_dir()
        )
        assert any(path.is_relative_to(folder) for folder in ours) or _is_databases(path), path
        assert is_file or is_folder or _is_databases(path), path
    for folder, entries in listed.items():
        assert not [path for path in set(folder.iterdir()) - entries if MARK in path.name]


def _is_databases(path: Path) -> bool:
    return path.name.startswith("db.sqlite3")


@pytest.mark.usefixtures("nothing_elsewhere")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_r23_r26_r27_r43_a_name_is_data(server: Server, client: Client, name: str | bytes) -> None:
    check_is_inert(server, client, name, "text/html")


@pytest.mark.usefixtures("nothing_elsewhere")
@pytest.mark.parametrize("content_type", TYPES.values(), ids=TYPES.keys())
def test_r27_r43_a_type_is_data(server: Server, client: Client, content_type: str | bytes) -> None:
    check_is_inert(server, client, "index.html", content_type)


def check_is_inert(
    server: Server, client: Client, name: str | bytes, content_type: str | bytes
) -> None:
    """Upload, complete, ask for it, and look at every byte of the answers."""
    metadata = metadata_of(name, content_type)
    url = client.create_complete(CONTENT, {"Upload-Metadata": metadata})
    upload_id = url.rpartition("/")[2]
    stored = finished(server) / "uploads" / upload_id[:2] / upload_id
    assert stored.read_bytes() == CONTENT
    assert not stored.stat().st_mode & 0o111, "nothing that is uploaded can be run"

    _, asked = raw_answer(server, b"HEAD", url)
    assert asked["upload-metadata"] == metadata, "told as it was said, byte for byte"

    status, fields = raw_answer(server, b"GET", url)
    assert status == 200
    assert set(fields) <= FIELDS, set(fields) - FIELDS
    check_download(fields, name)
    status, fields = raw_answer(server, b"GET", url, b"Range: bytes=0-0\r\n")
    assert status == 206
    assert set(fields) <= FIELDS | {"content-range"}
    check_download(fields, name)


def check_download(fields: dict[str, str], name: str | bytes) -> None:
    assert fields["content-type"] == "application/octet-stream"
    assert fields["x-content-type-options"] == "nosniff"
    assert "sandbox" in fields["content-security-policy"]
    assert "default-src 'none'" in fields["content-security-policy"]
    assert fields["cache-control"].startswith("private")
    match = _DISPOSITION.fullmatch(fields["content-disposition"])
    assert match, fields["content-disposition"]
    for offered in (match[1] or "", unquote(match[2] or "", errors="strict")):
        assert offered.isprintable()
        assert not set(offered) & set("/\\\u202e\u2066\u2069")
        assert offered == offered.strip(" .")
        assert len(offered) <= 255
    assert len(fields["content-disposition"]) < 4096


def raw_answer(
    server: Server, method: bytes, url: str, lines: bytes = b""
) -> tuple[int, dict[str, str]]:
    """Status and fields by lower-case name; fails on anything that is no field, on one that
    comes twice, and on bytes behind the body."""
    start = method + b" " + path_of(url) + b" HTTP/1.1\r\n" + HEAD + lines
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as wire:
        wire.sendall(start + b"Connection: close\r\n\r\n")
        got = b""
        while data := wire.recv(65536):
            got += data
    head, _, body = got.partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    fields: dict[str, str] = {}
    for line in rest:
        match = _FIELD.fullmatch(line)
        assert match, line
        key = match[1].decode().lower()
        assert key not in fields, line
        fields[key] = match[2].decode()
    expected = CONTENT if method == b"GET" else b""
    assert body == (expected[:1] if lines else expected)
    return int(first.split()[1]), fields
