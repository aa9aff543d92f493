"""Row 125, and what it adds to rows 113, 115, 116, 119 and 123: a final ahead of its partials."""

from __future__ import annotations

import time

from ..client import Client
from ..expect import expect, expect_absent, expect_field, expect_status
from ..partials import (
    BODIES,
    JOINED_WITHIN_SECONDS,
    begin,
    expect_final,
    expect_refused,
    fill,
    final_of,
    join,
    listed,
    make,
)
from ..registry import check
from ..wire import Response

_EXTENSION = "concatenation-unfinished"
_SECTION = "Concatenation"
_WHOLE = b"".join(BODIES)


@check(
    "row-113-patch-of-an-unfinished-final",
    row=113,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a PATCH of a final is 403 while its partials are not complete, too",
)
def patch_of_an_unfinished_final(client: Client) -> None:
    complete, begun = make(client, BODIES[0]), begin(client, 10)
    url = final_of(client, complete, begun)
    for offset, body in ((0, b"12345"), (0, b""), (len(BODIES[0]), b"12345")):
        expect_status(client.patch(url, offset, body), 403)
    fill(client, begun, b"1234567890")
    _expect_whole(client, url, BODIES[0] + b"1234567890")


@check(
    "row-115-unknown-partial-beside-an-unfinished-one",
    row=115,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a partial that is not there is not one that is not complete: 404 or 400",
)
def unknown_partial_beside_an_unfinished_one(client: Client) -> None:
    begun, unknown = begin(client, 10), client.unknown_url()
    for urls in ((begun, unknown), (unknown, begun)):
        expect_refused(join(client, listed(*urls)), 404, 400)


@check(
    "row-116-unfinished-source-not-partial",
    row=116,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final of an unfinished upload that is no partial, or of an unfinished final, is 400",
)
def unfinished_source_not_partial(client: Client) -> None:
    begun, plain = begin(client, 10), client.create()
    final = final_of(client, begun)
    for urls in ((plain,), (begun, plain), (final,), (begun, final)):
        expect_refused(join(client, listed(*urls)), 400)


@check(
    "row-119-unfinished-sum-over-the-limit",
    row=119,
    level="MUST",
    section="Tus-Max-Size",
    extension=_EXTENSION,
    title="partials that will be over Tus-Max-Size together cannot be a final: 413",
)
def unfinished_sum_over_the_limit(client: Client) -> None:
    limit = client.max_size()
    half = limit // 2 + 1
    lengths = (limit, limit, half, half, limit - half)
    first, second, third, fourth, rest = urls = [begin(client, length) for length in lengths]
    try:
        for pair in ((first, second), (third, fourth), (third, first)):
            expect_refused(join(client, listed(*pair)), 413)
        final_of(client, third, rest)
    finally:
        for url in urls:
            client.delete(url)


@check(
    "row-123-same-unfinished-final-again",
    row=123,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="the same unfinished final sent again is 201 with the same Location, also once whole",
)
def same_unfinished_final_again(client: Client) -> None:
    first, second = make(client, BODIES[0]), begin(client, len(BODIES[1]))
    url = final_of(client, first, second)
    _expect_same(join(client, listed(first, second)), client, url)
    fill(client, second, BODIES[1])
    _expect_same(join(client, listed(first, second)), client, url)
    _expect_whole(client, url, BODIES[0] + BODIES[1])


@check(
    "row-125-final-before-its-partials",
    row=125,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final ahead of its partials tells its length and list, and no offset until the last "
    "is complete",
)
def final_before_its_partials(client: Client) -> None:
    urls = [begin(client, len(body)) for body in BODIES]
    final = final_of(client, *urls)
    _expect_unfinished(client, final, listed(*urls), len(_WHOLE))
    for url, body in reversed(list(zip(urls, BODIES, strict=True))):
        expect_status(client.patch(url, 0, body[:1000]), 204)
        _expect_unfinished(client, final, listed(*urls), len(_WHOLE))
        expect_status(client.patch(url, 1000, body[1000:]), 204)
        if url != urls[0]:
            _expect_unfinished(client, final, listed(*urls), len(_WHOLE))
    _expect_whole(client, final, _WHOLE, listed(*urls))


@check(
    "row-125-final-of-complete-and-unfinished",
    row=125,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final of complete and unfinished partials tells no offset until the last is complete",
)
def final_of_complete_and_unfinished(client: Client) -> None:
    complete, begun = make(client, BODIES[0]), begin(client, len(BODIES[1]))
    url = final_of(client, complete, begun)
    _expect_unfinished(client, url, listed(complete, begun), len(BODIES[0]) + len(BODIES[1]))
    fill(client, begun, BODIES[1])
    _expect_whole(client, url, BODIES[0] + BODIES[1])


@check(
    "row-125-partial-twice-or-in-two-finals",
    row=125,
    level="MAY",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final ahead of its partials may name one twice, and two finals may have the same one",
)
def partial_twice_or_in_two_finals(client: Client) -> None:
    """As rows 111 and 112 for complete ones."""
    first, second = begin(client, len(BODIES[0])), begin(client, len(BODIES[1]))
    one, other = final_of(client, first, second), final_of(client, second, first, second)
    length = len(BODIES[0]) + len(BODIES[1])
    _expect_unfinished(client, one, listed(first, second), length)
    length += len(BODIES[1])
    _expect_unfinished(client, other, listed(second, first, second), length)
    fill(client, first, BODIES[0])
    fill(client, second, BODIES[1])
    _expect_whole(client, one, BODIES[0] + BODIES[1])
    _expect_whole(client, other, BODIES[1] + BODIES[0] + BODIES[1])


@check(
    "row-125-final-of-deferred-lengths",
    row=125,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final tells no length until each of its partials' is known",
)
def final_of_deferred_lengths(client: Client) -> None:
    client.require("creation-defer-length")
    known, deferred = begin(client, 5), begin(client, None)
    url = final_of(client, known, deferred)
    _expect_unfinished(client, url, listed(known, deferred), None)
    expect_status(client.patch(deferred, 0, b"678"), 204)
    _expect_unfinished(client, url, listed(known, deferred), None)
    expect_status(client.patch(deferred, 3, b"90", {"Upload-Length": "5"}), 204)
    _expect_unfinished(client, url, listed(known, deferred), 10)
    fill(client, known, b"12345")
    _expect_whole(client, url, b"1234567890")


@check(
    "row-125-no-download-before",
    row=125,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final is not handed out before its last partial is complete",
)
def no_download_before(client: Client) -> None:
    """As row 128 for other uploads: tus 1.0.0 knows no GET."""
    complete, begun = make(client, BODIES[0]), begin(client, 10)
    url = final_of(client, complete, begun)
    for begin_to_fill in (False, True):
        if begin_to_fill:
            expect_status(client.patch(begun, 0, b"12345"), 204)
        response = client.download(url)
        expect(response.status >= 400, "expected no download of an unfinished final", response)


def _expect_unfinished(client: Client, url: str, value: str, length: int | None) -> None:
    response = client.head(url)
    expect_status(response, 200, 204)
    expect_absent(response, "Upload-Offset")
    expect_field(response, "Upload-Concat", value)
    if length is None:
        expect_absent(response, "Upload-Length")
    else:
        expect_field(response, "Upload-Length", str(length))


def _expect_whole(client: Client, url: str, content: bytes, value: str | None = None) -> None:
    """The last partial's answer may come a moment before the final knows."""
    deadline = time.monotonic() + JOINED_WITHIN_SECONDS
    while "Upload-Offset" not in (response := client.head(url)).fields:
        late = f"expected Upload-Offset within {JOINED_WITHIN_SECONDS} s"
        expect(time.monotonic() < deadline, late, response)
        time.sleep(0.05)
    expect_final(client, url, content, value)


def _expect_same(response: Response, client: Client, url: str) -> None:
    same = client.location(response) == url
    expect(same, f"expected the Location given before, {url}", response)
