"""Row 1: every answer tells the version, be it the right one for its request or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..client import OFFSET_TYPE, Client, append_fields, wrong_version
from ..expect import expect
from ..partials import join, listed, make
from ..registry import check
from ..wire import Response


@check(
    "row-001-version-in-every-answer",
    row=1,
    level="MUST",
    section="Tus-Resumable",
    title="good and bad requests alike are answered with Tus-Resumable",
)
def version_in_every_answer(client: Client) -> None:
    """tus 1.0.0, Tus-Resumable. Whether an answer is the right one is for the other rows, server
    errors included.
    """
    for response in (*_answers_of_the_core(client), *_answers_of_extensions(client)):
        _expect_version(response)
    client.violations.clear()


@check(
    "row-001-version-in-downloads",
    row=1,
    level="D",
    section="Tus-Resumable",
    title="a GET that names the version is answered with it too, whether there is a file or not",
)
def version_in_downloads(client: Client) -> None:
    """tus 1.0.0 knows no GET; the row says any method but OPTIONS."""
    for url in (client.create_complete(b"1234567890"), client.create(), client.unknown_url()):
        _expect_version(client.download(url))


@check(
    "row-001-version-in-refused-methods",
    row=1,
    level="D",
    section="Tus-Resumable",
    title="a PUT, though tus knows none, is answered with Tus-Resumable too",
)
def version_in_refused_methods(client: Client) -> None:
    _expect_version(client.send("PUT", client.create()))
    client.violations.clear()


def _answers_of_the_core(client: Client) -> Iterator[Response]:
    url, unknown = client.create(), client.unknown_url()
    for method in ("HEAD", "PATCH"):
        yield client.send(method, unknown, append_fields(0))
        yield client.send(method, url, {**append_fields(0), **wrong_version()})
    yield client.head(url)
    yield client.patch(url, 3, b"12345")
    yield client.patch(url, 0, b"12345", {"Content-Type": "text/plain"})
    yield client.patch(url, 0, b"12345", {"Upload-Offset": None})
    yield client.patch(url, 0, b"12345678901")
    yield client.send("POST", url, {**append_fields(0), "X-HTTP-Method-Override": "HEAD"})
    yield client.patch(url, 0, b"12345")
    yield client.patch(url, 5, b"67890")
    yield client.head(url)


def _answers_of_extensions(client: Client) -> Iterator[Response]:
    announced = client.extensions()
    for name, answers in _EXTENSIONS.items():
        if name in announced:
            yield from answers(client)


def _answers_of_creation(client: Client) -> Iterator[Response]:
    yield client.post({"Upload-Length": "10"})
    yield client.post({"Upload-Length": None})
    yield client.post({"Upload-Length": "10", **wrong_version()})
    limit = client.options().fields.get("Tus-Max-Size") or ""
    if limit.isdecimal():
        yield client.post({"Upload-Length": str(int(limit) + 1)})


def _answers_of_creation_with_upload(client: Client) -> Iterator[Response]:
    for length in ("10", "5"):
        yield client.post({"Content-Type": OFFSET_TYPE, "Upload-Length": length}, b"1234567890")


def _answers_of_termination(client: Client) -> Iterator[Response]:
    url = client.create()
    for change in (wrong_version(), {}, {}):
        yield client.send("DELETE", url, change)
    yield client.head(url)


def _answers_of_checksum(client: Client) -> Iterator[Response]:
    url = client.create()
    for value in ("sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "nope YQ=="):
        yield client.patch(url, 0, b"12345", {"Upload-Checksum": value})


def _answers_of_concatenation(client: Client) -> Iterator[Response]:
    created = join(client, listed(make(client, b"12345"), make(client, b"67890")))
    yield created
    if created.status == 201:
        yield client.head(client.location(created))
        yield client.patch(client.location(created), 10, b"x")
    yield join(client, listed(client.unknown_url()))


_EXTENSIONS: dict[str, Callable[[Client], Iterator[Response]]] = {
    "creation": _answers_of_creation,
    "creation-with-upload": _answers_of_creation_with_upload,
    "termination": _answers_of_termination,
    "checksum": _answers_of_checksum,
    "concatenation": _answers_of_concatenation,
}


def _expect_version(response: Response) -> None:
    told = response.fields.all("Tus-Resumable")
    got = ", ".join(told) or "none"
    expect(told == ["1.0.0"], f"expected Tus-Resumable: 1.0.0 in the answer, got {got}", response)
