"""Rows 105 to 112: partial uploads, and finals that are theirs in the order listed.

tus 1.0.0 lets a server delete partials once they are in a final, so only rows 112 and 123 use one
twice.
"""

from __future__ import annotations

from ..client import NOT_YET, OFFSET_TYPE, Client
from ..expect import (
    expect,
    expect_field,
    expect_offset,
    expect_present,
    expect_status,
)
from ..partials import (
    BODIES,
    PARTIAL,
    begin,
    expect_final,
    fill,
    final_of,
    join,
    listed,
    make,
    make_all,
    path_of,
)
from ..registry import NotTestable, check

_EXTENSION = "concatenation"
_SECTION = "Concatenation"
_WHOLE = b"".join(BODIES)


@check(
    "row-105-partial",
    row=105,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="an upload created as partial says so in each HEAD, with its offset",
)
def partial(client: Client) -> None:
    url = begin(client, 10)
    for offset in (0, 5):
        _expect_partial(client, url, offset, 10)
        expect_status(client.patch(url, offset, b"12345"), 204)
    _expect_partial(client, url, 10, 10)


@check(
    "row-105-partial-with-bytes",
    row=105,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a partial's creation may bring bytes",
)
def partial_with_bytes(client: Client) -> None:
    client.require("creation-with-upload")
    body = BODIES[0]
    change = {**PARTIAL, "Content-Type": OFFSET_TYPE, "Upload-Length": str(len(body))}
    response = client.post(change, body)
    url = client.location(response)
    expect_offset(response, len(body))
    response = client.head(url)
    expect_offset(response, len(body))
    expect_field(response, "Upload-Concat", "partial")
    expect_final(client, final_of(client, url, make(client, BODIES[1])), body + BODIES[1])


@check(
    "row-105-deferred-partial",
    row=105,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a partial's length may be told late",
)
def deferred_partial(client: Client) -> None:
    client.require("creation-defer-length")
    url = begin(client, None)
    expect_field(client.head(url), "Upload-Concat", "partial")
    expect_status(client.patch(url, 0, b"12345", {"Upload-Length": "10"}), 204)
    expect_status(client.patch(url, 5, b"67890"), 204)
    _expect_partial(client, url, 10, 10)
    expect_final(client, final_of(client, url), b"1234567890")


@check(
    "row-106-complete-partial-stays-partial",
    row=106,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="a partial that is complete is a partial still, and takes no more bytes",
)
def complete_partial_stays_partial(client: Client) -> None:
    """All that can be seen: hooks that must not run need tests on the server's side."""
    for body in (b"1234567890", b""):
        url = begin(client, len(body))
        if body:
            fill(client, url, body)
        client.patch(url, len(body), b"x")
        response = client.head(url)
        expect_offset(response, len(body))
        expect_field(response, "Upload-Concat", "partial")


@check(
    "row-107-final",
    row=107,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final of complete partials is 201 and whole: offset = length = their sum",
)
def final(client: Client) -> None:
    for count in (2, 3):
        url = final_of(client, *make_all(client)[:count])
        expect_final(client, url, b"".join(BODIES[:count]))


@check(
    "row-107-final-of-one",
    row=107,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final may have one partial only, and empty ones",
)
def final_of_one(client: Client) -> None:
    expect_final(client, final_of(client, make(client, BODIES[0])), BODIES[0])
    empty, full, other = begin(client, 0), make(client, BODIES[0]), begin(client, 0)
    expect_final(client, final_of(client, empty, full, other), BODIES[0])
    expect_final(client, final_of(client, begin(client, 0)), b"")


@check(
    "row-107-final-of-many",
    row=107,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final may have twenty partials",
)
def final_of_many(client: Client) -> None:
    bodies = [b"%02d" % number * number for number in range(1, 21)]
    urls = [make(client, body) for body in bodies]
    expect_final(client, final_of(client, *urls), b"".join(bodies))


@check(
    "row-107-download-right-behind",
    row=107,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a download right behind the 201 is 200, or is told when to come again",
)
def download_right_behind(client: Client) -> None:
    """A server may still be putting the final together."""
    if not client.serves_downloads():
        raise NotTestable("the server hands no uploads out")
    response = client.send("GET", final_of(client, *make_all(client)))
    expect_status(response, 200, *NOT_YET)
    if response.status != 200:
        expect_present(response, "Retry-After")


@check(
    "row-107-final-outlives-its-partials",
    row=107,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final keeps every byte when its partials are deleted right behind the 201",
)
def final_outlives_its_partials(client: Client) -> None:
    """The 201 told that it is whole. The server may as well refuse to delete them."""
    client.require("termination")
    urls = make_all(client)
    url = final_of(client, *urls)
    for each in urls:
        response = client.delete(each)
        expect(response.status < 500, "expected the partial to be deleted or kept", response)
    expect_final(client, url, _WHOLE)


@check(
    "row-108-list-as-received",
    row=108,
    level="MUST",
    section="Upload-Concat",
    extension=_EXTENSION,
    title="HEAD of a final gives the list back as it was sent",
)
def list_as_received(client: Client) -> None:
    value = listed(*make_all(client))
    expect_final(client, client.location(join(client, value)), _WHOLE, value)


@check(
    "row-108-absolute-list-as-received",
    row=108,
    level="MUST",
    section="Upload-Concat",
    extension=_EXTENSION,
    title="HEAD gives a list of absolute URLs, or of both kinds, back as it was sent, too",
)
def absolute_list_as_received(client: Client) -> None:
    for mixed in (False, True):
        first, second, _ = make_all(client)
        value = f"final;{path_of(first) if mixed else first} {second}"
        response = join(client, value)
        if response.status == 400:
            raise NotTestable("the server takes no absolute URLs")
        expect_final(client, client.location(response), BODIES[0] + BODIES[1], value)


@check(
    "row-109-absolute-urls",
    row=109,
    level="MAY",
    section=_SECTION,
    extension=_EXTENSION,
    title="the list may be of absolute URLs",
)
def absolute_urls(client: Client) -> None:
    url = client.location(join(client, "final;" + " ".join(make_all(client))))
    expect_final(client, url, _WHOLE)


@check(
    "row-109-mixed-urls",
    row=109,
    level="MAY",
    section=_SECTION,
    extension=_EXTENSION,
    title="the list may have absolute and relative URLs",
)
def mixed_urls(client: Client) -> None:
    first, second, third = make_all(client)
    value = f"final;{first} {path_of(second)} {third}"
    expect_final(client, client.location(join(client, value)), _WHOLE)
    first, second, third = make_all(client)
    value = f"final;{path_of(first)} {second} {path_of(third)}"
    expect_final(client, client.location(join(client, value)), _WHOLE)


@check(
    "row-110-order-of-the-list",
    row=110,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final's bytes are its partials' in the order listed, whichever came first",
)
def order_of_the_list(client: Client) -> None:
    if not client.serves_downloads():
        raise NotTestable("the server hands no uploads out")
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        urls = make_all(client)
        url = final_of(client, *(urls[index] for index in order))
        expect_final(client, url, b"".join(BODIES[index] for index in order))


@check(
    "row-111-same-partial-twice",
    row=111,
    level="MAY",
    section=_SECTION,
    extension=_EXTENSION,
    title="a list may name a partial twice; its bytes are there twice",
)
def same_partial_twice(client: Client) -> None:
    first = make(client, BODIES[0])
    expect_final(client, final_of(client, first, first), BODIES[0] * 2)
    first, second = make(client, BODIES[0]), make(client, BODIES[1])
    url = final_of(client, first, second, first)
    expect_final(client, url, BODIES[0] + BODIES[1] + BODIES[0])


@check(
    "row-112-partial-in-two-finals",
    row=112,
    level="MAY",
    section=_SECTION,
    extension=_EXTENSION,
    title="a partial may be in several finals, each a whole upload of its own",
)
def partial_in_two_finals(client: Client) -> None:
    first, second = make(client, BODIES[0]), make(client, BODIES[1])
    one = final_of(client, first, second)
    response = join(client, listed(second, first))
    other = client.location(response)
    expect(one != other, "expected a Location of its own", response)
    for _ in range(2):
        expect_final(client, one, BODIES[0] + BODIES[1])
        expect_final(client, other, BODIES[1] + BODIES[0])


@check(
    "row-112-partials-stay",
    row=112,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="partials still answer HEAD when their final is made",
)
def partials_stay(client: Client) -> None:
    """The table's opening points: they stay for a grace time, so that the final can be sent
    again.
    """
    urls = make_all(client)
    expect_final(client, final_of(client, *urls), _WHOLE)
    for url, body in zip(urls, BODIES, strict=True):
        _expect_partial(client, url, len(body), len(body))


def _expect_partial(client: Client, url: str, offset: int, length: int) -> None:
    response = client.head(url)
    expect_status(response, 200, 204)
    expect_offset(response, offset)
    expect_field(response, "Upload-Length", str(length))
    expect_field(response, "Upload-Concat", "partial")
