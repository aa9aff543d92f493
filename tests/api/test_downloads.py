"""GET of a finished upload: the right bytes, and fields that keep them inert."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import pytest
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import RequestFactory

from tusbridge.api.downloads import download
from tusbridge.errors import PreconditionFailed, RangeNotSatisfiable
from tusbridge.models import AbstractUpload
from tusbridge.service import UploadService

UPLOAD_ID = "0123456789abcdef0123456789abcdef"
ETAG = f'"{UPLOAD_ID}"'
DATA = b"0123456789"
COMPLETED = datetime(2026, 5, 6, 7, 8, 9, 999_999, tzinfo=UTC)
COMPLETED_TEXT = "Wed, 06 May 2026 07:08:09 GMT"
BEFORE, AFTER = "Wed, 06 May 2026 07:08:08 GMT", "Wed, 06 May 2026 07:08:10 GMT"
# the same second, as older programs write it (RFC 9110, 5.6.7)
RFC_850, ASCTIME = "Wednesday, 06-May-26 07:08:09 GMT", "Wed May  6 07:08:09 2026"


@dataclass
class FakeUpload:
    """What a download looks at."""

    upload_id: str = UPLOAD_ID
    offset: int = len(DATA)
    filename: str = "a.txt"
    content_type: str = "text/html"
    completed_on: datetime | None = COMPLETED


@dataclass
class FakeService:
    """Bytes in memory, and which of them were asked for."""

    data: bytes = DATA
    asked: list[tuple[int, int]] = field(default_factory=list)

    def open(self, upload: FakeUpload, start: int, stop: int) -> Iterator[bytes]:
        self.asked.append((start, stop))
        return iter([self.data[start:stop]])


def get(
    upload: FakeUpload | None = None, service: FakeService | None = None, **fields: str
) -> HttpResponseBase:
    """The answer to a GET with those fields (``range="bytes=0-"``)."""
    meta = {f"HTTP_{name.upper()}": value for name, value in fields.items()}
    return download(
        RequestFactory().get("/files/x", **meta),  # type: ignore[arg-type]
        cast(UploadService, service or FakeService()),
        cast(AbstractUpload, upload or FakeUpload()),
    )


def bytes_of(response: HttpResponseBase) -> bytes:
    assert isinstance(response, StreamingHttpResponse)
    return b"".join(cast(Iterator[bytes], response.streaming_content))


# --- the bytes


def test_a_download_gives_all_bytes() -> None:
    response = get()
    assert response.status_code == 200
    assert response["Content-Length"] == "10"
    assert "Content-Range" not in response
    assert bytes_of(response) == DATA


def test_an_empty_upload_can_be_downloaded() -> None:
    response = get(FakeUpload(offset=0), FakeService(b""))
    assert response.status_code == 200
    assert response["Content-Length"] == "0"
    assert bytes_of(response) == b""


def test_a_download_says_that_it_takes_ranges() -> None:
    assert get()["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("text", "content_range", "data"),
    [
        pytest.param("bytes=0-0", "bytes 0-0/10", b"0", id="row-127-first-byte"),
        pytest.param("bytes=2-4", "bytes 2-4/10", b"234", id="row-127-middle"),
        pytest.param("bytes=5-", "bytes 5-9/10", b"56789", id="row-127-open-end"),
        pytest.param("bytes=-3", "bytes 7-9/10", b"789", id="row-127-suffix"),
        pytest.param("bytes=-99", "bytes 0-9/10", DATA, id="row-127-suffix-longer-than-all"),
        pytest.param("bytes=0-", "bytes 0-9/10", DATA, id="row-127-all"),
        pytest.param("bytes=8-99", "bytes 8-9/10", b"89", id="row-127-past-the-end"),
        pytest.param("bytes=8-9223372036854775807", "bytes 8-9/10", b"89", id="row-127-huge-end"),
    ],
)
def test_a_range_gives_its_bytes_only(text: str, content_range: str, data: bytes) -> None:
    service = FakeService()
    response = get(service=service, range=text)
    assert response.status_code == 206
    assert response["Content-Range"] == content_range
    assert response["Content-Length"] == str(len(data))
    assert bytes_of(response) == data
    start = DATA.index(data)
    assert service.asked == [(start, start + len(data))]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("bytes=5-4", id="reversed"),
        pytest.param("bytes=0-1,4-5", id="several"),
        pytest.param("items=0-1", id="other-unit"),
        pytest.param("bytes=\u0663-", id="arabic-digit"),
        pytest.param("nonsense", id="nonsense"),
        pytest.param("", id="empty"),
    ],
)
def test_a_range_that_means_nothing_is_ignored(text: str) -> None:
    response = get(range=text)
    assert response.status_code == 200
    assert "Content-Range" not in response
    assert bytes_of(response) == DATA


@pytest.mark.parametrize("text", ["bytes=10-", "bytes=-0", "bytes=9223372036854775808-"])
def test_r43_a_range_without_any_byte_opens_nothing(text: str) -> None:
    service = FakeService()
    with pytest.raises(RangeNotSatisfiable) as caught:
        get(service=service, range=text)
    assert caught.value.length == 10
    assert service.asked == []


# --- validators


def test_a_download_has_validators() -> None:
    response = get()
    assert response["ETag"] == ETAG
    assert response["Last-Modified"] == COMPLETED_TEXT


def test_an_unknown_time_is_not_made_up() -> None:
    assert "Last-Modified" not in get(FakeUpload(completed_on=None))


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param(ETAG, id="the-same"),
        pytest.param(f"W/{ETAG}", id="rfc-9110-13.1.2-weak-comparison"),
        pytest.param(f'"other", {ETAG}', id="in-a-list"),
        pytest.param(f'"other",W/{ETAG},"third"', id="in-a-list-without-spaces"),
        pytest.param("*", id="any"),
    ],
)
def test_what_the_client_has_is_not_sent_again(condition: str) -> None:
    service = FakeService()
    response = get(service=service, if_none_match=condition)
    assert response.status_code == 304
    assert isinstance(response, HttpResponse)
    assert response.content == b""
    assert service.asked == []
    # RFC 9110, 15.4.5: what a 200 would have told of the validators and caching
    assert response["ETag"] == ETAG
    assert response["Cache-Control"] == get()["Cache-Control"]
    assert not {"Content-Type", "Content-Length", "Content-Range"} & set(response.headers)


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param('"other"', id="another"),
        pytest.param(f'"{UPLOAD_ID[:-1]}"', id="shorter"),
        pytest.param(UPLOAD_ID, id="without-quotes"),
        pytest.param("", id="empty"),
        pytest.param(",", id="empty-list"),
        pytest.param('"*"', id="a-star-in-quotes"),
    ],
)
def test_what_the_client_does_not_have_is_sent(condition: str) -> None:
    response = get(if_none_match=condition)
    assert response.status_code == 200
    assert bytes_of(response) == DATA


def test_what_the_client_has_is_not_sent_in_ranges_either() -> None:
    assert get(if_none_match=ETAG, range="bytes=0-1").status_code == 304
    assert get(if_none_match=ETAG, range="bytes=99-").status_code == 304


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"if_match": '"other"'}, id="rfc-9110-13.1.1-another"),
        pytest.param({"if_match": f"W/{ETAG}"}, id="rfc-9110-13.1.1-strong-comparison"),
        pytest.param({"if_match": ""}, id="rfc-9110-13.1.1-no-tag"),
        pytest.param({"if_match": "nonsense"}, id="rfc-9110-13.1.1-nonsense"),
        pytest.param({"if_unmodified_since": BEFORE}, id="rfc-9110-13.1.4-changed-since"),
        pytest.param(
            {"if_match": '"x"', "if_unmodified_since": AFTER}, id="rfc-9110-13.2.2-step-1"
        ),
        pytest.param({"if_match": '"x"', "if_none_match": ETAG}, id="rfc-9110-13.2.2-before-304"),
        pytest.param({"if_match": '"x"', "range": "bytes=99-"}, id="rfc-9110-13.2.2-before-416"),
        pytest.param({"if_unmodified_since": BEFORE, "range": "bytes=0-1"}, id="with-a-range"),
    ],
)
def test_a_precondition_that_does_not_hold_is_412_and_opens_nothing(fields: dict[str, str]) -> None:
    service = FakeService()
    with pytest.raises(PreconditionFailed) as caught:
        get(service=service, **fields)
    assert caught.value.name in {"If-Match", "If-Unmodified-Since"}
    assert service.asked == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"if_match": ETAG}, id="the-same"),
        pytest.param({"if_match": f'"other", {ETAG}'}, id="in-a-list"),
        pytest.param({"if_match": "*"}, id="any"),
        pytest.param({"if_unmodified_since": COMPLETED_TEXT}, id="the-same-second"),
        pytest.param({"if_unmodified_since": AFTER}, id="later"),
        pytest.param({"if_unmodified_since": "nonsense"}, id="rfc-9110-13.1.4-no-date"),
        pytest.param(
            {"if_match": ETAG, "if_unmodified_since": BEFORE}, id="rfc-9110-13.2.2-ignored"
        ),
        pytest.param({"if_modified_since": BEFORE}, id="modified"),
        pytest.param({"if_modified_since": "nonsense"}, id="rfc-9110-13.1.3-no-date"),
        pytest.param({"if_none_match": '"x"', "if_modified_since": AFTER}, id="rfc-9110-13.1.3"),
    ],
)
def test_a_precondition_that_holds_gives_the_bytes(fields: dict[str, str]) -> None:
    response = get(**fields)
    assert response.status_code == 200
    assert bytes_of(response) == DATA


@pytest.mark.parametrize("since", [COMPLETED_TEXT, AFTER, RFC_850, ASCTIME])
def test_what_did_not_change_since_is_not_sent_again(since: str) -> None:
    service = FakeService()
    response = get(service=service, if_modified_since=since)
    assert response.status_code == 304
    assert response["ETag"] == ETAG
    assert response["Last-Modified"] == COMPLETED_TEXT
    assert service.asked == []


@pytest.mark.parametrize("name", ["if_modified_since", "if_unmodified_since"])
@pytest.mark.parametrize("since", [BEFORE, AFTER])
def test_without_a_time_of_its_own_a_file_is_compared_with_none(name: str, since: str) -> None:
    assert get(FakeUpload(completed_on=None), **{name: since}).status_code == 200


@pytest.mark.parametrize("date", [COMPLETED_TEXT, RFC_850])
def test_a_range_of_the_same_date_goes_on(date: str) -> None:
    response = get(range="bytes=5-", if_range=date)
    assert response.status_code == 206
    assert bytes_of(response) == b"56789"


@pytest.mark.parametrize("date", [BEFORE, AFTER])
def test_a_range_of_another_date_begins_anew(date: str) -> None:
    assert get(range="bytes=5-", if_range=date).status_code == 200


def test_a_range_is_for_get_alone() -> None:
    request = RequestFactory().head("/files/x", headers={"Range": "bytes=5-"})
    response = download(request, FakeService(), FakeUpload())  # type: ignore[arg-type]
    assert (response.status_code, response["Content-Length"]) == (200, str(len(DATA)))


def test_a_range_of_the_same_upload_goes_on() -> None:
    response = get(range="bytes=5-", if_range=ETAG)
    assert response.status_code == 206
    assert bytes_of(response) == b"56789"


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param('"other"', id="another"),
        pytest.param(f"W/{ETAG}", id="rfc-9110-13.1.5-strong-comparison"),
        pytest.param("Tue, 05 May 2026 07:08:09 GMT", id="another-date"),
        pytest.param("nonsense", id="nonsense"),
    ],
)
@pytest.mark.parametrize("text", ["bytes=5-", "bytes=99-"], ids=["some-bytes", "no-bytes"])
def test_a_range_of_another_upload_begins_anew(condition: str, text: str) -> None:
    response = get(range=text, if_range=condition)
    assert response.status_code == 200
    assert bytes_of(response) == DATA


def test_a_condition_without_a_range_changes_nothing() -> None:
    assert get(if_range='"other"').status_code == 200


# --- inert


@pytest.mark.parametrize(
    "fields",
    [pytest.param({}, id="whole"), pytest.param({"range": "bytes=0-1"}, id="range")],
)
@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "", "a/b\r\nX-Evil: 1"])
def test_r43_a_browser_saves_the_bytes_and_runs_nothing(
    content_type: str, fields: dict[str, str]
) -> None:
    response = get(FakeUpload(content_type=content_type), FakeService(), **fields)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")
    assert "sandbox" in response["Content-Security-Policy"]
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_shared_caches_keep_nothing() -> None:
    cache_control = get()["Cache-Control"]
    assert "private" in cache_control or "no-store" in cache_control
    assert "public" not in cache_control


@pytest.mark.parametrize(
    ("filename", "disposition"),
    [
        pytest.param("a.txt", 'attachment; filename="a.txt"', id="row-126-plain"),
        pytest.param("../../a.txt", 'attachment; filename="a.txt"', id="row-61-folders"),
        pytest.param("", f'attachment; filename="{UPLOAD_ID}"', id="row-126-no-name"),
        pytest.param(
            "\u00e9.txt",
            "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%A9.txt",
            id="row-126-latin-1",
        ),
    ],
)
def test_a_download_is_named(filename: str, disposition: str) -> None:
    assert get(FakeUpload(filename=filename))["Content-Disposition"] == disposition


@pytest.mark.parametrize(
    "filename",
    [
        pytest.param("a\r\nSet-Cookie: b=c", id="row-60-cr-lf"),
        pytest.param("a\x00b", id="row-60-nul"),
        pytest.param('a"; filename="b.exe', id="row-126-quote"),
        pytest.param("\u202egpj.exe", id="row-126-right-to-left-override"),
        pytest.param("\ud800.txt", id="row-126-lone-surrogate"),
        pytest.param("\U0001f600" * 1000, id="row-126-long"),
        pytest.param("..", id="row-61-only-dots"),
    ],
)
def test_r27_no_name_can_break_out_of_its_field(filename: str) -> None:
    response = get(FakeUpload(filename=filename))
    disposition = response["Content-Disposition"]
    assert re.fullmatch(
        r"""attachment(; filename="[^"\\]*"(; filename\*=UTF-8''[^";, ]*)?)?""", disposition
    )
    assert disposition.isascii()
    assert disposition.isprintable()
    assert "Set-Cookie" not in response
