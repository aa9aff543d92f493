"""What servers send is taken apart, or told to be none."""

import pytest

from benchmarks.answers import parse_chunk_size, parse_head
from benchmarks.failures import Failed

HEAD = b"HTTP/1.1 204 No Content\r\nUpload-Offset: 5\r\nX-Other: 1\r\n\r\n"


def test_status_fields_and_rest() -> None:
    answer, rest = parse_head(HEAD + b"rest") or pytest.fail("not whole")
    assert (answer.status, answer.fields, rest) == (204, {"upload-offset": "5"}, b"rest")
    assert answer.number("upload-offset") == 5


@pytest.mark.parametrize("cut", range(len(HEAD)))
def test_a_head_in_pieces_is_waited_for(cut: int) -> None:
    assert parse_head(HEAD[:cut]) is None


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (b"UPLOAD-OFFSET:7", "upload-offset", "7"),
        (b"Location:   /a b\t", "location", "/a b"),
        (b"Content-Range: bytes 0-1/2", "content-range", "bytes 0-1/2"),
    ],
)
def test_names_have_any_case_and_values_no_blanks(line: bytes, name: str, value: str) -> None:
    answer, _ = parse_head(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n") or pytest.fail("not whole")
    assert answer.fields == {name: value}


def test_interim_answers_are_passed_over() -> None:
    answer, rest = parse_head(b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD) or pytest.fail("not whole")
    assert (answer.status, rest) == (204, b"")
    assert parse_head(b"HTTP/1.1 100 Continue\r\n\r\n") is None


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1 " * 9999,
    ],
)
def test_what_is_no_http_is_told(data: bytes) -> None:
    with pytest.raises(Failed, match="no HTTP"):
        parse_head(data)


@pytest.mark.parametrize(
    ("first", "line", "closes"),
    [
        (b"HTTP/1.1", b"", False),
        (b"HTTP/1.1", b"Connection: Close\r\n", True),
        (b"HTTP/1.0", b"", True),
        (b"HTTP/1.0", b"Connection: keep-alive\r\n", False),
    ],
)
def test_who_closes(first: bytes, line: bytes, closes: bool) -> None:
    answer, _ = parse_head(first + b" 200 OK\r\n" + line + b"\r\n") or pytest.fail("not whole")
    assert answer.closes is closes


@pytest.mark.parametrize(
    ("method", "status", "line", "length"),
    [
        ("GET", 200, b"Content-Length: 9\r\n", 9),
        ("GET", 200, b"Transfer-Encoding: Chunked\r\n", None),
        ("HEAD", 200, b"Content-Length: 9\r\n", 0),
        ("PATCH", 204, b"", 0),
    ],
)
def test_how_long_a_body_is(method: str, status: int, line: bytes, length: int | None) -> None:
    answer, _ = parse_head(f"HTTP/1.1 {status} A\r\n".encode() + line + b"\r\n") or pytest.fail(
        "not whole"
    )
    assert answer.body_length(method) == length


def test_a_body_without_a_length_is_told() -> None:
    answer, _ = parse_head(b"HTTP/1.1 200 OK\r\n\r\n") or pytest.fail("not whole")
    with pytest.raises(Failed, match="no length"):
        answer.body_length("GET")


@pytest.mark.parametrize("value", ["", "-1", "+5", "5.0", "1_0", "\u0665"])
def test_what_is_no_number_is_told(value: str) -> None:
    data = f"HTTP/1.1 204 A\r\nUpload-Offset: {value}\r\n\r\n".encode()
    answer, _ = parse_head(data) or pytest.fail("not whole")
    with pytest.raises(Failed, match="no number"):
        answer.number("upload-offset")


def test_a_missing_field_is_told() -> None:
    answer, _ = parse_head(b"HTTP/1.1 204 A\r\n\r\n") or pytest.fail("not whole")
    with pytest.raises(Failed, match="204 without Upload-Offset"):
        answer.number("upload-offset")


def test_sizes_of_chunks() -> None:
    assert parse_chunk_size(b"1F;x=y\r\nabc") == (31, b"abc")
    assert parse_chunk_size(b"1F") is None
    assert parse_chunk_size(b"") is None
    with pytest.raises(Failed, match="chunk's size"):
        parse_chunk_size(b"xyz\r\n")
