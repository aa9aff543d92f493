"""2.3: one form of Content-Range is read, and any other counts as none."""

from __future__ import annotations

from ..client import Client, span
from ..expect import (
    SIZES_DIFFER,
    expect_error,
    expect_offset_error,
    expect_progress,
    is_over_a_limit,
)
from ..registry import check

# None of them is `bytes START-END/TOTAL` to the letter.
MALFORMED = (
    "",
    "nonsense",
    "Bytes 0-4/10",
    "BYTES 0-4/10",
    "bytes  0-4/10",
    "bytes\t0-4/10",
    "bytes=0-4/10",
    "bytes: 0-4/10",
    "0-4/10",
    "bytes 0-4/*",
    "bytes */10",
    "bytes 0-4",
    "bytes 0-4/",
    "bytes 0-/10",
    "bytes -4/10",
    "bytes 0 - 4/10",
    "bytes 0-4 / 10",
    "bytes +0-4/10",
    "bytes 0-4/-10",
    "bytes 0x0-0x4/10",
    "bytes 0.0-4.0/10",
    "bytes 0-4,5-9/10",
    "bytes 0-4/10;x",
    "bytes 0-4/10, bytes 5-9/10",
    "items 0-4/10",
    "xbytes 0-4/10",
)


@check(
    "legacy-2.3-01-malformed-on-a-first-chunk",
    needs=("header optional",),
    title="a first chunk with a malformed Content-Range is the whole file",
)
def malformed_on_a_first_chunk(client: Client) -> None:
    content = client.content(12)
    for malformed in MALFORMED:
        found = expect_progress(client.post(client.form(content), malformed), 12)
        client.finish(str(found["upload_id"]), content)


@check(
    "legacy-2.3-02-malformed-on-a-later-chunk",
    needs=("header optional",),
    title="a later chunk with a malformed Content-Range is refused with the offset, never appended",
)
def malformed_on_a_later_chunk(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    for malformed in MALFORMED:
        later = malformed.replace("0-4/10", "5-9/10")
        expect_offset_error(client.post(client.form(content[5:], upload_id), later), 5)
    client.append(upload_id, content[5:], 5, 10)
    client.finish(upload_id, content)


@check(
    "legacy-2.3-03-no-header",
    needs=("header optional",),
    title="a file without Content-Range is whole, as jQuery-File-Upload sends small ones",
)
def no_header(client: Client) -> None:
    content = client.content(12)
    found = expect_progress(client.post(client.form(content)), 12)
    client.finish(str(found["upload_id"]), content)


@check(
    "legacy-2.3-03-no-header-on-a-later-chunk",
    needs=("header optional",),
    title="a later chunk without Content-Range is refused with the offset",
)
def no_header_on_a_later_chunk(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    expect_offset_error(client.post(client.form(content[5:], upload_id)), 5)
    client.append(upload_id, content[5:], 5, 10)


@check(
    "legacy-2.3-03-empty-file-without-header",
    needs=("header optional",),
    title="an empty file without Content-Range is taken",
)
def empty_file_without_header(client: Client) -> None:
    found = expect_progress(client.post(client.form(b"")), 0)
    client.finish(str(found["upload_id"]), b"")


@check("legacy-2.3-04-leading-zeros", title="numbers may begin with zeros")
def leading_zeros(client: Client) -> None:
    content = client.content(10)
    found = expect_progress(client.post(client.form(content[:5]), "bytes 000-0004/00010"), 5)
    upload_id = str(found["upload_id"])
    response = client.post(client.form(content[5:], upload_id), "bytes 05-09/010")
    expect_progress(response, 10, upload_id)
    client.finish(upload_id, content)


@check("legacy-2.3-05-empty-chunk", title="an empty chunk at the offset is taken and adds nothing")
def empty_chunk(client: Client) -> None:
    content = client.content(20)
    upload_id = client.begin(content[:10], 20)
    client.append(upload_id, b"", 10, 20)
    client.append(upload_id, b"", 10, 20)
    client.append(upload_id, content[10:], 10, 20)
    client.finish(upload_id, content)


@check(
    "legacy-2.3-06-start-beyond-64-bits",
    title="a start of any size is a wrong offset",
)
def start_beyond_64_bits(client: Client) -> None:
    upload_id = client.begin(client.content(5), 10)
    for start in (2**63 - 1, 2**63, 2**64, 10**40):
        expect_offset_error(client.chunk(client.content(5), start, 10, upload_id), 5)
        expect_offset_error(client.chunk(client.content(5), start, 10), 0)


@check("legacy-2.3-07-end-beyond-64-bits", title="an end of any size is a wrong chunk size")
def end_beyond_64_bits(client: Client) -> None:
    upload_id = client.begin(client.content(5), 10)
    for size in (2**63 - 1, 2**64, 10**40):
        body = client.form(client.content(5), upload_id)
        expect_error(client.post(body, span(5, size, 10)), 400, SIZES_DIFFER)


@check(
    "legacy-2.3-08-total-beyond-64-bits",
    needs=("loose totals", "no limit"),
    title="a total of any size is taken, or is over a limit that the server names",
)
def total_beyond_64_bits(client: Client) -> None:
    content = client.content(10)
    for total in (2**63 - 1, 2**63, 10**40):
        response = client.chunk(content[:5], 0, total)
        if is_over_a_limit(response, total):
            continue
        upload_id = str(expect_progress(response, 5)["upload_id"])
        client.append(upload_id, content[5:], 5, total)
        client.finish(upload_id, content)


@check(
    "legacy-2.3-09-end-before-the-start",
    title="a range that ends before its start is no size that a chunk can have",
)
def end_before_the_start(client: Client) -> None:
    upload_id = client.begin(client.content(10), 20)
    body = client.form(client.content(5), upload_id)
    for content_range in ("bytes 10-9/20", "bytes 10-8/20", "bytes 10-5/20", "bytes 10-0/20"):
        expect_error(client.post(body, content_range), 400, SIZES_DIFFER)
