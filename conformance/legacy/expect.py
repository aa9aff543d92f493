"""What checks say about an answer of the two views; each raises `CheckFailed` with the exchange."""

from __future__ import annotations

import json
import re
from typing import Any

from ..expect import expect, expect_absent, expect_field, expect_status
from ..wire import Response

# 2.4: `uuid4().hex`.
UPLOAD_ID = re.compile(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")
# 2.4: as DjangoJSONEncoder writes it; the zone is missing with USE_TZ = False.
EXPIRES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?(?P<zone>Z?)", re.ASCII)
_LIMIT = re.compile(r"Size of file exceeds the limit \((\d+) bytes\)", re.ASCII)
JSON_TYPE = "application/json"

NO_CHUNK = "No chunk file was submitted"
EXPIRED = "Upload has expired"
# the two views differ in the quotes
COMPLETE_FOR_CHUNKS = 'Upload has already been marked as "complete"'
COMPLETE = "Upload has already been marked as complete"
BAD_HEADERS = "Error in request headers"
OFFSETS_DIFFER = "Offsets do not match"
SIZES_DIFFER = "File size doesn't match headers"
MD5_DIFFERS = "md5 checksum does not match"
BOTH_NEEDED = "Both 'upload_id' and 'md5' are required"
ID_NEEDED = "'upload_id' is required"
NO_LOGIN = "Authentication credentials were not provided"


def expect_json(response: Response) -> dict[str, Any]:
    """The JSON object in the answer."""
    expect_field(response, "Content-Type", JSON_TYPE)
    try:
        found = json.loads(response.body)
    except ValueError:
        found = None
    expect(isinstance(found, dict), "expected a JSON object in the answer", response)
    return dict(found or {})


def expect_data(response: Response, wanted: dict[str, Any]) -> None:
    found = expect_json(response)
    expect(found == wanted, f"expected exactly {wanted}, got {found}", response)


def expect_error(response: Response, status: int, detail: str, **more: Any) -> None:
    expect_status(response, status)
    expect_data(response, {"detail": detail, **more})


def expect_offset_error(response: Response, offset: int) -> None:
    """2.1, step 8: the one error with a second key."""
    expect_error(response, 400, OFFSETS_DIFFER, offset=offset)


def expect_limit_error(response: Response, limit: int | None) -> None:
    expect_error(response, 400, f"Size of file exceeds the limit ({limit} bytes)")


def is_over_a_limit(response: Response, total: int) -> bool:
    """Whether the total is refused for a limit that the caller did not know of."""
    if response.status != 400:
        return False
    named = _LIMIT.fullmatch(str(expect_json(response).get("detail")))
    return named is not None and int(named[1]) < total


def expect_progress(
    response: Response, offset: int, upload_id: str | None = None
) -> dict[str, Any]:
    """The three keys of a chunk that was taken; `upload_id` is the one it has to be."""
    expect_status(response, 200)
    found = expect_json(response)
    keys = sorted(found)
    wanted = ["expires", "offset", "upload_id"]
    expect(keys == wanted, f"expected exactly the keys {wanted}, got {keys}", response)
    got = found["offset"]
    is_number = isinstance(got, int) and not isinstance(got, bool)
    expect(is_number and got == offset, f"expected offset {offset}, got {got!r}", response)
    _expect_upload_id(response, found["upload_id"], upload_id)
    _expect_true_range(response, offset)
    return found


def expect_taken(response: Response) -> None:
    """The upload is complete; what a site answers then is its own."""
    expect_status(response, 200)
    expect_json(response)


def _expect_upload_id(response: Response, got: object, wanted: str | None) -> None:
    is_id = isinstance(got, str) and UPLOAD_ID.fullmatch(got) is not None
    expect(is_id, f"expected upload_id as the hex of a uuid4, got {got!r}", response)
    same = wanted in (None, got)
    expect(same, f"expected upload_id {wanted}, got {got!r}", response)


def _expect_true_range(response: Response, offset: int) -> None:
    """Section 6: jQuery-File-Upload goes on behind the second number; a wrong one loses bytes."""
    if offset == 0:
        expect_absent(response, "Range")
    elif "Range" in response.fields:
        expect_field(response, "Range", f"bytes=0-{offset - 1}")
