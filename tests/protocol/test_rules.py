"""What a request may do to an upload, decided without a byte, a row or a clock."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tusbridge.errors import (
    FinalUpload,
    InvalidField,
    LengthConflict,
    OffsetMismatch,
    TooLarge,
    UploadError,
    UploadGone,
)
from tusbridge.protocol.checksums import Checksum
from tusbridge.protocol.rules import (
    AppendPlan,
    AppendRequest,
    CreateRequest,
    Limits,
    UploadState,
    check_alive,
    check_takes_bytes,
    plan_append,
    plan_concat,
    plan_create,
)

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
LIMITS = Limits(max_length=100)
LARGEST = 2**63 - 1
# Busy machines draw slowly; what is looked for here is wrong answers.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def creation(length: int, content_length: int | None = 0) -> CreateRequest:
    return CreateRequest(
        length=length,
        metadata="",
        filename="",
        content_type="",
        has_body=content_length != 0,
        content_length=content_length,
    )


def upload(offset: int, length: int | None = 10, expires_at: datetime | None = None) -> UploadState:
    return UploadState(
        offset=offset, length=length, is_complete=offset == length, expires_at=expires_at
    )


def append(offset: int, content_length: int | None, length: int | None = None) -> AppendRequest:
    return AppendRequest(offset=offset, content_length=content_length, length=length)


# --- creation


@pytest.mark.parametrize(
    ("length", "content_length"),
    [
        pytest.param(10, 0, id="row-48-without-a-body"),
        pytest.param(0, 0, id="row-51-empty-upload"),
        pytest.param(100, 0, id="row-52-exactly-the-limit"),
        pytest.param(10, 10, id="row-78-whole-body"),
        pytest.param(10, 4, id="row-79-part-of-the-body"),
        pytest.param(10, None, id="row-78-body-of-unknown-length"),
        pytest.param(0, None, id="row-51-empty-upload-with-a-body-of-unknown-length"),
    ],
)
def test_creation_within_the_limit_may_write_up_to_its_length(
    length: int, content_length: int | None
) -> None:
    plan = plan_create(creation(length, content_length), LIMITS)
    assert plan == AppendPlan(offset=0, limit=length)


@pytest.mark.parametrize(
    ("length", "content_length", "limit"),
    [
        pytest.param(101, 0, 100, id="row-52-one-over-the-limit"),
        pytest.param(LARGEST, 0, 100, id="row-52-the-largest-integer"),
        pytest.param(101, 101, 100, id="row-52-over-the-limit-with-its-body"),
        pytest.param(101, 102, 100, id="row-52-the-limit-is-judged-before-the-body"),
        pytest.param(10, 11, 10, id="row-80-body-one-longer-than-the-upload"),
        pytest.param(0, 1, 0, id="row-80-body-of-an-empty-upload"),
        pytest.param(10, LARGEST, 10, id="row-80-body-of-the-largest-integer"),
    ],
)
def test_creation_over_a_limit_is_too_large(
    length: int, content_length: int | None, limit: int
) -> None:
    with pytest.raises(TooLarge) as caught:
        plan_create(creation(length, content_length), LIMITS)
    assert caught.value.limit == limit


def test_a_limit_of_zero_takes_empty_uploads_only() -> None:
    none = Limits(max_length=0)
    assert plan_create(creation(0), none) == AppendPlan(offset=0, limit=0)
    with pytest.raises(TooLarge):
        plan_create(creation(1), none)


# --- append


@pytest.mark.parametrize(
    ("state", "request_", "plan"),
    [
        pytest.param(upload(0), append(0, 5), (0, 10), id="row-25-first-bytes"),
        pytest.param(upload(5), append(5, 5), (5, 5), id="row-26-last-bytes"),
        pytest.param(upload(0), append(0, 10), (0, 10), id="row-25-all-at-once"),
        pytest.param(upload(5), append(5, 0), (5, 5), id="row-38-empty-body"),
        pytest.param(upload(5), append(5, None), (5, 5), id="row-40-unknown-length"),
        pytest.param(upload(10), append(10, 0), (10, 0), id="row-39-empty-body-at-the-end"),
        pytest.param(upload(10), append(10, None), (10, 0), id="row-39-unknown-length-at-the-end"),
        pytest.param(upload(0, 0), append(0, 0), (0, 0), id="row-51-empty-upload"),
        pytest.param(upload(5), append(5, 5, 10), (5, 5), id="row-77-the-same-length-again"),
        pytest.param(
            upload(10), append(10, 0, 10), (10, 0), id="row-77-the-same-length-at-the-end"
        ),
        pytest.param(upload(0, None), append(0, 100), (0, 100), id="row-75-up-to-the-maximum"),
        pytest.param(upload(40, None), append(40, None), (40, 60), id="row-75-rest-of-the-maximum"),
        pytest.param(upload(5, None), append(5, 5), (5, 95), id="row-70-length-still-deferred"),
    ],
)
def test_append_at_the_end_may_write_what_is_left(
    state: UploadState, request_: AppendRequest, plan: tuple[int, int]
) -> None:
    assert plan_append(state, request_, LIMITS) == AppendPlan(offset=plan[0], limit=plan[1])


@pytest.mark.parametrize(
    ("state", "request_"),
    [
        pytest.param(upload(0), append(1, 5), id="row-30-one-ahead"),
        pytest.param(upload(5), append(10, 0), id="row-30-at-the-length"),
        pytest.param(upload(5), append(LARGEST, 1), id="row-30-the-largest-integer"),
        pytest.param(upload(5), append(4, 5), id="row-31-one-behind"),
        pytest.param(upload(5), append(0, 10), id="row-31-from-the-start"),
        pytest.param(upload(10), append(0, 10), id="row-31-complete-upload-from-the-start"),
        pytest.param(upload(10), append(9, 0), id="row-31-complete-upload-one-behind"),
        pytest.param(upload(5, None), append(6, 1), id="row-30-deferred-length"),
    ],
)
def test_append_elsewhere_is_an_offset_mismatch(
    state: UploadState, request_: AppendRequest
) -> None:
    with pytest.raises(OffsetMismatch) as caught:
        plan_append(state, request_, LIMITS)
    assert (caught.value.expected, caught.value.got) == (state.offset, request_.offset)


@pytest.mark.parametrize(
    "length",
    [
        pytest.param(11, id="row-77-longer"),
        pytest.param(9, id="row-77-shorter"),
        pytest.param(0, id="row-77-zero"),
        pytest.param(4, id="row-73-below-the-offset"),
        pytest.param(LARGEST, id="row-77-the-largest-integer"),
    ],
)
def test_append_with_another_length_is_a_length_conflict(length: int) -> None:
    with pytest.raises(LengthConflict) as caught:
        plan_append(upload(5), append(5, 1, length), LIMITS)
    assert (caught.value.expected, caught.value.got) == (10, length)


@pytest.mark.parametrize(
    ("state", "request_", "limit"),
    [
        pytest.param(upload(0), append(0, 11), 10, id="row-37-one-too-many"),
        pytest.param(upload(5), append(5, 6), 5, id="row-37-one-too-many-at-the-rest"),
        pytest.param(upload(5), append(5, LARGEST), 5, id="row-37-the-largest-integer"),
        pytest.param(upload(10), append(10, 1), 0, id="row-39-bytes-for-a-complete-upload"),
        pytest.param(upload(0, 0), append(0, 1), 0, id="row-51-bytes-for-an-empty-upload"),
        pytest.param(upload(0, None), append(0, 101), 100, id="row-75-over-the-maximum"),
        pytest.param(upload(99, None), append(99, 2), 1, id="row-75-over-the-rest-of-the-maximum"),
    ],
)
def test_append_of_more_than_is_left_is_too_large(
    state: UploadState, request_: AppendRequest, limit: int
) -> None:
    with pytest.raises(TooLarge) as caught:
        plan_append(state, request_, LIMITS)
    assert caught.value.limit == limit


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        pytest.param(append(4, 99, 11), OffsetMismatch, id="offset-before-length-and-overrun"),
        pytest.param(append(4, 99), OffsetMismatch, id="offset-before-overrun"),
        pytest.param(append(5, 99, 11), LengthConflict, id="length-before-overrun"),
    ],
)
def test_append_is_judged_in_the_order_of_the_rules(
    request_: AppendRequest, error: type[UploadError]
) -> None:
    with pytest.raises(error):
        plan_append(upload(5), request_, LIMITS)


def test_upload_created_under_a_higher_limit_can_still_be_finished() -> None:
    plan = plan_append(upload(5), append(5, 5), Limits(max_length=1))
    assert plan == AppendPlan(offset=5, limit=5)


offsets = st.integers(0, LARGEST)


@unhurried
@given(offsets, offsets, offsets, st.none() | offsets, st.none() | offsets)
def test_no_plan_ever_reaches_past_the_length(
    first: int, second: int, offset: int, content_length: int | None, named: int | None
) -> None:
    state = upload(min(first, second), max(first, second))
    request = append(offset, content_length, named)
    try:
        plan = plan_append(state, request, Limits(max_length=LARGEST))
    except (OffsetMismatch, LengthConflict, TooLarge):
        return
    assert plan.offset == state.offset == request.offset
    assert plan.offset + plan.limit == state.length
    assert content_length is None or content_length <= plan.limit


# --- deferred length (rows 67 to 77)


def test_row_67_a_creation_of_deferred_length_may_write_up_to_the_limit() -> None:
    request = CreateRequest(
        length=None, metadata="", filename="", content_type="", has_body=True, content_length=None
    )
    assert plan_create(request, LIMITS) == AppendPlan(offset=0, limit=100)


@pytest.mark.parametrize("length", [5, 10, 100])
def test_row_71_the_length_is_set_by_the_append_that_tells_it(length: int) -> None:
    plan = plan_append(upload(5, None), append(5, 0, length), LIMITS)
    assert plan == AppendPlan(offset=5, limit=length - 5, length=length)


@pytest.mark.parametrize(
    ("state", "request_", "error"),
    [
        pytest.param(upload(5, 10), append(5, 0, 11), LengthConflict, id="row-72-another-length"),
        pytest.param(upload(5, None), append(5, 0, 4), InvalidField, id="row-73-below-the-offset"),
        pytest.param(upload(5, None), append(5, 0, 101), TooLarge, id="row-74-over-the-limit"),
        pytest.param(upload(5, None), append(5, 96), TooLarge, id="row-75-body-over-the-limit"),
        pytest.param(upload(5, None), append(5, 6, 10), TooLarge, id="row-71-body-over-the-length"),
        pytest.param(
            upload(5, None), append(6, 0, 4), OffsetMismatch, id="offset-is-judged-before-length"
        ),
    ],
)
def test_a_length_that_cannot_be_is_refused(
    state: UploadState, request_: AppendRequest, error: type[UploadError]
) -> None:
    with pytest.raises(error):
        plan_append(state, request_, LIMITS)


def test_row_72_77_the_same_length_again_changes_nothing() -> None:
    assert plan_append(upload(5, 10), append(5, 5, 10), LIMITS).length is None


# --- checksum (rows 93 to 96)


def test_row_93_a_checksum_is_part_of_the_plan() -> None:
    request = AppendRequest(offset=0, content_length=3, checksum="crc32 NSRBwg==")
    wanted = Checksum(algorithm="crc32", digest=bytes.fromhex("352441c2"))
    assert plan_append(upload(0), request, LIMITS).checksum == wanted


@pytest.mark.parametrize(
    ("offset", "content_length", "error"),
    [
        pytest.param(0, 3, InvalidField, id="row-95-unknown-algorithm"),
        pytest.param(1, 3, OffsetMismatch, id="offset-is-judged-before-the-algorithm"),
        pytest.param(0, 11, TooLarge, id="overrun-is-judged-before-the-algorithm"),
    ],
)
def test_the_algorithm_is_judged_last(
    offset: int, content_length: int, error: type[UploadError]
) -> None:
    request = AppendRequest(offset=offset, content_length=content_length, checksum="rot13 YQ==")
    with pytest.raises(error):
        plan_append(upload(0), request, LIMITS)


# --- concatenation (rows 107, 113, 119, 125)


@pytest.mark.parametrize(
    ("lengths", "length"),
    [([5], 5), ([5, 0, 7], 12), ([50, 50], 100), ([5, None], None), ([None], None)],
)
def test_row_107_125_a_final_upload_is_as_long_as_its_parts(
    lengths: list[int | None], length: int | None
) -> None:
    assert plan_concat(lengths, LIMITS) == length


@pytest.mark.parametrize("lengths", [[101], [50, 51], [101, None]])
def test_row_119_parts_over_the_limit_together_are_refused(lengths: list[int | None]) -> None:
    with pytest.raises(TooLarge) as caught:
        plan_concat(lengths, LIMITS)
    assert caught.value.limit == 100


def test_row_113_only_a_final_upload_takes_no_bytes() -> None:
    final = UploadState(offset=5, length=5, is_complete=True, expires_at=None, concat="final")
    with pytest.raises(FinalUpload):
        check_takes_bytes(final)
    check_takes_bytes(upload(5))


def test_a_partial_upload_expires_though_it_is_complete() -> None:
    past = NOW - timedelta(seconds=1)
    part = UploadState(offset=5, length=5, is_complete=True, expires_at=past, concat="partial")
    with pytest.raises(UploadGone):
        check_alive(part, NOW)


# --- expiration


@pytest.mark.parametrize(
    ("state", "is_gone"),
    [
        pytest.param(upload(5, 10, NOW - timedelta(days=1)), True, id="row-89-a-day-ago"),
        pytest.param(upload(5, 10, NOW - timedelta(microseconds=1)), True, id="row-89-just-past"),
        pytest.param(upload(0, None, NOW - timedelta(days=1)), True, id="row-89-deferred-length"),
        pytest.param(upload(5, 10, NOW + timedelta(microseconds=1)), False, id="row-89-not-yet"),
        pytest.param(upload(5, 10, None), False, id="row-89-never-expires"),
        pytest.param(upload(10, 10, NOW - timedelta(days=1)), False, id="row-91-complete"),
        pytest.param(upload(0, 0, NOW - timedelta(days=1)), False, id="row-91-complete-and-empty"),
        pytest.param(upload(10, 10, None), False, id="row-91-complete-never-expires"),
    ],
)
def test_only_unfinished_uploads_expire(state: UploadState, is_gone: bool) -> None:
    if is_gone:
        with pytest.raises(UploadGone):
            check_alive(state, NOW)
    else:
        check_alive(state, NOW)


# --- values


@pytest.mark.parametrize(
    "value",
    [LIMITS, upload(5), creation(5), append(0, 5), AppendPlan(offset=0, limit=5)],
    ids=lambda value: type(value).__name__,
)
def test_values_cannot_be_changed(value: object) -> None:
    name = next(iter(type(value).__slots__))  # type: ignore[attr-defined]
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, 1)
