"""What checks say about an answer; each raises `CheckFailed` with the exchange."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from .target import CheckFailed
from .wire import Response

_NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII)
# RFC 9110, 5.6.7: the one form a sender may use.
_IMF_FIXDATE = "%a, %d %b %Y %H:%M:%S GMT"
_IMF_FIXDATE_SHAPE = re.compile(
    r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", re.ASCII
)


def expect(true: bool, message: str, response: Response) -> None:
    if not true:
        raise CheckFailed(message, response.sent, str(response))


def expect_status(response: Response, *allowed: int, why: str = "") -> None:
    wanted = " or ".join(map(str, allowed)) + (f" ({why})" if why else "")
    expect(response.status in allowed, f"expected {wanted}, got {response.status}", response)


def expect_field(response: Response, name: str, value: str) -> None:
    got = response.fields.get(name)
    told = "none" if got is None else repr(got)
    expect(got == value, f"expected {name}: {value!r}, got {told}", response)


def expect_present(response: Response, name: str) -> str:
    value = response.fields.get(name)
    expect(value is not None, f"expected {name} in the answer", response)
    return value or ""


def expect_absent(response: Response, *names: str) -> None:
    for name in names:
        expect(name not in response.fields, f"expected no {name} in the answer", response)


def expect_number(response: Response, name: str) -> int:
    value = expect_present(response, name)
    expect(
        _NUMBER.fullmatch(value) is not None,
        f"expected {name} to be a number, got {value!r}",
        response,
    )
    return int(value)


def expect_offset(response: Response, offset: int) -> None:
    expect_field(response, "Upload-Offset", str(offset))


def expect_date(response: Response, name: str) -> datetime:
    """The field as a time; RFC 9110, 5.6.7, IMF-fixdate."""
    value = expect_present(response, name)
    expect(
        _IMF_FIXDATE_SHAPE.fullmatch(value) is not None,
        f"expected {name} as IMF-fixdate, got {value!r}",
        response,
    )
    moment = datetime.strptime(value, _IMF_FIXDATE).replace(tzinfo=UTC)
    expect(
        moment.strftime(_IMF_FIXDATE) == value,
        f"{name}: {value!r} names the wrong day of the week",
        response,
    )
    return moment


def expect_unsupported_version(response: Response) -> None:
    """tus 1.0.0, Tus-Resumable: 412, and Tus-Version says what would be understood."""
    expect_status(response, 412)
    expect(
        "1.0.0" in response.fields.tokens("Tus-Version"),
        "expected Tus-Version with 1.0.0 in the 412",
        response,
    )
