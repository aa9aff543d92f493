"""2.1, steps 6 to 9: what is judged of Content-Range, in that order."""

from __future__ import annotations

from ...expect import expect_status
from ..client import Client, md5_of, span
from ..expect import (
    BAD_HEADERS,
    SIZES_DIFFER,
    expect_error,
    expect_limit_error,
    expect_offset_error,
    expect_progress,
)
from ..registry import check


@check(
    "legacy-2.1-06-no-header-refused",
    needs=("header asked for",),
    title="with fail_if_no_header a chunk without Content-Range is refused, and so is a bad one",
)
def no_header_refused(client: Client) -> None:
    body = client.form(client.content(5))
    for content_range in (None, "bytes 0-4/*", "bytes=0-4/10", "nonsense"):
        expect_error(client.post(body, content_range), 400, BAD_HEADERS)


@check(
    "legacy-2.1-06-no-header-on-a-later-chunk",
    needs=("header asked for",),
    title="with fail_if_no_header a later chunk without Content-Range is refused and "
    "changes nothing",
)
def no_header_on_a_later_chunk(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    body = client.form(content[5:], upload_id)
    expect_error(client.post(body), 400, BAD_HEADERS)
    client.append(upload_id, content[5:], 5, 10)
    client.finish(upload_id, content)


@check(
    "legacy-2.1-06-header-before-the-limit",
    needs=("header asked for", "limit"),
    title="a missing Content-Range is said before that the file is too large",
)
def header_before_the_limit(client: Client) -> None:
    body = client.form(bytes((client.target.max_bytes or 0) + 1))
    expect_error(client.post(body), 400, BAD_HEADERS)


@check(
    "legacy-2.1-07-size-over-limit",
    needs=("limit",),
    title="a first chunk whose total is over the limit is refused, with the limit in the text",
)
def size_over_limit(client: Client) -> None:
    limit = client.target.max_bytes or 0
    for total in (limit + 1, 10**15):
        expect_limit_error(client.chunk(client.content(5), 0, total), limit)


@check(
    "legacy-2.1-07-size-of-the-limit",
    needs=("limit",),
    title="a file of exactly the limit is taken, in two chunks",
)
def size_of_the_limit(client: Client) -> None:
    limit = client.target.max_bytes or 0
    content = client.content(limit)
    upload_id = client.begin(content[:10], limit)
    client.append(upload_id, content[10:], 10, limit)
    client.finish(upload_id, content)


@check(
    "legacy-2.1-07-whole-file-over-limit",
    needs=("limit", "header optional"),
    title="a file sent whole, without Content-Range, is judged by its size",
)
def whole_file_over_limit(client: Client) -> None:
    limit = client.target.max_bytes or 0
    expect_limit_error(client.post(client.form(bytes(limit + 1))), limit)
    expect_progress(client.post(client.form(client.content(limit))), limit)


@check(
    "legacy-2.1-07-limit-on-each-chunk",
    needs=("limit",),
    title="the limit is judged on later chunks too, and a refusal changes nothing",
)
def limit_on_each_chunk(client: Client) -> None:
    limit = client.target.max_bytes or 0
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    expect_limit_error(client.chunk(content[5:], 5, limit + 1, upload_id), limit)
    client.append(upload_id, content[5:], 5, 10)
    client.finish(upload_id, content)


@check(
    "legacy-2.1-07-limit-before-the-offset",
    needs=("limit",),
    title="the limit is said before a wrong offset or size is",
)
def limit_before_the_offset(client: Client) -> None:
    limit = client.target.max_bytes or 0
    upload_id = client.begin(client.content(5), 10)
    body = client.form(client.content(5), upload_id)
    for start, size in ((0, 5), (7, 5), (5, 9)):
        expect_limit_error(client.post(body, span(start, size, limit + 1)), limit)


@check(
    "legacy-2.1-08-offset-behind",
    needs=("no repeats",),
    title="a chunk that is sent again is refused with the offset reached",
)
def offset_behind(client: Client) -> None:
    content = client.content(15)
    upload_id = client.begin(content[:5], 15)
    client.append(upload_id, content[5:10], 5, 15)
    expect_offset_error(client.chunk(content[5:10], 5, 15, upload_id), 10)
    expect_offset_error(client.chunk(content[:5], 0, 15, upload_id), 10)


@check("legacy-2.1-08-offset-ahead", title="a chunk that leaves a gap is refused with the offset")
def offset_ahead(client: Client) -> None:
    content = client.content(15)
    upload_id = client.begin(content[:5], 15)
    for start in (6, 10, 15, 10**12):
        expect_offset_error(client.chunk(content[10:], start, 15, upload_id), 5)


@check(
    "legacy-2.1-08-first-chunk-not-at-zero",
    title="a first chunk that does not start at 0 is refused, with offset 0",
)
def first_chunk_not_at_zero(client: Client) -> None:
    expect_offset_error(client.chunk(client.content(5), 5, 10), 0)


@check(
    "legacy-2.1-08-offset-before-the-size",
    title="a wrong offset is said before a wrong size is",
)
def offset_before_the_size(client: Client) -> None:
    upload_id = client.begin(client.content(5), 15)
    body = client.form(client.content(5), upload_id)
    expect_offset_error(client.post(body, span(7, 9, 15)), 5)
    expect_offset_error(client.post(client.form(client.content(5)), span(7, 9, 15)), 0)


@check(
    "legacy-2.1-09-size-differs",
    title="a chunk longer or shorter than Content-Range says is refused, first or later",
)
def size_differs(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    for size in (1, 4, 6, 15):
        later, first = client.form(content[5:], upload_id), client.form(content[5:])
        expect_error(client.post(later, span(5, size, 15)), 400, SIZES_DIFFER)
        expect_error(client.post(first, span(0, size, 15)), 400, SIZES_DIFFER)
    client.append(upload_id, content[5:], 5, 10)


@check("legacy-2.1-10-chunks", needs=("md5",), title="chunks of any size make up the file")
def chunks(client: Client) -> None:
    content = client.content(100)
    upload_id = client.begin(content[:1], 100)
    for start, stop in ((1, 3), (3, 60), (60, 99), (99, 100)):
        client.append(upload_id, content[start:stop], start, 100)
    client.expect_content(upload_id, content)


@check(
    "legacy-2.1-10-large-chunks",
    needs=("md5",),
    title="chunks that Django spools to disk make up the file, too",
)
def large_chunks(client: Client) -> None:
    size = 3 * 2**20
    content = client.content(2 * size + 1)
    upload_id = client.begin(content[:size], len(content))
    client.append(upload_id, content[size : 2 * size], size, len(content))
    client.append(upload_id, content[2 * size :], 2 * size, len(content))
    client.expect_content(upload_id, content)


@check(
    "legacy-2.1-13-refusals-change-nothing",
    needs=("md5", "no repeats"),
    title="no refusal moves the offset or touches the file",
)
def refusals_change_nothing(client: Client) -> None:
    content = client.content(15)
    upload_id = client.begin(content[:5], 15)
    wrong = [span(0, 5, 15), span(6, 5, 15), span(5, 4, 15), span(5, 6, 15)]
    for content_range in wrong:
        body = client.form(content[5:10], upload_id)
        expect_status(client.post(body, content_range), 400)
        client.expect_offset(upload_id, 5)
    expect_status(client.complete(upload_id, md5_of(content)), 400)
    client.append(upload_id, content[5:], 5, 15)
    client.expect_content(upload_id, content)


@check(
    "legacy-2.1-14-other-file-name-later",
    title="the file name of later chunks is not looked at",
)
def other_file_name_later(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    response = client.chunk(content[5:], 5, 10, upload_id, filename="blob")
    expect_progress(response, 10, upload_id)
    client.finish(upload_id, content)


@check(
    "legacy-2.1-15-end-behind-the-total",
    needs=("loose totals",),
    title="a range that ends behind its own total is taken",
)
def end_behind_the_total(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content, 1)
    client.finish(upload_id, content)


@check(
    "legacy-2.1-15-total-changes",
    needs=("loose totals",),
    title="a total may grow or shrink from chunk to chunk, as recorders send it",
)
def total_changes(client: Client) -> None:
    content = client.content(20)
    upload_id = client.begin(content[:5], 5)
    for start, total in ((5, 10), (10, 20), (15, 3)):
        client.append(upload_id, content[start : start + 5], start, total)
    client.finish(upload_id, content)


@check(
    "legacy-2.1-15-more-than-the-total",
    needs=("loose totals",),
    title="chunks are taken behind the total that was told",
)
def more_than_the_total(client: Client) -> None:
    content = client.content(15)
    upload_id = client.begin(content[:10], 10)
    client.append(upload_id, content[10:], 10, 10)
    client.finish(upload_id, content)
