"""2.1, steps 0 to 3: who asks, which file, which upload."""

from __future__ import annotations

import secrets

from ...expect import expect, expect_status
from ..client import Client, md5_of, span
from ..expect import NO_CHUNK, NO_LOGIN, expect_error, expect_progress
from ..forms import Body, FilePart, multipart, urlencoded
from ..registry import check


def unknown_id() -> str:
    return secrets.token_hex(16)


def _file(client: Client, content: bytes, name: str | None = None) -> FilePart:
    return FilePart(name=name or client.target.field_name, content=content)


@check(
    "legacy-2.1-00-anonymous-refused",
    needs=("anonymous refused",),
    title="nobody's chunk is a 403",
)
def anonymous_refused(client: Client) -> None:
    response = client.chunk(client.content(5), 0, 10, who="anonymous")
    expect_error(response, 403, NO_LOGIN)


@check(
    "legacy-2.1-00-permissions-before-the-form",
    needs=("anonymous refused",),
    title="who asks is judged before what is sent",
)
def permissions_before_the_form(client: Client) -> None:
    body = multipart([("upload_id", unknown_id())], [])
    expect_error(client.post(body, who="anonymous"), 403, NO_LOGIN)


@check(
    "legacy-2.1-00-anonymous-allowed",
    needs=("anonymous allowed",),
    title="nobody's upload is taken by views whose check_permissions does not raise",
)
def anonymous_allowed(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10, who="anonymous")
    client.append(upload_id, content[5:], 5, 10, who="anonymous")
    response = client.complete(upload_id, md5_of(content), who="anonymous")
    expect_status(response, 200)


@check("legacy-2.1-01-no-file", title="a form without a file is refused")
def no_file(client: Client) -> None:
    body = multipart([("other", "1")], [])
    expect_error(client.post(body, span(0, 5, 10)), 400, NO_CHUNK)


@check("legacy-2.1-01-file-of-another-name", title="a file under another field name is none")
def file_of_another_name(client: Client) -> None:
    part = _file(client, client.content(5), client.target.field_name + "-other")
    expect_error(client.post(multipart([], [part]), span(0, 5, 10)), 400, NO_CHUNK)


@check("legacy-2.1-01-text-instead-of-a-file", title="a text field of the file's name is no file")
def text_instead_of_a_file(client: Client) -> None:
    body = multipart([(client.target.field_name, "12345")], [])
    expect_error(client.post(body, span(0, 5, 10)), 400, NO_CHUNK)


@check("legacy-2.1-01-urlencoded-body", title="a urlencoded form holds no file")
def urlencoded_body(client: Client) -> None:
    body = urlencoded([(client.target.field_name, "12345")])
    expect_error(client.post(body, span(0, 5, 10)), 400, NO_CHUNK)


@check(
    "legacy-2.1-01-raw-body",
    title="a raw body, as jQuery-File-Upload sends with multipart: false, holds no file",
)
def raw_body(client: Client) -> None:
    body = Body(type="application/octet-stream", content=client.content(5))
    expect_error(client.post(body, span(0, 5, 10)), 400, NO_CHUNK)


@check(
    "legacy-2.1-01-file-before-the-upload",
    title="a missing file is said before an unknown upload is",
)
def file_before_the_upload(client: Client) -> None:
    body = multipart([("upload_id", unknown_id())], [])
    expect_error(client.post(body, span(0, 5, 10)), 400, NO_CHUNK)


@check(
    "legacy-2.1-01-last-file-counts",
    needs=("md5",),
    title="of several files of that name the last is the chunk, as a FormData that is used again "
    "sends them",
)
def last_file_counts(client: Client) -> None:
    content = client.content(15)
    upload_id = client.begin(content[:10], 15)
    parts = [_file(client, content[:10]), _file(client, content[10:])]
    body = multipart([("upload_id", upload_id)], parts)
    expect_progress(client.post(body, span(10, 5, 15)), 15, upload_id)
    client.expect_content(upload_id, content)


@check(
    "legacy-2.1-02-validate-before-the-upload",
    needs=("invalid field",),
    title="the upload view's validate speaks before an unknown upload is looked for",
)
def validate_before_the_upload(client: Client) -> None:
    assert client.target.invalid_field is not None
    fields = [client.target.invalid_field]
    response = client.chunk(client.content(5), 0, 5, unknown_id(), fields=fields)
    expect_status(response, *(status for status in range(400, 500) if status != 404))


@check(
    "legacy-2.1-02-validate-behind-the-file",
    needs=("invalid field",),
    title="a missing file is said before validate speaks",
)
def validate_behind_the_file(client: Client) -> None:
    assert client.target.invalid_field is not None
    body = multipart([client.target.invalid_field], [])
    expect_error(client.post(body), 400, NO_CHUNK)


@check("legacy-2.1-03-unknown-upload", title="an unknown upload_id is a 404")
def unknown_upload(client: Client) -> None:
    expect_status(client.chunk(client.content(5), 5, 10, unknown_id()), 404)


@check(
    "legacy-2.1-03-odd-upload-ids",
    title="an upload_id that can be none is a 404 as well, whatever is in it",
)
def odd_upload_ids(client: Client) -> None:
    for odd in ("x", "0" * 33, "9" * 2000, "../../etc/passwd", "\N{SNOWMAN}", "%s", "a\0b", " "):
        expect_status(client.chunk(client.content(5), 0, 5, odd), 404)


@check(
    "legacy-2.1-03-upload-before-the-header",
    title="an unknown upload is a 404 whatever Content-Range says, or without one",
)
def upload_before_the_header(client: Client) -> None:
    body = client.form(client.content(5), unknown_id())
    for content_range in (span(7, 5, 5), "bytes nonsense", span(0, 5, 10**15), None):
        expect_status(client.post(body, content_range), 404)


@check("legacy-2.1-03-last-upload-id-counts", title="of several upload_id fields the last counts")
def last_upload_id_counts(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    fields = [("upload_id", unknown_id()), ("upload_id", upload_id)]
    body = client.form(content[5:], fields=fields)
    expect_progress(client.post(body, span(5, 5, 10)), 10, upload_id)
    client.finish(upload_id, content)


@check("legacy-2.1-03-empty-upload-id", title="an empty upload_id counts as none: a new upload")
def empty_upload_id(client: Client) -> None:
    expect_progress(client.chunk(client.content(5), 0, 10, ""), 5)


@check(
    "legacy-2.1-03-upload-id-in-the-query",
    title="an upload_id in the query string is not read: a new upload",
)
def upload_id_in_the_query(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    body = client.form(content[:5])
    found = expect_progress(client.post(body, span(0, 5, 10), query=f"?upload_id={upload_id}"), 5)
    assert isinstance(found["upload_id"], str)
    client.expect_offset(upload_id, 5)
    client.append(upload_id, content[5:], 5, 10)


@check(
    "legacy-2.1-03-each-new-upload-has-its-id",
    title="chunks without an upload_id begin uploads of their own",
)
def each_new_upload_has_its_id(client: Client) -> None:
    content = client.content(5)
    answers = [client.chunk(content, 0, 10) for _ in range(3)]
    ids = {str(expect_progress(answer, 5)["upload_id"]) for answer in answers}
    expect(len(ids) == 3, f"expected three ids, got {sorted(ids)}", answers[0])


@check(
    "legacy-2.1-03-any-file-name",
    title="a first chunk is taken under any file name that a browser sends",
)
def any_file_name(client: Client) -> None:
    names = ("\N{SNOWMAN} Übung.pdf", "a" * 300 + ".bin", "C:\\dir\\a b.txt", 'q".txt', "x")
    for name in names:
        expect_progress(client.chunk(client.content(5), 0, 10, filename=name), 5)
