"""tus 1.0.0: creations, from fields to request values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.examples import LARGEST, TYPE, b64, facts, status_of, unhurried
from tusbridge import errors
from tusbridge.protocol import tus
from tusbridge.protocol.rules import CreateRequest

# --- creation: length (rows 48 to 52, 69)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        pytest.param("10", 10, id="row-48"),
        pytest.param("0", 0, id="row-51-empty-upload"),
        pytest.param("9223372036854775807", LARGEST, id="row-35-the-largest"),
    ],
)
def test_creation_with_a_length_is_taken(text: str, length: int) -> None:
    assert tus.parse_create({"upload-length": text}) == CreateRequest(
        length=length, metadata="", filename="", content_type="", has_body=False, content_length=0
    )


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="row-49-no-length"),
        pytest.param({"content-length": "0"}, id="row-49-content-length-is-no-length"),
        pytest.param({"upload-metadata": "a YQ=="}, id="row-49-metadata-alone"),
        pytest.param({"upload-length": ""}, id="row-50-empty"),
        pytest.param({"upload-length": "-1"}, id="row-50-negative"),
        pytest.param({"upload-length": "abc"}, id="row-50-letters"),
        pytest.param({"upload-length": "1.5"}, id="row-50-fraction"),
        pytest.param({"upload-length": "1e3"}, id="row-50-exponent"),
        pytest.param({"upload-length": "9" * 30}, id="row-50-30-nines"),
        pytest.param({"upload-length": "9" * 5000}, id="row-50-5000-nines"),
        pytest.param({"upload-length": "9223372036854775808"}, id="row-35-2-to-the-63"),
        pytest.param({"upload-length": "+5"}, id="row-35-plus-sign"),
        pytest.param({"upload-length": "05"}, id="row-35-leading-zero"),
        pytest.param({"upload-length": "\u0665"}, id="row-35-arabic-digit"),
        pytest.param({"upload-length": "5,5"}, id="row-35-sent-twice"),
        pytest.param({"upload-length": "5", "content-length": "abc"}, id="content-length-letters"),
        pytest.param({"upload-length": "5", "content-length": "+5"}, id="content-length-sign"),
        pytest.param({"upload-length": "5", "content-length": "-1"}, id="content-length-negative"),
        pytest.param({"upload-defer-length": "2"}, id="row-68-defer-length-2"),
        pytest.param({"upload-defer-length": "0"}, id="row-68-defer-length-0"),
        pytest.param({"upload-defer-length": ""}, id="row-68-defer-length-empty"),
        pytest.param({"upload-length": "5", "upload-defer-length": "1"}, id="row-69-both-lengths"),
        pytest.param({"upload-length": "5", "upload-concat": "foo"}, id="row-118-unknown-concat"),
        pytest.param({"upload-concat": "final;"}, id="row-118-final-of-nothing"),
        pytest.param(
            {"upload-length": "5", "upload-concat": "final;/files/a"}, id="row-121-final-and-length"
        ),
        pytest.param({"upload-concat": "final"}, id="row-118-final-without-semicolon"),
        pytest.param({"upload-concat": "partial"}, id="row-105-partial-without-length"),
        pytest.param(
            {"upload-concat": "final;/files/a", "upload-defer-length": "1"},
            id="row-121-final-and-deferred-length",
        ),
        pytest.param(
            {"upload-concat": "final;" + "/files/a " * (tus.MAX_PARTS + 1)}, id="R16-too-many-parts"
        ),
        # the field is told by HEAD as it came, and must be one that any server can send
        *(
            pytest.param({"upload-concat": f"final;{urls}"}, id=f"R16-{urls!r}")
            for urls in (
                "/files/a\x1c/files/b",
                "/files/a\x85/files/b",
                "/files/a\xa0/files/b",
                "/files/a\x0b/files/b",
                "\x01/files/a",
                "/files/\xe9",
                "/files/a\x7f",
                "/files/a\r\nX: y",
            )
        ),
    ],
)
def test_creation_with_broken_fields_is_a_400(fields: dict[str, str]) -> None:
    assert status_of(tus.parse_create, fields) == 400


# --- creation: deferred lengths, checksums, parts (rows 67 to 77, 98, 105 to 124)


def test_row_67_a_deferred_length_is_none() -> None:
    assert tus.parse_create({"upload-defer-length": "1"}).length is None


def test_row_98_a_creations_checksum_is_kept_as_written() -> None:
    fields = {
        "upload-length": "1",
        "content-type": TYPE,
        "content-length": "1",
        "upload-checksum": "sha1 hvfkN/qlp/zhXR3cuerq6jd2Z7g=",
    }
    assert tus.parse_create(fields).checksum == "sha1 hvfkN/qlp/zhXR3cuerq6jd2Z7g="


def test_row_105_a_partial_upload_is_created_like_others() -> None:
    request = tus.parse_create({"upload-length": "5", "upload-concat": "partial"})
    assert (request.concat, request.length, request.parts) == ("partial", 5, ())


def test_row_107_a_final_upload_names_its_parts_in_order() -> None:
    field = "final;/files/b http://x/files/a /files/b"
    request = tus.parse_create({"upload-concat": field})
    assert (request.concat, request.length) == ("final", None)
    assert request.parts == ("/files/b", "http://x/files/a", "/files/b")
    assert request.concat_field == field


def test_row_122_a_final_upload_with_a_body_is_a_403() -> None:
    fields = {"upload-concat": "final;/files/a", "content-length": "5", "content-type": TYPE}
    assert status_of(tus.parse_create, fields) == 403


ID = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "url",
    [
        f"/files/{ID}",
        f"http://host.example/files/{ID}",
        f"https://HOST.example/files/{ID}",
        f"http://host.example:80/files/{ID}",
        f"https://host.example:443/files/{ID}",
        pytest.param(f"https://public.example/a/b/c/{ID}", id="a-proxy-rewrites-host-and-prefix"),
        pytest.param(f"http://10.0.0.1:8080/{ID}", id="a-proxy-strips-the-prefix"),
        pytest.param(f"http://tus_bridge:8000/files/{ID}", id="a-host-that-is-no-host-name"),
        pytest.param(f"http://[::1]:8000/files/{ID}", id="ipv6"),
        pytest.param(f"//host.example/files/{ID}", id="no-scheme"),
        pytest.param(f"HTTPS://host.example/files/{ID}", id="scheme-in-capitals"),
        pytest.param(f"/other/{ID}", id="another-path"),
        pytest.param(f"files/{ID}", id="relative"),
        pytest.param(ID, id="the-id-alone"),
    ],
)
def test_row_109_a_part_is_named_by_the_last_segment_of_its_url(url: str) -> None:
    assert tus.parse_upload_url(url) == ID


@pytest.mark.parametrize(
    "url",
    [
        "/files/../../etc/passwd",
        "/files/",
        f"/files/{ID.upper()}",
        f"/files/{ID}/",
        f"/files/{ID}/..",
        f"/files/{ID}?x",
        f"/files/{ID}#x",
        f"/files/?{ID}",
        pytest.param(f"/{'a' * 2048}/{ID}", id="too-long"),
        f"/files/#{ID}",
        f"/files/{ID[:-1]}",
        f"/files/{ID}0",
        f"/files/{ID}.lock",
        f"/files/{ID}%00",
        f"/files/{ID[:-1]}\u0660",
        f"/files/%30{ID[1:]}",
        f"/files\\{ID}",
        f"/files%2f{ID}",
        f"ftp://host.example/files/{ID}",
        f"file:///files/{ID}",
        f"{ID}:{ID}",
        f"http://{ID}",
        f"http://[host/files/{ID}",
        "",
    ],
)
def test_row_120_r16_r30_what_is_no_upload_of_this_server_is_refused(url: str) -> None:
    with pytest.raises(errors.InvalidField):
        tus.parse_upload_url(url)


# --- creation: metadata (rows 53 to 62, section 7.3)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"filename {b64('a.txt')},is_confidential,filetype {b64('t/p')}", id="row-53"),
        pytest.param(f"zeta {b64('1')},alpha {b64('2')}", id="row-53-order-is-the-clients"),
        pytest.param(f"a {b64('1')}, b {b64('2')}", id="row-53-space-behind-the-comma"),
        pytest.param("is_confidential ", id="row-54-key-and-space"),
        pytest.param("is_confidential", id="row-54-key-alone"),
        pytest.param(f"filename {b64(bytes([255, 254, 0, 13, 10]))}", id="row-55-not-utf-8"),
        pytest.param(",".join(f"k{n}" for n in range(64)), id="64-keys"),
    ],
)
def test_metadata_is_kept_as_the_client_wrote_it(text: str) -> None:
    wanted = tus.parse_create({"upload-length": "5", "upload-metadata": text})
    assert wanted.metadata == text
    assert tus.render_head(facts(metadata=wanted.metadata)).fields["Upload-Metadata"] == text


@pytest.mark.parametrize("text", ["", " ", "\t"], ids=["row-59-empty", "space", "tab"])
def test_empty_metadata_is_as_none(text: str) -> None:
    wanted = tus.parse_create({"upload-length": "5", "upload-metadata": text})
    assert wanted == tus.parse_create({"upload-length": "5"})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("k !!!", id="row-56-not-base64"),
        pytest.param("k Zg", id="row-56-missing-padding"),
        pytest.param("k Zg==,k Zg==", id="row-57-duplicate-key"),
        pytest.param(",", id="comma-alone"),
        pytest.param(",".join(f"k{n}" for n in range(65)), id="65-keys"),
        pytest.param("k" * 8193, id="8193-bytes"),
    ],
)
def test_broken_metadata_is_a_400(text: str) -> None:
    assert status_of(tus.parse_create, {"upload-length": "5", "upload-metadata": text}) == 400


@pytest.mark.parametrize(
    ("metadata", "filename", "content_type"),
    [
        pytest.param({}, "", "", id="none"),
        pytest.param({"filename": b"a.txt"}, "a.txt", "", id="7.3-tus-java-client"),
        pytest.param(
            {"filename": b"a.txt", "filetype": b"text/plain"},
            "a.txt",
            "text/plain",
            id="7.3-tuskit",
        ),
        pytest.param(
            {"name": b"b.txt", "type": b"text/css"}, "b.txt", "text/css", id="7.3-uppy-own-keys"
        ),
        pytest.param(
            {"name": b"b", "type": b"t/b", "filename": b"a", "filetype": b"t/a"},
            "a",
            "t/a",
            id="7.3-filename-before-name",
        ),
        pytest.param({"filename": b"", "name": b"b.txt"}, "b.txt", "", id="7.3-empty-is-absent"),
        pytest.param({"relativePath": b"x/y"}, "", "", id="7.3-relative-path-is-no-name"),
        pytest.param({"Filename": b"a.txt"}, "", "", id="keys-are-case-sensitive"),
        pytest.param({"filename": "\U0001f600".encode()}, "\U0001f600", "", id="emoji"),
        pytest.param({"filename": b"x" * 255}, "x" * 255, "", id="255-characters"),
        pytest.param({"filename": b"x" * 1000}, "x" * 255, "", id="1000-characters"),
        pytest.param(
            {"filename": "\U0001f600".encode() * 1000}, "\U0001f600" * 255, "", id="1000-emoji"
        ),
        pytest.param({"filename": b"a\x00b"}, "ab", "", id="row-60-nul"),
        pytest.param({"filename": b"\x00", "name": b"b"}, "b", "", id="row-60-only-nul"),
        pytest.param({"filename": b"a\xff"}, "a\ufffd", "", id="row-55-not-utf-8"),
    ],
)
def test_name_and_type_are_found_under_the_keys_that_clients_use(
    metadata: dict[str, bytes], filename: str, content_type: str
) -> None:
    text = ",".join(f"{key} {b64(value)}" for key, value in metadata.items())
    wanted = tus.parse_create({"upload-length": "5", "upload-metadata": text})
    assert (wanted.filename, wanted.content_type) == (filename, content_type)


@unhurried
@given(st.binary(max_size=3000))
def test_name_from_any_bytes_can_be_stored(value: bytes) -> None:
    text = f"filename {b64(value)},filetype {b64(value)}"
    wanted = tus.parse_create({"upload-length": "5", "upload-metadata": text})
    for name in (wanted.filename, wanted.content_type):
        # a column takes 255 characters of UTF-8, and PostgreSQL no NUL
        assert len(name) <= 255
        assert "\x00" not in name
        assert name.encode("utf-8").decode("utf-8") == name
    assert wanted.metadata == text


# --- creation: body (rows 66, 78 to 84)


@pytest.mark.parametrize(
    ("fields", "has_body", "content_length"),
    [
        pytest.param({}, False, 0, id="row-48-no-length-field"),
        pytest.param({"content-length": ""}, False, 0, id="row-48-empty-length-field"),
        pytest.param({"content-length": "0"}, False, 0, id="row-48-zero"),
        pytest.param(
            {"content-length": "0", "content-type": "application/x-www-form-urlencoded"},
            False,
            0,
            id="row-66-type-of-no-body-is-ignored",
        ),
        pytest.param(
            {"content-length": "0", "content-type": "no type"}, False, 0, id="row-66-broken-type"
        ),
        pytest.param({"content-length": "0", "content-type": TYPE}, False, 0, id="row-78-empty"),
        pytest.param({"content-length": "5", "content-type": TYPE}, True, 5, id="row-78-whole"),
        pytest.param({"content-length": "2", "content-type": TYPE}, True, 2, id="row-79-part"),
        pytest.param(
            {"content-length": "5", "content-type": "Application/Offset+Octet-Stream; x=1"},
            True,
            5,
            id="row-29-type-in-any-case",
        ),
        pytest.param(
            {"transfer-encoding": "chunked", "content-type": TYPE}, True, None, id="row-40-chunked"
        ),
        pytest.param(
            {"transfer-encoding": "chunked", "content-length": "", "content-type": TYPE},
            True,
            None,
            id="row-40-chunked-as-wsgi-shows-it",
        ),
    ],
)
def test_creation_tells_whether_bytes_follow(
    fields: dict[str, str], has_body: bool, content_length: int | None
) -> None:
    wanted = tus.parse_create({"upload-length": "5"} | fields)
    assert (wanted.has_body, wanted.content_length) == (has_body, content_length)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"content-length": "5"}, id="row-83-no-type"),
        pytest.param({"content-length": "5", "content-type": ""}, id="row-83-empty-type"),
        pytest.param({"content-length": "5", "content-type": "text/plain"}, id="row-83-text"),
        pytest.param(
            {"content-length": "5", "content-type": "application/octet-stream"}, id="row-83-octets"
        ),
        pytest.param(
            {"transfer-encoding": "chunked", "content-type": "text/plain"}, id="row-83-chunked"
        ),
    ],
)
def test_creation_with_a_body_of_another_type_is_a_415(fields: dict[str, str]) -> None:
    assert status_of(tus.parse_create, {"upload-length": "5"} | fields) == 415


@pytest.mark.parametrize(
    "coding",
    ["", "gzip", "identity", "gzip, chunked", "chunked, chunked", "chunked;q=1", "\x0bchunked"],
)
@pytest.mark.parametrize("parse", [tus.parse_create, tus.parse_append])
def test_r28_a_body_in_another_coding_is_refused(parse: Any, coding: str) -> None:
    """Some servers hand over what is coded besides, and its bytes would be kept as they came."""
    fields = {
        "upload-length": "5",
        "upload-offset": "0",
        "content-type": TYPE,
        "transfer-encoding": coding,
    }
    with pytest.raises(errors.AmbiguousBody):
        parse(fields)


@pytest.mark.parametrize("coding", ["chunked", "Chunked", " chunked\t"])
def test_r28_chunked_is_chunked_in_any_case(coding: str) -> None:
    assert tus.parse_content_length({"transfer-encoding": coding}) is None


@pytest.mark.parametrize("length", ["5", "0"])
@pytest.mark.parametrize("parse", [tus.parse_create, tus.parse_append])
def test_body_with_two_kinds_of_length_is_refused(parse: Any, length: str) -> None:
    fields = {
        "upload-length": "5",
        "upload-offset": "0",
        "content-type": TYPE,
        "content-length": length,
        "transfer-encoding": "chunked",
    }
    with pytest.raises(errors.AmbiguousBody):
        parse(fields)
    assert status_of(parse, fields) == 400


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        pytest.param({}, 0, id="none"),
        pytest.param({"content-length": ""}, 0, id="empty"),
        pytest.param({"content-length": "0"}, 0, id="zero"),
        pytest.param({"content-length": "9223372036854775807"}, LARGEST, id="the-largest"),
        pytest.param({"transfer-encoding": "chunked"}, None, id="chunked"),
    ],
)
def test_content_length_is_read(fields: dict[str, str], length: int | None) -> None:
    assert tus.parse_content_length(fields) == length
