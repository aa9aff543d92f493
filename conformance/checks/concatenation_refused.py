"""Rows 114 to 124 but 117: finals that cannot be, the same final twice, and a field to ignore."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import urlsplit

from ..client import METADATA, OFFSET_TYPE, Change, Client
from ..expect import (
    expect,
    expect_absent,
    expect_field,
    expect_offset,
    expect_status,
)
from ..limits import sendable_limit
from ..partials import (
    BODIES,
    PARTIAL,
    begin,
    expect_final,
    expect_refused,
    fill,
    final_of,
    join,
    listed,
    make,
    path_of,
)
from ..registry import NotTestable, check
from ..wire import Response

_EXTENSION = "concatenation"
_SECTION = "Concatenation"
_UNFINISHED = "concatenation-unfinished"


@check(
    "row-114-unfinished-partial",
    row=114,
    level="SHOULD",
    section=_SECTION,
    extension=_EXTENSION,
    title="without concatenation-unfinished a final of a partial that is not complete is 400",
)
def unfinished_partial(client: Client) -> None:
    if _UNFINISHED in client.extensions():
        raise NotTestable(f"{_UNFINISHED} is announced: row 125")
    complete, begun = make(client, BODIES[0]), begin(client, 10)
    for urls in ((begun,), (complete, begun), (begun, complete)):
        expect_refused(join(client, listed(*urls)), 400)
    fill(client, begun, b"1234567890")
    final_of(client, complete, begun)


@check(
    "row-115-unknown-partial",
    row=115,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final of a partial that is not there is 404 or 400",
)
def unknown_partial(client: Client) -> None:
    known, unknown = make(client, BODIES[0]), client.unknown_url()
    for urls in ((unknown,), (known, unknown), (unknown, known), (known, f"{known}nope")):
        expect_refused(join(client, listed(*urls)), 404, 400)


@check(
    "row-115-deleted-partial",
    row=115,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final of a partial that was deleted is 404, 410 or 400",
)
def deleted_partial(client: Client) -> None:
    client.require("termination")
    known, deleted = make(client, BODIES[0]), make(client, BODIES[1])
    expect_status(client.delete(deleted), 204)
    expect_refused(join(client, listed(known, deleted)), 404, 410, 400)


@check(
    "row-116-source-not-partial",
    row=116,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final of an upload that is no partial is 400, though it be complete, or a final",
)
def source_not_partial(client: Client) -> None:
    known, plain = make(client, BODIES[0]), client.create_complete(b"1234567890")
    final = final_of(client, make(client, BODIES[1]))
    for urls in ((plain,), (known, plain), (plain, known), (final,), (known, final)):
        expect_refused(join(client, listed(*urls)), 400)
    client.expect_offset(plain, 10)


@check(
    "row-118-neither-partial-nor-final",
    row=118,
    level="D",
    section="Upload-Concat",
    extension=_EXTENSION,
    title="an Upload-Concat that is neither partial nor final with a list is 400",
)
def neither_partial_nor_final(client: Client) -> None:
    path = path_of(make(client, BODIES[0]))
    for value in ("foo", "final", "final;", "partial;", f"partial;{path}", f"final,{path}", path):
        for length in ("10", None):
            response = join(client, value, {"Upload-Length": length})
            expect_refused(response, 400, why=f"Upload-Concat: {value}")


@check(
    "row-119-sum-over-the-limit",
    row=119,
    level="MUST",
    section="Tus-Max-Size",
    extension=_EXTENSION,
    title="a final whose partials are over Tus-Max-Size together is 413",
)
def sum_over_the_limit(client: Client) -> None:
    limit = sendable_limit(client)
    half = limit // 2
    one, other = make(client, bytes(half + 1)), make(client, bytes(half + 1))
    rest = make(client, bytes(limit - half - 1))
    expect_refused(join(client, listed(one, other)), 413)
    expect_refused(join(client, listed(one, rest, other)), 413)
    client.location(join(client, listed(one, rest)))


@check(
    "row-120-path-of-no-upload",
    row=120,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a list with a path that leads elsewhere is 400 or 404",
)
def path_of_no_upload(client: Client) -> None:
    known = make(client, BODIES[0])
    parent = path_of(known).rpartition("/")[0]
    for path in (
        f"{parent}/../../etc/x",
        f"{parent}/../../../../etc/passwd",
        f"{parent}/..%2F..%2Fetc%2Fpasswd",
        "/etc/passwd",
        "file:///etc/passwd",
        f"{parent}/",
        f"{parent}/%00",
    ):
        for value in (f"final;{path}", f"final;{path_of(known)} {path}"):
            expect_refused(join(client, value), 400, 404, why=f"Upload-Concat: {value}")


@check(
    "row-120-other-host",
    row=120,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a list with a URL on another host is 400 or 404, or joins the server's own partial; "
    "what the client says of a proxy changes nothing",
)
def other_host(client: Client) -> None:
    """A proxy that rewrites the host has clients name partials by a host that the server does not
    know. Row 64: fields of proxies do not count from just anyone."""
    known = make(client, BODIES[0])
    scheme = urlsplit(known).scheme
    for there in (f"{scheme}://elsewhere.example", "//elsewhere.example"):
        elsewhere = f"{there}{path_of(known)}"
        for value, body in (
            (f"final;{elsewhere}", BODIES[0]),
            (f"final;{known} {elsewhere}", BODIES[0] * 2),
        ):
            response = join(client, value)
            again = join(client, value, {"X-Forwarded-Host": "elsewhere.example"})
            if response.status == 201:
                expect_final(client, client.location(response), body)
                expect_final(client, client.location(again), body)
            else:
                expect_refused(response, 400, 404, why=f"Upload-Concat: {value}")
                expect_refused(again, 400, 404, why=f"Upload-Concat: {value}")


@check(
    "row-120-foreign-partial",
    row=120,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    needs=("--other-header",),
    title="a list with another user's partial is 400 or 404",
)
def foreign_partial(client: Client) -> None:
    if client.target.other_headers is None:
        raise NotTestable("needs a second user's headers (--other-header)")
    foreign = make(client, BODIES[0])
    change = {**PARTIAL, "Upload-Length": "0"}
    own = client.location(_post_as_other(client, change))
    expect_status(client.send("HEAD", own, other=True), 200, 204)
    for urls in ((foreign,), (own, foreign), (foreign, own)):
        response = _post_as_other(client, {"Upload-Concat": listed(*urls)})
        expect_refused(response, 400, 404)
    expect_final(client, final_of(client, foreign), BODIES[0])


@check(
    "row-121-final-with-length",
    row=121,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final that tells a length is 400, though it be the right one",
)
def final_with_length(client: Client) -> None:
    """D, for tus 1.0.0 binds the client here: it MUST NOT send one."""
    first, second = make(client, BODIES[0]), make(client, BODIES[1])
    right = len(BODIES[0]) + len(BODIES[1])
    for length in (right, right + 1, 0):
        response = join(client, listed(first, second), {"Upload-Length": str(length)})
        expect_refused(response, 400, why=f"Upload-Length: {length}")


@check(
    "row-122-final-with-body",
    row=122,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final that brings bytes is 403",
)
def final_with_body(client: Client) -> None:
    client.require("creation-with-upload")
    value = listed(make(client, BODIES[0]))
    change: Change = {"Upload-Concat": value, "Content-Type": OFFSET_TYPE}
    expect_refused(client.post(change, b"12345"), 403)
    change = {**change, "Upload-Metadata": METADATA}
    response = client.send_chunked("POST", client.target.url, change, (b"123", b"45"))
    expect_refused(response, 403, why="without Content-Length")


@check(
    "row-123-same-final-again",
    row=123,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="the same final sent again, as after a lost answer, is 201 with the same Location",
)
def same_final_again(client: Client) -> None:
    first, second = make(client, BODIES[0]), make(client, BODIES[1])
    url = final_of(client, first, second)
    for _ in range(2):
        response = join(client, listed(first, second))
        same = client.location(response) == url
        expect(same, f"expected the Location given before, {url}", response)
        expect_final(client, url, BODIES[0] + BODIES[1])


@check(
    "row-123-same-final-at-once",
    row=123,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="the same final sent twice at once makes one upload",
)
def same_final_at_once(client: Client) -> None:
    """The second may be told to come back while the first is being made."""
    value = listed(make(client, BODIES[0]), make(client, BODIES[1]))
    together = Barrier(2)

    def send(_: int) -> Response:
        together.wait()
        return join(client, value)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(send, range(2)))
    for answer in answers:
        expect_status(answer, 201, 409, 423, 503)
    made = {client.location(answer) for answer in answers if answer.status == 201}
    expect(len(made) == 1, f"expected one upload, got {sorted(made)}", answers[0])
    expect_final(client, made.pop(), BODIES[0] + BODIES[1])


@check(
    "row-123-same-final-after-its-end",
    row=123,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="when the final was deleted in between, no Location of what is gone is given",
)
def same_final_after_its_end(client: Client) -> None:
    client.require("termination")
    partial = make(client, BODIES[0])
    url = final_of(client, partial)
    expect_status(client.delete(url), 204)
    response = join(client, listed(partial))
    if response.status == 201:
        expect_final(client, client.location(response), BODIES[0])
    else:
        expect_refused(response, 400, 404, 409, 410)


@check(
    "row-124-concat-on-other-requests",
    row=124,
    level="D",
    section="Upload-Concat",
    extension=_EXTENSION,
    title="Upload-Concat: partial on a PATCH and HEAD, as tus-js-client sends it, is ignored",
)
def concat_on_other_requests(client: Client) -> None:
    url = begin(client, 10)
    for offset in (0, 5):
        response = client.patch(url, offset, b"1234567890"[offset : offset + 5], PARTIAL)
        expect_status(response, 204)
        expect_offset(response, offset + 5)
        response = client.head(url, PARTIAL)
        expect_status(response, 200, 204)
        expect_offset(response, offset + 5)
        expect_field(response, "Upload-Concat", "partial")
    expect_final(client, final_of(client, url), b"1234567890")


@check(
    "row-124-concat-makes-no-partial-later",
    row=124,
    level="D",
    section="Upload-Concat",
    extension=_EXTENSION,
    title="Upload-Concat: partial on a PATCH makes no partial of an upload that was not created so",
)
def concat_makes_no_partial_later(client: Client) -> None:
    url = client.create()
    expect_status(client.patch(url, 0, b"1234567890", PARTIAL), 204)
    for change in (PARTIAL, {}):
        response = client.head(url, change)
        expect_offset(response, 10)
        expect_absent(response, "Upload-Concat")
    client.expect_content(url, b"1234567890")


def _post_as_other(client: Client, change: Change) -> Response:
    whole = {"Upload-Metadata": METADATA, **change}
    return client.send("POST", client.target.url, whole, other=True)
