"""Rows 113 and 117: a final takes no bytes, and its metadata is its own."""

from __future__ import annotations

from ..client import METADATA, Change, Client, append_fields, wrong_version
from ..expect import expect, expect_absent, expect_present, expect_status
from ..partials import BODIES, expect_final, final_of, join, listed, make, make_all
from ..registry import NotTestable, check
from ..wire import Response

_EXTENSION = "concatenation"
_SECTION = "Concatenation"
_WHOLE = b"".join(BODIES)
_SECRET = "c2VjcmV0LmJpbg=="
_THEIRS: Change = {"Upload-Metadata": f"filename {_SECRET},filetype dGV4dC9wbGFpbg==,a YQ=="}


@check(
    "row-113-patch-of-a-final",
    row=113,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a PATCH of a final is 403 and changes nothing",
)
def patch_of_a_final(client: Client) -> None:
    urls = make_all(client)
    url = final_of(client, *urls)
    for offset, body in ((len(_WHOLE), b"12345"), (0, b"12345"), (len(_WHOLE), b"")):
        expect_status(client.patch(url, offset, body), 403, why=f"Upload-Offset {offset}")
        expect_final(client, url, _WHOLE, listed(*urls))


@check(
    "row-113-patch-of-a-final-by-override",
    row=113,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="a POST of a final that says PATCH is 403 and changes nothing",
)
def patch_of_a_final_by_override(client: Client) -> None:
    urls = make_all(client)
    url = final_of(client, *urls)
    change = {**append_fields(len(_WHOLE)), "X-HTTP-Method-Override": "PATCH"}
    expect_status(client.send("POST", url, change, b"12345"), 403)
    expect_final(client, url, _WHOLE, listed(*urls))


@check(
    "row-113-order-of-judgement",
    row=113,
    level="D",
    section=_SECTION,
    extension=_EXTENSION,
    title="that an upload is final is judged after the version and before all else",
)
def order_of_judgement(client: Client) -> None:
    """The table's opening points give this order."""
    url = final_of(client, *make_all(client))
    expect_status(client.patch(url, 0, b"1", wrong_version()), 412, why="version before final")
    changes: tuple[Change, ...] = (
        {"Content-Type": "text/plain"},
        {"Upload-Offset": None},
        {"Upload-Offset": "abc"},
        {"Upload-Offset": "3"},
        {"Upload-Length": "7"},
    )
    for change in changes:
        expect_status(client.patch(url, 0, b"1", change), 403, why=f"in spite of {change}")


@check(
    "row-117-metadata-of-its-own",
    row=117,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final has the metadata it was created with, nothing of its partials' mixed in",
)
def metadata_of_its_own(client: Client) -> None:
    """tus 1.0.0 says SHALL NOT. Whether it comes back byte for byte is row 53's."""
    first, second = make(client, BODIES[0], _THEIRS), make(client, BODIES[1], _THEIRS)
    response = _head_of(client, client.location(join(client, listed(first, second))))
    told = expect_present(response, "Upload-Metadata")
    own = METADATA.split(",")[0]
    expect(own in told and _SECRET not in told, f"expected {own}, no {_SECRET}", response)


@check(
    "row-117-metadata-not-carried-over",
    row=117,
    level="MUST",
    section=_SECTION,
    extension=_EXTENSION,
    title="a final created with no metadata has none of its partials'",
)
def metadata_not_carried_over(client: Client) -> None:
    first, second = make(client, BODIES[0], _THEIRS), make(client, BODIES[1], _THEIRS)
    url = client.location(join(client, listed(first, second), {"Upload-Metadata": None}))
    expect_absent(_head_of(client, url), "Upload-Metadata")


def _head_of(client: Client, url: str) -> Response:
    response = client.head(url)
    if response.status not in (200, 204):
        raise NotTestable("the server does not answer HEAD of such a final: rows 58 and 107")
    return response
