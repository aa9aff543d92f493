"""2.5: who may go on with an upload."""

from __future__ import annotations

from ...expect import expect_status
from ..client import Client, Who, md5_of
from ..expect import NO_LOGIN, expect_error, expect_progress, expect_taken
from ..registry import check


def _expect_hidden(client: Client, upload_id: str, content: bytes, who: Who) -> None:
    """404 from both views, never 403, whatever state the upload is in."""
    for start in (5, 0):
        expect_status(client.chunk(content[5:], start, 10, upload_id, who=who), 404)
    expect_status(client.complete(upload_id, md5_of(content[:5]), who=who), 404)


@check(
    "legacy-2.5-01-strangers-upload",
    needs=("second user", "owners"),
    title="another user's upload is a 404, never a 403, open or complete",
)
def strangers_upload(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    _expect_hidden(client, upload_id, content, "other")
    client.append(upload_id, content[5:], 5, 10)
    client.finish(upload_id, content)
    _expect_hidden(client, upload_id, content, "other")


@check(
    "legacy-2.5-01-two-users",
    needs=("second user", "md5"),
    title="two users upload side by side",
)
def two_users(client: Client) -> None:
    mine, theirs = client.content(10, seed=1), client.content(10, seed=2)
    my_id = client.begin(mine[:5], 10)
    their_id = client.begin(theirs[:5], 10, who="other")
    client.append(my_id, mine[5:], 5, 10)
    client.append(their_id, theirs[5:], 5, 10, who="other")
    client.expect_content(my_id, mine)
    expect_taken(client.complete(their_id, md5_of(theirs), who="other"))


@check(
    "legacy-2.5-02-anonymous-refused",
    needs=("anonymous refused",),
    title="nobody is told 403 whether or not the upload exists",
)
def anonymous_refused(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    for named in (upload_id, "0" * 32):
        chunk = client.chunk(content[5:], 5, 10, named, who="anonymous")
        expect_error(chunk, 403, NO_LOGIN)
        complete = client.complete(named, md5_of(content), who="anonymous")
        expect_error(complete, 403, NO_LOGIN)
    client.append(upload_id, content[5:], 5, 10)


@check(
    "legacy-2.5-03-anonymous-sees-all",
    needs=("anonymous allowed", "login"),
    title="in open views nobody goes on with everybody's uploads, users' ones too",
)
def anonymous_sees_all(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    client.append(upload_id, content[5:], 5, 10, who="anonymous")
    expect_taken(client.complete(upload_id, md5_of(content), who="anonymous"))


@check(
    "legacy-2.5-04-begun-anonymously",
    needs=("anonymous allowed", "login", "owners"),
    title="an upload begun by nobody is a 404 for who has logged in since",
)
def begun_anonymously(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10, who="anonymous")
    _expect_hidden(client, upload_id, content, "own")
    client.append(upload_id, content[5:], 5, 10, who="anonymous")


@check(
    "legacy-2.5-05-model-without-owners",
    needs=("second user", "no owners"),
    title="with a model that has no user field everybody goes on with everybody's uploads",
)
def model_without_owners(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content[:5], 10)
    response = client.chunk(content[5:], 5, 10, upload_id, who="other")
    expect_progress(response, 10, upload_id)
    expect_taken(client.complete(upload_id, md5_of(content), who="other"))
