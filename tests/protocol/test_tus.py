"""tus 1.0.0: fields to request values, results and errors to answers."""

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tusbridge import errors
from tusbridge.protocol import tus
from tusbridge.protocol.rules import (
    AppendRequest,
    CreateRequest,
    Limits,
)

TYPE = "application/offset+octet-stream"
EXPIRES = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
EXPIRES_TEXT = "Wed, 06 May 2026 07:08:09 GMT"
LARGEST = 2**63 - 1
# Busy machines draw slowly; what is looked for here is wrong answers.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def b64(text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode("utf-8")
    return base64.b64encode(raw).decode("ascii")


def facts(
    offset: int = 5,
    length: int | None = 10,
    metadata: str = "",
    expires_at: datetime | None = None,
) -> tus.UploadFacts:
    return tus.UploadFacts(offset=offset, length=length, metadata=metadata, expires_at=expires_at)


def status_of(parse: Any, fields: Mapping[str, str]) -> int:
    """The status that a refused request is answered with."""
    with pytest.raises(errors.UploadError) as caught:
        parse(fields)
    return tus.render_error(caught.value, "POST").status


# --- version (rows 2 to 9)


def test_the_version_is_1_0_0() -> None:
    assert tus.VERSION == "1.0.0"


def test_request_in_this_version_passes() -> None:
    tus.check_version({"tus-resumable": "1.0.0"})


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="row-3-missing"),
        pytest.param({"tus-resumable": ""}, id="row-3-empty"),
        pytest.param({"tus-resumable": "0.2.2"}, id="row-2-older"),
        pytest.param({"tus-resumable": "0.0.1"}, id="row-2-oldest"),
        pytest.param({"tus-resumable": "1.0.1"}, id="row-2-newer"),
        pytest.param({"tus-resumable": "1.0"}, id="row-2-short"),
        pytest.param({"tus-resumable": "1"}, id="row-2-major-alone"),
        pytest.param({"tus-resumable": "v1.0.0"}, id="row-2-prefixed"),
        pytest.param({"tus-resumable": "01.0.0"}, id="row-2-leading-zero"),
        pytest.param({"tus-resumable": "1.0.0\n"}, id="row-2-newline"),
        pytest.param({"tus-resumable": "1.0.0,1.0.0"}, id="row-2-sent-twice"),
        pytest.param({"tus-resumable": "\u0661.0.0"}, id="row-2-arabic-digit"),
        pytest.param({"tus-resumable": "1" * 5000}, id="row-2-5000-digits"),
    ],
)
def test_request_in_another_version_is_refused_with_412(fields: dict[str, str]) -> None:
    with pytest.raises(errors.UnsupportedVersion) as caught:
        tus.check_version(fields)
    answer = tus.render_error(caught.value, "POST")
    assert answer.status == 412
    assert answer.fields["Tus-Version"] == "1.0.0"


# --- method override (rows 13 to 16)


@pytest.mark.parametrize(
    ("method", "override", "effective"),
    [
        pytest.param("POST", None, "POST", id="none"),
        pytest.param("POST", "PATCH", "PATCH", id="row-13-post-as-patch"),
        pytest.param("POST", "DELETE", "DELETE", id="row-14-post-as-delete"),
        pytest.param("GET", "HEAD", "HEAD", id="row-15-get-as-head"),
        pytest.param("PUT", "PATCH", "PATCH", id="row-15-put-as-patch"),
        pytest.param("PATCH", "POST", "POST", id="row-15-patch-as-post"),
        pytest.param("POST", "FOO", "FOO", id="row-16-unknown-is-kept"),
        pytest.param("POST", "patch", "PATCH", id="row-16-lower-case"),
        pytest.param("POST", "Patch", "PATCH", id="row-16-mixed-case"),
        pytest.param("POST", " PATCH ", "PATCH", id="row-16-blanks-around"),
        pytest.param("POST", "", "POST", id="row-16-empty"),
        pytest.param("POST", " ", "POST", id="row-16-a-blank"),
    ],
)
def test_override_replaces_the_method(method: str, override: str | None, effective: str) -> None:
    fields = {} if override is None else {"x-http-method-override": override}
    assert tus.effective_method(method, fields) == effective


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
    ],
)
@pytest.mark.parametrize("path", ["/files/", "/files"])
def test_row_109_a_part_is_named_absolutely_or_by_path(url: str, path: str) -> None:
    assert tus.parse_upload_url(url, path, "host.example") == ID


@pytest.mark.parametrize(
    "url",
    [
        ID,
        f"files/{ID}",
        f"/other/{ID}",
        f"/files/../files/{ID}",
        "/files/../../etc/passwd",
        "/files/",
        f"/files/{ID.upper()}",
        f"/files/{ID}/",
        f"/files/{ID}?x",
        f"/files/{ID}#x",
        f"/files/{ID[:-1]}\u0660",
        f"/files/%30{ID[1:]}",
        f"//host.example/files/{ID}",
        f"http://other.example/files/{ID}",
        f"http://host.example:8080/files/{ID}",
        f"http://user@host.example/files/{ID}",
        f"http:///files/{ID}",
        f"ftp://host.example/files/{ID}",
        f"file:///files/{ID}",
        f"http://[host/files/{ID}",
        f"http://host.example:80:80/files/{ID}",
        f"http://host.example:8080:80/files/{ID}",
        f"http://host.example:/files/{ID}",
    ],
)
def test_row_120_r16_r30_what_is_no_upload_of_this_server_is_refused(url: str) -> None:
    with pytest.raises(errors.InvalidField):
        tus.parse_upload_url(url, "/files/", "host.example")


def test_row_107_a_part_is_found_on_a_port_of_its_own() -> None:
    url = f"http://127.0.0.1:8000/files/{ID}"
    assert tus.parse_upload_url(url, "/files/", "127.0.0.1:8000") == ID


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


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000", "host.example", "[::1]"])
def test_row_107_a_part_is_found_by_the_servers_own_name(host: str) -> None:
    assert tus.parse_upload_url(f"http://{host}/files/{ID}", "/files/", host) == ID
    wrong = f"http://{host}:80/files/{ID}"
    if "8000" in host:
        with pytest.raises(errors.InvalidField):
            tus.parse_upload_url(wrong, "/files/", host)
    else:
        assert tus.parse_upload_url(wrong, "/files/", host) == ID


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


# --- PATCH (rows 25 to 40, 69 to 77, 124)


def patch(**fields: str) -> dict[str, str]:
    """A valid PATCH of five bytes at 0, with some fields replaced or added."""
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    return {"content-type": TYPE, "upload-offset": "0", "content-length": "5"} | given


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        pytest.param(patch(), (0, 5, None), id="row-25"),
        pytest.param(patch(upload_offset="5"), (5, 5, None), id="row-26"),
        pytest.param(
            patch(content_type="Application/Offset+Octet-Stream; x=1"), (0, 5, None), id="row-29"
        ),
        pytest.param(
            patch(upload_offset="9223372036854775807"), (LARGEST, 5, None), id="row-35-the-largest"
        ),
        pytest.param(patch(content_length="0"), (0, 0, None), id="row-38-empty-body"),
        pytest.param(patch(content_length=""), (0, 0, None), id="row-38-no-content-length"),
        pytest.param(
            patch(content_length="", transfer_encoding="chunked"), (0, None, None), id="row-40"
        ),
        pytest.param(patch(upload_length="10"), (0, 5, 10), id="row-71-declares-the-length"),
        pytest.param(patch(upload_length="0"), (0, 5, 0), id="row-71-declares-zero"),
        pytest.param(patch(upload_concat="partial"), (0, 5, None), id="row-124-concat-is-ignored"),
        pytest.param(patch(upload_metadata="k !!!"), (0, 5, None), id="metadata-is-for-creations"),
    ],
)
def test_patch_is_read(fields: dict[str, str], wanted: tuple[int, int | None, int | None]) -> None:
    offset, content_length, length = wanted
    assert tus.parse_append(fields) == AppendRequest(
        offset=offset, content_length=content_length, length=length
    )


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("text/plain", id="row-27-text"),
        pytest.param("", id="row-28-empty"),
        pytest.param(None, id="row-28-none"),
        pytest.param("application/octet-stream", id="row-27-octets"),
        pytest.param("application/offset", id="row-27-half"),
        pytest.param(f"{TYPE}x", id="row-27-longer"),
        pytest.param(f"{TYPE}, {TYPE}", id="row-27-twice"),
        pytest.param("no type", id="row-27-broken"),
        pytest.param("application/offset+octet-strea\u212f", id="row-27-look-alike"),
        pytest.param("multipart/form-data; boundary=x", id="row-27-form"),
    ],
)
def test_patch_of_another_type_is_a_415(content_type: str | None) -> None:
    fields = patch()
    if content_type is None:
        del fields["content-type"]
    else:
        fields["content-type"] = content_type
    assert status_of(tus.parse_append, fields) == 415


@pytest.mark.parametrize("name", ["upload-offset", "upload-length", "content-length"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("-1", id="row-34-negative"),
        pytest.param("abc", id="row-34-letters"),
        pytest.param("1.5", id="row-34-fraction"),
        pytest.param("+0", id="row-35-plus-sign"),
        pytest.param("00", id="row-35-leading-zero"),
        pytest.param("\u0660", id="row-35-arabic-digit"),
        pytest.param("9" * 30, id="row-35-30-digits"),
        pytest.param("9" * 5000, id="row-35-5000-digits"),
        pytest.param("9223372036854775808", id="row-35-2-to-the-63"),
        pytest.param("0,0", id="row-35-sent-twice"),
    ],
)
def test_patch_with_a_broken_number_is_a_400(name: str, text: str) -> None:
    assert status_of(tus.parse_append, patch() | {name: text}) == 400


@pytest.mark.parametrize("name", ["upload-offset", "upload-length"])
def test_patch_with_an_empty_number_is_a_400(name: str) -> None:
    assert status_of(tus.parse_append, patch() | {name: ""}) == 400


def test_patch_without_an_offset_is_a_400() -> None:
    fields = patch()
    del fields["upload-offset"]
    assert status_of(tus.parse_append, fields) == 400


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param(patch(content_type="a/b", upload_offset="x"), 415, id="type-before-offset"),
        pytest.param(patch(content_type="", upload_length="x"), 415, id="type-before-length"),
        pytest.param({"content-length": "5"}, 415, id="missing-type-before-missing-offset"),
        pytest.param(
            patch(content_type="a/b", upload_checksum="rot13 YQ=="), 415, id="type-before-checksum"
        ),
        pytest.param(
            patch(upload_offset="x", upload_checksum="rot13 YQ=="), 400, id="offset-before-checksum"
        ),
    ],
)
def test_patch_is_judged_in_the_order_of_the_rules(fields: dict[str, str], status: int) -> None:
    assert status_of(tus.parse_append, fields) == status


def test_malformed_offset_is_named_before_an_unknown_checksum() -> None:
    with pytest.raises(errors.InvalidField) as caught:
        tus.parse_append(patch(upload_offset="x", upload_checksum="rot13 YQ=="))
    assert caught.value.name == "Upload-Offset"


@pytest.mark.parametrize(
    ("trailer", "has_trailers", "follows"),
    [
        ("Upload-Checksum", True, True),
        ("x, upload-checksum ,y", True, True),
        ("Upload-Checksum", False, False),
        ("Upload-Checksums", True, False),
    ],
)
def test_row_99_a_checksum_may_follow_where_trailers_are_handed_over(
    trailer: str, has_trailers: bool, follows: bool
) -> None:
    fields = patch(trailer=trailer)
    assert tus.parse_append(fields, has_trailers=has_trailers).checksum_follows is follows
    created = {"upload-length": "5", "trailer": trailer}
    assert tus.parse_create(created, has_trailers=has_trailers).checksum_follows is follows


def test_a_checksum_before_the_body_needs_none_behind_it() -> None:
    fields = patch(trailer="Upload-Checksum", upload_checksum="sha1 YQ==")
    assert not tus.parse_append(fields, has_trailers=True).checksum_follows


def test_patch_carries_its_checksum_as_written() -> None:
    written = "sha1 hvfkN/qlp/zhXR3cuerq6jd2Z7g="
    assert tus.parse_append(patch(upload_checksum=written)).checksum == written
    assert tus.parse_append(patch()).checksum is None


field_names = st.sampled_from(
    [
        "tus-resumable",
        "upload-offset",
        "upload-length",
        "upload-metadata",
        "upload-defer-length",
        "upload-concat",
        "upload-checksum",
        "content-type",
        "content-length",
        "transfer-encoding",
    ]
)
field_values = (
    st.sampled_from(["", "0", "5", "1", TYPE, "partial", "chunked", "filename YQ==", "1.0.0"])
    | st.text()
)


@unhurried
@given(st.dictionaries(field_names, field_values))
def test_any_fields_are_a_request_or_an_upload_error_of_the_client(fields: dict[str, str]) -> None:
    statuses = []
    for parse in (tus.check_version, tus.parse_create, tus.parse_append, tus.parse_content_length):
        try:
            parse(fields)
        except errors.UploadError as error:
            statuses.append(tus.render_error(error, "POST").status)
    assert all(400 <= status < 500 for status in statuses)


# --- answers


def test_options_tell_what_the_server_offers() -> None:
    answer = tus.render_options(Limits(max_length=1_048_576))
    assert answer.status == 200
    assert answer.body == ""
    assert answer.fields["Tus-Version"] == "1.0.0"
    assert answer.fields["Tus-Max-Size"] == "1048576"
    offered = answer.fields["Tus-Extension"].split(",")
    assert offered == [*tus.EXTENSIONS, *tus.CONCAT_EXTENSIONS]
    assert answer.fields["Tus-Checksum-Algorithm"] == "sha1,md5,sha256,sha512,crc32"


def test_concatenation_is_offered_only_where_the_store_can_do_it() -> None:
    answer = tus.render_options(Limits(max_length=5), can_concat=False)
    assert answer.fields["Tus-Extension"].split(",") == list(tus.EXTENSIONS)


def test_row_100_trailers_are_offered_only_where_they_are_handed_over() -> None:
    for has_trailers in (True, False):
        answer = tus.render_options(Limits(max_length=5), has_trailers=has_trailers)
        offered = answer.fields["Tus-Extension"].split(",")
        assert ("checksum-trailer" in offered) is has_trailers


@pytest.mark.parametrize("limit", [0, 5 * 2**40, LARGEST])
def test_options_tell_the_limit_as_a_plain_integer(limit: int) -> None:
    assert tus.render_options(Limits(max_length=limit)).fields["Tus-Max-Size"] == str(limit)


def test_announced_extensions_are_those_of_the_protocol_and_follow_from_each_other() -> None:
    known = {
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "termination",
        "checksum",
        "checksum-trailer",
        "concatenation",
        "concatenation-unfinished",
    }
    offered = tus.EXTENSIONS + tus.CONCAT_EXTENSIONS
    announced = set(offered)
    assert announced <= known
    assert len(announced) == len(offered)
    assert "creation" in announced or "creation-with-upload" not in announced
    assert "checksum" in announced or "checksum-trailer" not in announced
    assert "concatenation" in announced or "concatenation-unfinished" not in announced


def test_row_67_head_of_a_deferred_upload_says_so() -> None:
    fields = tus.render_head(facts(3, length=None)).fields
    assert fields["Upload-Defer-Length"] == "1"
    assert "Upload-Length" not in fields
    assert "Upload-Defer-Length" not in tus.render_head(facts(3)).fields


@pytest.mark.parametrize(("length", "told"), [(None, None), (12, "12")])
def test_row_125_head_of_a_waiting_final_has_no_offset(
    length: int | None, told: str | None
) -> None:
    concat = "final;/files/a /files/b"
    waiting = tus.UploadFacts(
        offset=None, length=length, metadata="", expires_at=None, concat=concat
    )
    fields = tus.render_head(waiting).fields
    assert "Upload-Offset" not in fields
    assert "Upload-Defer-Length" not in fields
    assert fields.get("Upload-Length") == told
    assert fields["Upload-Concat"] == concat


def test_created_upload_has_a_location_and_nothing_else() -> None:
    answer = tus.render_created(facts(0), "/files/a", with_offset=False)
    assert answer == tus.Answer(status=201, fields={"Location": "/files/a"}, body="")


def test_creation_with_a_body_tells_its_offset() -> None:
    answer = tus.render_created(facts(7, expires_at=EXPIRES), "/files/a", with_offset=True)
    assert answer.status == 201
    assert answer.fields == {
        "Location": "/files/a",
        "Upload-Offset": "7",
        "Upload-Expires": EXPIRES_TEXT,
    }


def test_created_upload_tells_when_it_expires() -> None:
    answer = tus.render_created(facts(0, expires_at=EXPIRES), "/files/a", with_offset=False)
    assert answer.fields["Upload-Expires"] == EXPIRES_TEXT


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        pytest.param(EXPIRES, {"Upload-Offset": "5", "Upload-Expires": EXPIRES_TEXT}, id="row-87"),
        pytest.param(None, {"Upload-Offset": "5"}, id="row-25"),
    ],
)
def test_append_is_answered_with_the_new_offset(
    expires_at: datetime | None, expected: dict[str, str]
) -> None:
    answer = tus.render_appended(facts(5, expires_at=expires_at))
    assert answer == tus.Answer(status=204, fields=expected, body="")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(facts(0), {"Upload-Offset": "0", "Upload-Length": "10"}, id="row-17-new"),
        pytest.param(
            facts(10), {"Upload-Offset": "10", "Upload-Length": "10"}, id="row-18-complete"
        ),
        pytest.param(
            facts(0, 0), {"Upload-Offset": "0", "Upload-Length": "0"}, id="row-51-empty-upload"
        ),
        pytest.param(
            facts(LARGEST, LARGEST),
            {"Upload-Offset": str(LARGEST), "Upload-Length": str(LARGEST)},
            id="row-19-the-largest",
        ),
        pytest.param(
            facts(metadata="k YQ==,l"),
            {"Upload-Offset": "5", "Upload-Length": "10", "Upload-Metadata": "k YQ==,l"},
            id="row-53-metadata",
        ),
        pytest.param(
            facts(expires_at=EXPIRES),
            {"Upload-Offset": "5", "Upload-Length": "10", "Upload-Expires": EXPIRES_TEXT},
            id="row-88-expires",
        ),
    ],
)
def test_head_tells_the_state(state: tus.UploadFacts, expected: dict[str, str]) -> None:
    answer = tus.render_head(state)
    assert answer.status == 200
    assert answer.body == ""
    assert answer.fields == expected | {"Cache-Control": "no-store"}


def test_head_of_a_deferred_length_has_no_length() -> None:
    assert "Upload-Length" not in tus.render_head(facts(5, None)).fields


def test_head_never_has_a_content_length_of_the_upload() -> None:
    assert "Content-Length" not in tus.render_head(facts()).fields


def test_termination_is_answered_with_nothing() -> None:
    assert tus.render_terminated() == tus.Answer(status=204, fields={}, body="")


# --- errors

EXAMPLES: list[tuple[errors.UploadError, int]] = [
    (errors.InvalidField("Upload-Offset", "is missing"), 400),
    (errors.AmbiguousBody(), 400),
    (errors.BodyIncomplete(), 400),
    (errors.LengthConflict(10, 11), 400),
    (errors.NotSupported("Upload-Checksum"), 400),
    (errors.Unauthenticated(), 401),
    (errors.Forbidden(), 403),
    (errors.FinalUpload(), 403),
    (errors.PartialUpload(), 403),
    (errors.AlreadyAttached(), 409),
    (errors.AlreadyComplete(), 409),
    (errors.ChecksumMismatch("sha1"), 460),
    (errors.UploadNotFound(), 404),
    (errors.MethodNotAllowed(tus.UPLOAD_METHODS), 405),
    (errors.OffsetMismatch(5, 7), 409),
    (errors.UploadIncomplete(5, 10), 409),
    (errors.UploadGone(), 410),
    (errors.LengthRequired(), 411),
    (errors.UnsupportedVersion("1.0.0"), 412),
    (errors.TooLarge(10), 413),
    (errors.QuotaExceeded(100, 95, 10), 413),
    (errors.UnsupportedMediaType(TYPE), 415),
    (errors.RangeNotSatisfiable(10), 416),
    (errors.UploadBusy(), 423),
    (errors.LeaseLost(), 423),
    (errors.TooManyUploads(3), 429),
    (errors.TooManyCreations(5, 42), 429),
    (errors.BodyTimeout(), 503),
    (errors.ServerStopping(), 503),
    (errors.DatabaseUnavailable(), 503),
    (errors.StoreError(), 503),
    (errors.BlobTruncated(5), 503),
    (errors.StoreFull(), 507),
]
TRANSIENT = [error for error, _ in EXAMPLES if isinstance(error, errors.TransientError)]


def _code(value: object) -> str | None:
    return value.code if isinstance(value, errors.UploadError) else None


def _subclasses(base: type[errors.UploadError]) -> Iterator[type[errors.UploadError]]:
    for child in base.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from _subclasses(child)


def test_examples_below_are_all_errors_there_are() -> None:
    raised = set(_subclasses(errors.UploadError)) - {errors.TransientError}
    assert {type(error) for error, _ in EXAMPLES} == raised


@pytest.mark.parametrize(("error", "status"), EXAMPLES, ids=_code)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "GET"])
def test_error_has_its_status(error: errors.UploadError, status: int, method: str) -> None:
    assert tus.render_error(error, method).status == status


@pytest.mark.parametrize(("error", "status"), EXAMPLES, ids=_code)
@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD"])
def test_error_is_one_line_that_is_not_cached(
    error: errors.UploadError, status: int, method: str
) -> None:
    answer = tus.render_error(error, method)
    assert answer.body == f"{error.code}: {error}\n"
    assert answer.body.count("\n") == 1
    assert answer.fields["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("error", "status"), EXAMPLES, ids=_code)
def test_error_never_has_a_location(error: errors.UploadError, status: int) -> None:
    assert "Location" not in tus.render_error(error, "POST").fields


@pytest.mark.parametrize("error", TRANSIENT, ids=_code)
def test_what_passes_is_423_on_head_and_tells_when_to_come_back(
    error: errors.TransientError,
) -> None:
    answer = tus.render_error(error, "HEAD")
    assert answer.status == 423
    assert answer.fields["Retry-After"] == str(error.retry_after_seconds)


@pytest.mark.parametrize("error", TRANSIENT, ids=_code)
def test_what_passes_tells_when_to_come_back(error: errors.TransientError) -> None:
    assert int(tus.render_error(error, "PATCH").fields["Retry-After"]) >= 1


@pytest.mark.parametrize(
    "error",
    [error for error, _ in EXAMPLES if not isinstance(error, errors.TransientError)],
    ids=_code,
)
def test_what_does_not_pass_is_not_worth_another_try(error: errors.UploadError) -> None:
    assert "Retry-After" not in tus.render_error(error, "PATCH").fields


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        pytest.param(errors.UnsupportedVersion("1.0.0"), "Tus-Version", "1.0.0", id="row-2"),
        pytest.param(errors.OffsetMismatch(5, 7), "Upload-Offset", "5", id="row-32-true-offset"),
        pytest.param(
            errors.RangeNotSatisfiable(10), "Content-Range", "bytes */10", id="rfc-9110-15.5.17"
        ),
        pytest.param(
            errors.RangeNotSatisfiable(0), "Content-Range", "bytes */0", id="rfc-9110-15.5.17-empty"
        ),
        pytest.param(errors.Unauthenticated(), "WWW-Authenticate", "Bearer", id="rfc-9110-15.5.2"),
    ],
)
def test_error_carries_the_field_that_belongs_to_it(
    error: errors.UploadError, name: str, value: str
) -> None:
    assert tus.render_error(error, "PATCH").fields[name] == value


@pytest.mark.parametrize(
    "methods", [tus.COLLECTION_METHODS, tus.UPLOAD_METHODS], ids=["collection", "upload"]
)
def test_405_names_the_methods_there_are(methods: tuple[str, ...]) -> None:
    answer = tus.render_error(errors.MethodNotAllowed(methods), "FOO")
    assert answer.status == 405
    assert [name.strip() for name in answer.fields["Allow"].split(",")] == list(methods)
    # row 130: PUT means nothing here
    assert "PUT" not in answer.fields["Allow"]


@pytest.mark.parametrize(
    ("error", "method"),
    [
        pytest.param(errors.UploadNotFound(), "HEAD", id="row-20-unknown"),
        pytest.param(errors.UploadGone(), "HEAD", id="row-89-expired"),
        pytest.param(errors.UploadBusy(), "HEAD", id="busy"),
        pytest.param(errors.TooLarge(10), "PATCH", id="row-37-overrun"),
    ],
)
def test_other_errors_tell_no_offset(error: errors.UploadError, method: str) -> None:
    assert "Upload-Offset" not in tus.render_error(error, method).fields


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", [404, 410])
def test_expired_upload_answers_as_the_site_wants(method: str, status: int) -> None:
    assert tus.render_error(errors.UploadGone(), method, gone_status=status).status == status


def test_the_status_for_expired_uploads_changes_no_other_answer() -> None:
    assert tus.render_error(errors.UploadNotFound(), "HEAD", gone_status=410).status == 404
    assert tus.render_error(errors.OffsetMismatch(1, 2), "PATCH", gone_status=404).status == 409


@pytest.mark.parametrize(
    ("error", "status"),
    [(error, status) for error, status in EXAMPLES if status < 423 and status != 410],
    ids=_code,
)
def test_lasting_errors_are_the_same_on_head(error: errors.UploadError, status: int) -> None:
    assert tus.render_error(error, "HEAD").status == status
