"""Section 7, the other rows that can be seen from outside."""

from __future__ import annotations

from ...expect import expect, expect_status
from ..client import Client, md5_of, span
from ..expect import (
    COMPLETE,
    NO_CHUNK,
    expect_error,
    expect_json,
    expect_limit_error,
    expect_offset_error,
    expect_progress,
    expect_taken,
)
from ..registry import check
from .upload_form import unknown_id

# Python reads no number of more digits by default.
_DIGITS = 4301


@check(
    "legacy-7-02-bytes-of-a-failed-save",
    level="FAULT",
    needs=("unsaved field", "md5"),
    title="bytes whose row could not be stored do not stay in the file",
)
def bytes_of_a_failed_save(client: Client) -> None:
    assert client.target.unsaved_field is not None
    content = client.content(20)
    upload_id = client.begin(content[:5], 20)
    body = client.form(content[5:10], upload_id, fields=[client.target.unsaved_field])
    change: dict[str, str | None] = {"Content-Range": span(5, 5, 20)}
    url = client.target.upload_url
    expect_status(client.send("POST", url, body, change, may_crash=True), *range(400, 600))
    client.append(upload_id, content[5:], 5, 20)
    client.expect_content(upload_id, content)


@check(
    "legacy-7-04-chunk-larger-than-its-total",
    level="FAULT",
    needs=("limit",),
    title="the limit holds for a chunk that says a smaller total than it is long",
)
def chunk_larger_than_its_total(client: Client) -> None:
    limit = client.target.max_bytes or 0
    content = bytes(limit + 1)
    expect_limit_error(client.chunk(content, 0, 1), limit)
    upload_id = client.begin(content[:5], limit)
    expect_limit_error(client.chunk(content[5:], 5, limit, upload_id), limit)
    client.expect_offset(upload_id, 5)


@check(
    "legacy-7-04-many-chunks-over-the-limit",
    level="FAULT",
    needs=("limit",),
    title="the limit holds for the sum of chunks, whatever total they say",
)
def many_chunks_over_the_limit(client: Client) -> None:
    limit = client.target.max_bytes or 0
    content = client.content(limit)
    half = limit // 2
    upload_id = client.begin(content[:half], half)
    client.append(upload_id, content[half:], half, half)
    expect_limit_error(client.chunk(b"1", limit, half, upload_id), limit)
    client.finish(upload_id, content)


def _ranges_with_long_numbers(start: int) -> list[str]:
    long = "9" * _DIGITS
    return [
        f"bytes {start}-{start + 4}/{long}",
        f"bytes {start}-{long}/20",
        f"bytes {long}-{start + 4}/20",
        f"bytes 0{'0' * _DIGITS}-{start + 4}/20",
    ]


@check(
    "legacy-7-06-long-numbers",
    level="FAULT",
    title="numbers too long to be read are refused, or count as no Content-Range",
)
def long_numbers(client: Client) -> None:
    content = client.content(5)
    for content_range in _ranges_with_long_numbers(0):
        response = client.post(client.form(content), content_range)
        expect_status(response, 200, 400)
        expect_json(response)


@check(
    "legacy-7-06-long-numbers-on-a-later-chunk",
    level="FAULT",
    title="numbers too long to be read change nothing on a later chunk, unless it is taken "
    "as it should be",
)
def long_numbers_on_a_later_chunk(client: Client) -> None:
    content = client.content(10)
    for content_range in _ranges_with_long_numbers(5):
        upload_id = client.begin(content[:5], 10)
        response = client.post(client.form(content[5:], upload_id), content_range)
        expect_status(response, 200, 400)
        if response.status == 400:
            client.append(upload_id, content[5:], 5, 10)
        client.finish(upload_id, content)


@check(
    "legacy-7-10-complete-after-on-completion-failed",
    level="FAULT",
    needs=("failing field",),
    title="what on_completion failed to do can be done: completing again runs it again, "
    "and after that no more",
)
def complete_after_on_completion_failed(client: Client) -> None:
    content = client.content(5)
    for failing in client.target.failing_fields:
        upload_id = client.begin(content, 5)
        for _ in range(2):
            response = client.complete(upload_id, md5_of(content), [failing], may_crash=True)
            expect_status(response, *range(400, 600))
            found = response.body.find(COMPLETE.encode())
            expect(found < 0, "expected on_completion to run again", response)
        expect_taken(client.complete(upload_id, md5_of(content)))
        if not client.target.accept_repeats:
            expect_error(client.complete(upload_id, md5_of(content)), 400, COMPLETE)


@check(
    "legacy-7-18-not-found-as-json",
    level="FAULT",
    title="a 404 is JSON with a detail, as all other errors are",
)
def not_found_as_json(client: Client) -> None:
    unknown = unknown_id()
    for response in (
        client.chunk(client.content(5), 0, 5, unknown),
        client.complete(unknown, "0" * 32),
    ):
        expect_status(response, 404)
        found = expect_json(response)
        expect(list(found) == ["detail"], f"expected only a detail, got {found}", response)


@check(
    "legacy-7-20-total-changes",
    level="FAULT",
    needs=("strict totals",),
    title="a server that keeps the first total refuses another, and ranges that end behind theirs",
)
def total_changes(client: Client) -> None:
    content = client.content(15)
    upload_id = client.begin(content[:5], 15)
    for size, total in ((10, 16), (10, 14), (5, 5)):
        refused = client.chunk(content[5 : 5 + size], 5, total, upload_id)
        expect_status(refused, 400)
        expect_json(refused)
    expect_status(client.chunk(content, 0, 1), 400)
    client.append(upload_id, content[5:], 5, 15)
    client.finish(upload_id, content)


@check(
    "legacy-7-20-two-files-in-one-upload",
    level="FAULT",
    needs=("strict totals",),
    title="a second file cannot get into the upload of a first one",
)
def two_files_in_one_upload(client: Client) -> None:
    first, second = client.content(10, seed=1), client.content(12, seed=2)
    upload_id = client.begin(first[:5], 10)
    for start in (0, 5):
        refused = client.chunk(second[start : start + 5], start, 12, upload_id)
        expect_status(refused, 400)
    client.append(upload_id, first[5:], 5, 10)
    client.finish(upload_id, first)


@check(
    "legacy-7-21-file-names-that-are-folders",
    level="FAULT",
    title="file names that are none once cleaned are refused, and no server error",
)
def file_names_that_are_folders(client: Client) -> None:
    for name in ("/", "a/", "..", "../", "a/.."):
        response = client.chunk(client.content(5), 0, 10, filename=name)
        expect_error(response, 400, NO_CHUNK)


@check(
    "legacy-9-01-repeated-chunk",
    level="FAULT",
    needs=("repeats", "md5"),
    title="a server that takes repeats answers a last chunk that comes again as it did before; "
    "other bytes or another place are refused",
)
def repeated_chunk(client: Client) -> None:
    content = client.content(15)
    upload_id = client.begin(content[:5], 15)
    client.append(upload_id, content[5:10], 5, 15)
    client.append(upload_id, content[5:10], 5, 15)
    expect_offset_error(client.chunk(b"other", 5, 15, upload_id), 10)
    expect_offset_error(client.chunk(content[6:11], 6, 15, upload_id), 10)
    client.append(upload_id, content[10:], 10, 15)
    client.expect_content(upload_id, content)


@check(
    "legacy-9-02-repeated-completion",
    level="FAULT",
    needs=("repeats",),
    title="a server that takes repeats answers a completion that comes again as it did before",
)
def repeated_completion(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    first = client.complete(upload_id, md5_of(content))
    expect_taken(first)
    for _ in range(2):
        again = client.complete(upload_id, md5_of(content))
        expect_taken(again)
        expect(again.body == first.body, "expected the same answer", again)


@check(
    "legacy-9-02-repeated-completion-with-a-wrong-md5",
    level="FAULT",
    needs=("repeats", "md5"),
    title="but not one with another md5",
)
def repeated_completion_with_a_wrong_md5(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    client.finish(upload_id, content)
    refused = client.complete(upload_id, "0" * 32)
    expect_status(refused, 400)
    expect_json(refused)


@check(
    "legacy-9-11-range-where-sent",
    title="the answer's Range, where there is one, is bytes=0-LAST of what is stored",
)
def range_where_sent(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    expect_progress(client.chunk(content[5:7], 5, 10, upload_id), 7, upload_id)
    expect_progress(client.chunk(b"", 7, 10, upload_id), 7, upload_id)
