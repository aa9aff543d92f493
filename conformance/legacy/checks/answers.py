"""2.4: what answers look like, and the methods that there are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ...expect import expect, expect_present, expect_status
from ...target import NotTestable
from ...wire import Response
from ..client import Client
from ..expect import EXPIRES, expect_json, expect_progress
from ..registry import check

_OTHER_METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE")
# between storing the row and writing the answer
_SLACK = timedelta(seconds=2)


def _expect_form(response: Response, expires: object) -> str:
    """The zone, `Z` or nothing."""
    match = EXPIRES.fullmatch(expires) if isinstance(expires, str) else None
    expect(match is not None, f"expected expires as JSON has times, got {expires!r}", response)
    return match["zone"] if match else ""


@check(
    "legacy-2.4-01-success",
    title="a chunk is answered with application/json and exactly upload_id, offset and expires",
)
def success(client: Client) -> None:
    content = client.content(10)
    found = expect_progress(client.chunk(content[:5], 0, 10), 5)
    upload_id = str(found["upload_id"])
    expect_progress(client.chunk(content[5:], 5, 10, upload_id), 10, upload_id)


@check(
    "legacy-2.4-02-form-of-expires",
    title="expires is a time of ISO 8601, with milliseconds, Z or no zone",
)
def form_of_expires(client: Client) -> None:
    response = client.chunk(client.content(5), 0, 10)
    first = expect_progress(response, 5)
    _expect_form(response, first["expires"])


@check("legacy-2.4-02-expires-in-utc", needs=("zone",), title="with USE_TZ expires ends in Z")
def expires_in_utc(client: Client) -> None:
    response = client.chunk(client.content(5), 0, 10)
    zone = _expect_form(response, expect_progress(response, 5)["expires"])
    expect(zone == "Z", "expected expires to end in Z", response)


@check("legacy-2.4-02-expires-without-zone", needs=("no zone",), title="without USE_TZ it has none")
def expires_without_zone(client: Client) -> None:
    response = client.chunk(client.content(5), 0, 10)
    zone = _expect_form(response, expect_progress(response, 5)["expires"])
    expect(zone == "", "expected expires to have no zone", response)


@check(
    "legacy-2.4-03-expires-stays",
    title="expires is counted from the first chunk and does not move with later ones",
)
def expires_stays(client: Client) -> None:
    content = client.content(15)
    response = client.chunk(content[:5], 0, 15)
    first = expect_progress(response, 5)
    upload_id = str(first["upload_id"])
    for start in (5, 10):
        response = client.chunk(content[start : start + 5], start, 15, upload_id)
        found = expect_progress(response, start + 5, upload_id)
        same = found["expires"] == first["expires"]
        expect(same, f"expected expires {first['expires']}, got {found['expires']}", response)


@check(
    "legacy-2.4-03-life-of-an-upload",
    needs=("zone", "expiry"),
    title="expires is the time of the first chunk and the life of an upload",
)
def life_of_an_upload(client: Client) -> None:
    response = client.chunk(client.content(5), 0, 10)
    told = expect_progress(response, 5)["expires"]
    expect(_expect_form(response, told) == "Z", "expected expires to end in Z", response)
    expires = datetime.fromisoformat(told)
    if "Date" not in response.fields:
        raise NotTestable("the answer has no Date")
    answered = parsedate_to_datetime(expect_present(response, "Date")).astimezone(UTC)
    life = timedelta(seconds=client.target.expire_seconds or 0)
    off = abs(expires - life - answered)
    expect(off <= _SLACK, f"expected expires {life} from now, it is {off} off", response)


@check(
    "legacy-2.4-04-errors",
    title="an error is application/json with exactly detail, and offset where offsets differ",
)
def errors(client: Client) -> None:
    upload_id = client.begin(client.content(5), 10)
    for response in (
        client.send("POST", client.target.upload_url, client.complete_form("x", "x")),
        client.send("POST", client.target.complete_url, client.complete_form(None, None)),
    ):
        expect_status(response, 400)
        found = expect_json(response)
        alone = list(found) == ["detail"] and isinstance(found["detail"], str)
        expect(alone, f"expected only a detail, got {found}", response)
    client.expect_offset(upload_id, 5)


@check(
    "legacy-2.4-05-other-methods",
    title="both views answer any other method with 405 and Allow: POST, OPTIONS",
)
def other_methods(client: Client) -> None:
    for url, form in client.each_view():
        for method in _OTHER_METHODS:
            body = form() if method in ("PUT", "PATCH") else None
            response = client.send(method, url, body)
            expect_status(response, 405)
            allowed = sorted(response.fields.tokens("Allow"))
            wanted = ["OPTIONS", "POST"]
            expect(allowed == wanted, f"expected Allow of {wanted}, got {allowed}", response)


@check("legacy-2.4-06-options", title="both views answer OPTIONS with 200 and nothing in it")
def options(client: Client) -> None:
    for url, _ in client.each_view():
        response = client.send("OPTIONS", url)
        expect_status(response, 200)
        expect(response.body == b"", "expected no body", response)
        expect(response.fields.get("Content-Length") == "0", "expected no body", response)


@check(
    "legacy-2.4-06-no-cors",
    title="OPTIONS from another site's page is answered without fields that would let it in",
)
def no_cors(client: Client) -> None:
    change: dict[str, str | None] = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-disposition,content-range,x-csrftoken",
    }
    for url, _ in client.each_view():
        response = client.send("OPTIONS", url, change=change)
        expect_status(response, 200)
        names = [name for name, _ in response.fields.lines]
        cors = [name for name in names if name.lower().startswith("access-control-")]
        expect(not cors, f"expected no CORS fields, got {cors}", response)


@check(
    "legacy-2.4-07-no-state-to-get",
    title="there is no GET of an upload's state: the offset is told by a chunk that is wrong",
)
def no_state_to_get(client: Client) -> None:
    upload_id = client.begin(client.content(5), 10)
    for url, _ in client.each_view():
        expect_status(client.send("GET", f"{url}?upload_id={upload_id}"), 405)
    client.expect_offset(upload_id, 5)
