"""tus 1.0.0: versions, methods and PATCH, from fields to request values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.examples import LARGEST, TYPE, status_of, unhurried
from tusbridge import errors
from tusbridge.protocol import tus
from tusbridge.protocol.rules import (
    AppendRequest,
)

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
    created = {"upload-length": "5", "trailer": trailer, "transfer-encoding": "chunked"}
    created["content-type"] = "application/offset+octet-stream"
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
