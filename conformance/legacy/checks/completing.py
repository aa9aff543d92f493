"""2.2: the complete view, step by step."""

from __future__ import annotations

import json
from itertools import product

from ...expect import expect_status
from ..client import Client, md5_of
from ..expect import (
    BOTH_NEEDED,
    COMPLETE_FOR_CHUNKS,
    ID_NEEDED,
    MD5_DIFFERS,
    NO_LOGIN,
    expect_data,
    expect_error,
    expect_json,
    expect_taken,
)
from ..forms import Body, multipart, urlencoded
from ..registry import check
from ..waiting import wait_until_expired
from .upload_form import unknown_id

_WRONG_MD5 = "0" * 32


@check(
    "legacy-2.2-00-anonymous-refused",
    needs=("anonymous refused",),
    title="nobody completes anything, whatever is in the form",
)
def anonymous_refused(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    expect_error(client.complete(upload_id, md5_of(content), who="anonymous"), 403, NO_LOGIN)
    expect_error(client.complete(None, None, who="anonymous"), 403, NO_LOGIN)
    client.finish(upload_id, content)


@check(
    "legacy-2.2-01-both-fields-needed",
    needs=("md5",),
    title="a missing or empty upload_id or md5 is refused",
)
def both_fields_needed(client: Client) -> None:
    content = client.content(5)
    upload_id, md5 = client.begin(content, 5), md5_of(content)
    for has_id, has_md5 in product((upload_id, None, ""), (md5, None, "")):
        if not (has_id and has_md5):
            expect_error(client.complete(has_id, has_md5), 400, BOTH_NEEDED)
    client.finish(upload_id, content)


@check(
    "legacy-2.2-01-id-needed",
    needs=("no md5",),
    title="without do_md5_check only upload_id is asked for",
)
def id_needed(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    for missing in (None, ""):
        expect_error(client.complete(missing, md5_of(content)), 400, ID_NEEDED)
        expect_error(client.complete(missing, None), 400, ID_NEEDED)
    expect_taken(client.complete(upload_id, None))


@check(
    "legacy-2.2-01-fields-before-the-upload",
    needs=("md5",),
    title="a missing md5 is said before an unknown upload is",
)
def fields_before_the_upload(client: Client) -> None:
    expect_error(client.complete(unknown_id(), None), 400, BOTH_NEEDED)


@check("legacy-2.2-02-unknown-upload", title="an unknown upload_id is a 404")
def unknown_upload(client: Client) -> None:
    for unknown in (unknown_id(), "x", "9" * 2000, "\N{SNOWMAN}", "a\0b"):
        expect_status(client.complete(unknown, _WRONG_MD5), 404)


@check(
    "legacy-2.2-03-validate-behind-the-upload",
    needs=("invalid field",),
    title="the complete view's validate speaks only once the upload is found",
)
def validate_behind_the_upload(client: Client) -> None:
    assert client.target.invalid_field is not None
    fields = [client.target.invalid_field]
    content = client.content(5)
    upload_id = client.begin(content, 5)
    expect_status(client.complete(unknown_id(), _WRONG_MD5, fields), 404)
    refused = client.complete(upload_id, md5_of(content), fields)
    expect_status(refused, *(status for status in range(400, 500) if status != 404))
    client.finish(upload_id, content)


@check(
    "legacy-2.2-04-again",
    title="completing again changes nothing: 200 once more, or 400",
)
def again(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    client.finish(upload_id, content)
    expect_status(client.complete(upload_id, md5_of(content)), 200, 400)
    expect_error(client.chunk(content, 5, 10, upload_id), 400, COMPLETE_FOR_CHUNKS)


@check(
    "legacy-2.2-05-md5-differs",
    needs=("md5",),
    title="a wrong md5 is refused; completing can be tried again",
)
def md5_differs(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content, 10)
    for wrong in (_WRONG_MD5, md5_of(content)[:31], "nonsense", md5_of(content) + "0"):
        expect_error(client.complete(upload_id, wrong), 400, MD5_DIFFERS)
    client.expect_content(upload_id, content)


@check(
    "legacy-2.2-05-chunks-after-a-wrong-md5",
    needs=("md5",),
    title="a wrong md5 leaves the upload open for chunks",
)
def chunks_after_a_wrong_md5(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    expect_error(client.complete(upload_id, md5_of(content)), 400, MD5_DIFFERS)
    client.append(upload_id, content[5:], 5, 10)
    client.expect_content(upload_id, content)


@check("legacy-2.2-06-complete", title="a completed upload is closed for chunks")
def complete(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    client.finish(upload_id, content)
    expect_error(client.chunk(content, 5, 10, upload_id), 400, COMPLETE_FOR_CHUNKS)


@check(
    "legacy-2.2-07-error-of-on-completion",
    needs=("failing field",),
    title="an error raised by on_completion is the answer, and the upload stays complete",
)
def error_of_on_completion(client: Client) -> None:
    content = client.content(5)
    for failing in client.target.failing_fields:
        upload_id = client.begin(content, 5)
        response = client.complete(upload_id, md5_of(content), [failing], may_crash=True)
        expect_status(response, *range(400, 600))
        expect_error(client.chunk(content, 5, 10, upload_id), 400, COMPLETE_FOR_CHUNKS)


@check(
    "legacy-2.2-08-empty-answer",
    needs=("empty answer",),
    title="the answer is 200 with an empty JSON object",
)
def empty_answer(client: Client) -> None:
    content = client.content(5)
    response = client.complete(client.begin(content, 5), md5_of(content))
    expect_status(response, 200)
    expect_data(response, {})


@check("legacy-2.2-08-answer", title="the answer is 200 with a JSON object")
def answer(client: Client) -> None:
    content = client.content(5)
    response = client.complete(client.begin(content, 5), md5_of(content))
    expect_status(response, 200)
    expect_json(response)


@check(
    "legacy-2.2-10-bytes-missing",
    title="that bytes are missing of the total told is not looked at",
)
def bytes_missing(client: Client) -> None:
    content = client.content(5)
    client.finish(client.begin(content, 10), content)


@check(
    "legacy-2.2-11-md5-not-looked-at",
    needs=("no md5",),
    title="without do_md5_check a wrong md5 completes, too",
)
def md5_not_looked_at(client: Client) -> None:
    expect_taken(client.complete(client.begin(client.content(5), 10), _WRONG_MD5))


@check(
    "legacy-2.2-12-md5-in-upper-case",
    needs=("md5",),
    title="an md5 in upper case is a wrong one",
)
def md5_in_upper_case(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    expect_error(client.complete(upload_id, md5_of(content).upper()), 400, MD5_DIFFERS)
    client.expect_content(upload_id, content)


@check(
    "legacy-2.2-12-blanks-around-the-md5",
    needs=("md5",),
    title="an md5 with blanks around it is a wrong one",
)
def blanks_around_the_md5(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    for wrong in (f" {md5_of(content)}", f"{md5_of(content)} ", f"{md5_of(content)}\n"):
        expect_error(client.complete(upload_id, wrong), 400, MD5_DIFFERS)
    client.expect_content(upload_id, content)


@check(
    "legacy-2.2-14-forms",
    title="the form may be urlencoded or multipart",
)
def forms(client: Client) -> None:
    content = client.content(5)
    for encode in (urlencoded, lambda fields: multipart(fields, [])):
        fields = [("upload_id", client.begin(content, 5)), ("md5", md5_of(content))]
        expect_taken(client.send("POST", client.target.complete_url, encode(fields)))


@check("legacy-2.2-14-json-body", title="JSON is not read")
def json_body(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    fields = {"upload_id": upload_id, "md5": md5_of(content)}
    body = Body(type="application/json", content=json.dumps(fields).encode())
    text = BOTH_NEEDED if client.target.do_md5_check else ID_NEEDED
    expect_error(client.send("POST", client.target.complete_url, body), 400, text)
    client.finish(upload_id, content)


@check("legacy-2.2-15-empty-file", title="an upload without a byte completes")
def empty_file(client: Client) -> None:
    client.finish(client.begin(b"", 0), b"")


@check(
    "legacy-2.2-09-expired",
    needs=("short expiry",),
    title="that an upload has expired is not looked at: it completes",
)
def expired(client: Client) -> None:
    content = client.content(5)
    upload_id = client.begin(content, 5)
    wait_until_expired(client, upload_id, 5)
    client.finish(upload_id, content)
