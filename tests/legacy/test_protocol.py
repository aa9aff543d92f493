"""The contract's rules: Content-Range, totals, the table of errors (sections 2.1 to 2.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy.protocol import (
    MAX_INTEGER,
    STATUS,
    ContentRange,
    is_strict,
    parse_content_range,
    parse_md5,
    render_error,
    render_range,
    told_length,
    whole_file,
)
from tests.test_errors import EXAMPLES
from tusbridge import errors


def a_range(start: int, end: int, total: int) -> ContentRange:
    return ContentRange(start=start, end=end, total=total)


@given(*[st.integers(0, MAX_INTEGER)] * 3)
def test_2_3_numbers_come_back(start: int, end: int, total: int) -> None:
    assert parse_content_range(f"bytes {start}-{end}/{total}") == a_range(start, end, total)


@pytest.mark.parametrize(
    "text",
    [
        *("", "bytes", "bytes 0-9", "bytes 0-9/*", "bytes */10", "Bytes 0-9/10", "bytes=0-9/10"),
        *("bytes  0-9/10", "bytes 0-9/10 ", " bytes 0-9/10", "bytes 0 - 9/10", "bytes -1-9/10"),
        *("bytes +0-9/10", "bytes 0x0-9/10", "bytes 0-9/1_0", "bytes 0-9/1.0", "bytes a-b/c"),
        "bytes 0-9/10, bytes 0-9/10",
    ],
)
def test_2_3_anything_else_is_no_field(text: str) -> None:
    assert parse_content_range(text) is None


@given(st.text())
def test_2_3_no_text_is_a_mistake_of_ours(text: str) -> None:
    found = parse_content_range(text)
    assert found is None or found.start >= 0


def test_2_3_leading_zeros_are_fine() -> None:
    assert parse_content_range("bytes 000-0009/" + "0" * 9000 + "10") == a_range(0, 9, 10)


@pytest.mark.parametrize("digits", [20, 4_301, 100_000])
def test_7_06_long_numbers_are_numbers_that_no_file_has(digits: int) -> None:
    found = parse_content_range(f"bytes {'9' * digits}-{'9' * digits}/{'9' * digits}")
    assert found is not None
    assert min(found.start, found.end, found.total) > MAX_INTEGER


@pytest.mark.parametrize(
    ("where", "length"),
    [
        pytest.param(a_range(0, 9, 10), 10, id="whole"),
        pytest.param(a_range(5, 9, 100), 100, id="in-the-middle"),
        pytest.param(a_range(0, 9, 1), None, id="beyond-its-total"),
        pytest.param(a_range(0, 9, MAX_INTEGER + 1), None, id="more-than-a-file-has"),
        pytest.param(whole_file(0), 0, id="empty-file"),
        pytest.param(a_range(10, 9, 10), 10, id="nothing-more"),
        pytest.param(a_range(10, 9, 20), 20, id="nothing-yet"),
    ],
)
def test_7_20_the_total_that_makes_sense_is_kept(where: ContentRange, length: int | None) -> None:
    assert told_length(where) == length


@pytest.mark.parametrize(
    ("where", "known", "expected"),
    [
        (a_range(0, 9, 10), None, True),
        (a_range(0, 9, 10), 10, True),
        (a_range(0, 9, 20), 10, False),
        (a_range(0, 9, 9), None, False),
    ],
)
def test_9_strict_totals(where: ContentRange, known: int | None, expected: bool) -> None:
    assert is_strict(where, known) is expected


def test_9_the_digest_is_taken_in_any_case() -> None:
    assert parse_md5(" D41D8CD98F00B204E9800998ECF8427E\n") == "d41d8cd98f00b204e9800998ecf8427e"


@pytest.mark.parametrize(("offset", "field"), [(0, None), (1, "bytes=0-0"), (500, "bytes=0-499")])
def test_9_the_range_of_an_answer_is_true(offset: int, field: str | None) -> None:
    assert render_range(offset) == field
    if field is not None:
        # what jQuery-File-Upload makes of it
        assert int(field.split("-")[1]) + 1 == offset


def test_every_error_has_an_answer() -> None:
    assert set(STATUS) == {type(error) for error in EXAMPLES}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: error.code)
def test_answers_are_json_with_a_text(error: errors.UploadError) -> None:
    status, data = render_error(error)
    assert status >= 400
    assert data["detail"]
    assert set(data) <= {"detail", "offset"}


@pytest.mark.parametrize(
    ("error", "status", "data"),
    [
        (errors.OffsetMismatch(7, 5), 400, {"detail": "Offsets do not match", "offset": 7}),
        (errors.TooLarge(9), 400, {"detail": "Size of file exceeds the limit (9 bytes)"}),
        (errors.UploadGone(), 410, {"detail": "Upload has expired"}),
        (
            errors.Unauthenticated(),
            403,
            {"detail": "Authentication credentials were not provided"},
        ),
        (
            errors.AlreadyComplete(),
            400,
            {"detail": "Upload has already been marked as complete"},
        ),
    ],
    ids=lambda value: value.code if isinstance(value, errors.UploadError) else None,
)
def test_2_where_the_contract_has_words(
    error: errors.UploadError, status: int, data: dict[str, object]
) -> None:
    assert render_error(error) == (status, data)
