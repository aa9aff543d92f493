"""What the checks of concatenation share: partial uploads, finals of them, and a look at both."""

from __future__ import annotations

from urllib.parse import urlsplit

from .client import Change, Client, sample
from .expect import expect_absent, expect_field, expect_offset, expect_status
from .wire import Response

PARTIAL: Change = {"Upload-Concat": "partial"}
# A server may put a final together behind its 201; so much it never takes for some kB.
JOINED_WITHIN_SECONDS = 10
# Partials of unlike lengths and content, so that no mix-up goes unseen.
BODIES = (sample(5_000, seed=110), sample(7_001, seed=111), sample(3_333, seed=112))


def begin(client: Client, length: int | None, change: Change | None = None) -> str:
    """An empty partial's URL; without a length it is deferred."""
    told: Change = (
        {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
    )
    return client.location(
        client.post({"Upload-Metadata": None, **PARTIAL, **told, **(change or {})})
    )


def fill(client: Client, url: str, body: bytes) -> None:
    """Brings an empty upload's bytes."""
    response = client.patch(url, 0, body)
    expect_status(response, 204)
    expect_offset(response, len(body))


def make(client: Client, body: bytes, change: Change | None = None) -> str:
    """A complete partial's URL."""
    url = begin(client, len(body), change)
    fill(client, url, body)
    return url


def make_all(client: Client) -> list[str]:
    """One complete partial for each of `BODIES`."""
    return [make(client, body) for body in BODIES]


def path_of(url: str) -> str:
    return urlsplit(url).path


def listed(*urls: str) -> str:
    """The field's value for a final of these, by their paths."""
    return "final;" + " ".join(map(path_of, urls))


def join(client: Client, value: str, change: Change | None = None) -> Response:
    """The answer to the creation of a final."""
    return client.post({"Upload-Concat": value, **(change or {})})


def final_of(client: Client, *urls: str) -> str:
    """A final's URL."""
    return client.location(join(client, listed(*urls)))


def expect_final(client: Client, url: str, content: bytes, value: str | None = None) -> None:
    """A final of complete partials: whole at once for HEAD, by and by for GET where that works."""
    response = client.head(url)
    expect_status(response, 200, 204)
    expect_offset(response, len(content))
    expect_field(response, "Upload-Length", str(len(content)))
    if value is not None:
        expect_field(response, "Upload-Concat", value)
    if client.serves_downloads():
        client.expect_download(url, content, within_seconds=JOINED_WITHIN_SECONDS)


def expect_refused(response: Response, *statuses: int, why: str = "") -> None:
    """No final is made: one of these statuses, and no Location."""
    expect_status(response, *statuses, why=why)
    expect_absent(response, "Location")
