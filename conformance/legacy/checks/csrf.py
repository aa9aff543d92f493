"""Section 2: no view is exempt from Django's protection against forged requests."""

from __future__ import annotations

from ...expect import expect_status
from ..client import Client, md5_of, span
from ..expect import expect_progress, expect_taken
from ..forms import urlencoded
from ..registry import check


def _without_token(client: Client) -> dict[str, str | None]:
    """Takes the field out, however the caller wrote it."""
    names = [name for name, _ in client.target.headers if name.lower() == "x-csrftoken"]
    return dict.fromkeys(names)


def _token(client: Client) -> tuple[str, str]:
    values = [value for name, value in client.target.headers if name.lower() == "x-csrftoken"]
    return "csrfmiddlewaretoken", values[0]


@check(
    "legacy-2.0-01-chunk-without-csrf-token",
    needs=("csrf",),
    title="a chunk without the site's CSRF token is refused",
)
def chunk_without_csrf_token(client: Client) -> None:
    change = {"Content-Range": span(0, 5, 10), **_without_token(client)}
    body = client.form(client.content(5))
    expect_status(client.send("POST", client.target.upload_url, body, change), 403)


@check(
    "legacy-2.0-02-complete-without-csrf-token",
    needs=("csrf",),
    title="completing without the site's CSRF token is refused, and the upload stays open",
)
def complete_without_csrf_token(client: Client) -> None:
    content = client.content(10)
    upload_id = client.begin(content, 10)
    body = client.complete_form(upload_id, md5_of(content))
    change = _without_token(client)
    expect_status(client.send("POST", client.target.complete_url, body, change), 403)
    client.finish(upload_id, content)


@check(
    "legacy-2.0-03-csrf-token-in-the-form",
    needs=("csrf",),
    title="the token may come as the form field csrfmiddlewaretoken instead",
)
def csrf_token_in_the_form(client: Client) -> None:
    content, token = client.content(10), _token(client)
    change = {"Content-Range": span(0, 10, 10), **_without_token(client)}
    body = client.form(content, fields=[token])
    found = expect_progress(client.send("POST", client.target.upload_url, body, change), 10)
    fields = [token, ("upload_id", str(found["upload_id"])), ("md5", md5_of(content))]
    form = urlencoded(fields)
    url = client.target.complete_url
    expect_taken(client.send("POST", url, form, _without_token(client)))
