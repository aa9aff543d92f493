"""The errors: each has its place in every table, a stable code, and a text for clients."""

import re
from collections.abc import Iterator

import pytest

from tusbridge import errors
from tusbridge.errors import TransientError, UploadError
from tusbridge.protocol import tus

# Bases that are never raised themselves.
BASES = {UploadError, TransientError, errors._Crowded}

EXAMPLES: list[UploadError] = [
    errors.InvalidField("Upload-Offset", "has to be a non-negative integer"),
    errors.HostNotAllowed(),
    errors.HostNotAllowed(is_name=False),
    errors.UnsupportedVersion("1.0.0"),
    errors.UnsupportedMediaType("application/offset+octet-stream"),
    errors.MethodNotAllowed(("OPTIONS", "POST")),
    errors.NotSupported("Upload-Concat"),
    errors.AmbiguousBody(),
    errors.LengthRequired(),
    errors.Unauthenticated(),
    errors.Forbidden(),
    errors.Forbidden("no more than ten uploads a day"),
    errors.FinalUpload(),
    errors.PartialUpload(),
    errors.ChecksumMismatch("sha1"),
    errors.UploadNotFound(),
    errors.UploadGone(),
    errors.UploadIncomplete(5, 10),
    errors.UploadIncomplete(5, None),
    errors.AlreadyAttached(),
    errors.AlreadyComplete(),
    errors.OffsetMismatch(5, 7),
    errors.LengthConflict(10, 11),
    errors.TooLarge(10),
    errors.TooLarge(10, "the rest of the upload"),
    errors.QuotaExceeded(100, 95, 10),
    errors.QuotaExceeded(100, 120),
    errors.TooManyUploads(3),
    errors.TooManyCreations(5, 42),
    errors.RangeNotSatisfiable(10),
    errors.UploadBusy(),
    errors.LeaseLost(),
    errors.BodyIncomplete(),
    errors.BodyAlreadyRead(),
    errors.BodyTimeout(),
    errors.ServerStopping(),
    errors.DatabaseUnavailable(),
    errors.Overloaded(),
    errors.PreconditionFailed("If-Match"),
    errors.RowRefused(),
    errors.RowRefused("invoice"),
    errors.TooManyRequests(),
    errors.StoreError(),
    errors.StoreFull(),
    errors.BlobTruncated(5),
    errors.BytesMissing(),
    errors.NameBusy(),
]


def _walk(base: type[UploadError]) -> Iterator[type[UploadError]]:
    for child in base.__subclasses__():
        # errors that other tests define are not ours
        if child.__module__.partition(".")[0] == "tusbridge":
            yield child
            yield from _walk(child)


ALL = sorted(set(_walk(UploadError)) - BASES, key=lambda error: error.__name__)


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_error_has_a_status_in_tus(error: type[UploadError]) -> None:
    assert 400 <= tus.STATUS[error] <= 599


@pytest.mark.parametrize("base", BASES, ids=lambda error: error.__name__)
def test_base_is_no_error_of_its_own(base: type[UploadError]) -> None:
    assert base not in tus.STATUS
    assert not hasattr(base, "code")


def test_tables_name_nothing_but_errors() -> None:
    assert set(tus.STATUS) == set(ALL)


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_error_has_a_code_of_its_own_in_kebab_case(error: type[UploadError]) -> None:
    assert "code" in vars(error)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)


def test_codes_are_unique() -> None:
    codes = [error.code for error in ALL]
    assert sorted(codes) == sorted(set(codes))


def test_there_is_an_example_of_every_error() -> None:
    assert {type(example) for example in EXAMPLES} == set(ALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.code)
def test_text_is_one_line(example: UploadError) -> None:
    text = str(example)
    assert text
    assert text == text.strip()
    assert text.isascii()
    assert text.isprintable()


@pytest.mark.parametrize(
    "error",
    [error for error in ALL if issubclass(error, TransientError)],
    ids=lambda error: error.__name__,
)
def test_what_passes_says_after_how_many_seconds(error: type[TransientError]) -> None:
    assert isinstance(error.retry_after_seconds, int)
    assert 1 <= error.retry_after_seconds <= 60


@pytest.mark.parametrize(
    ("example", "facts"),
    [
        (errors.InvalidField("A", "is missing"), {"name": "A", "why": "is missing"}),
        (errors.UnsupportedVersion("1.0.0"), {"supported": "1.0.0"}),
        (errors.UnsupportedMediaType("a/b"), {"expected": "a/b"}),
        (errors.MethodNotAllowed(("GET", "PUT")), {"allowed": ("GET", "PUT")}),
        (errors.NotSupported("X"), {"what": "X"}),
        (errors.UploadIncomplete(5, None), {"offset": 5, "length": None}),
        (errors.OffsetMismatch(5, 7), {"expected": 5, "got": 7}),
        (errors.LengthConflict(10, 11), {"expected": 10, "got": 11}),
        (errors.TooLarge(10), {"limit": 10}),
        (errors.QuotaExceeded(100, 95, 10), {"limit": 100, "used": 95, "wanted": 10}),
        (errors.QuotaExceeded(100, 120), {"limit": 100, "used": 120, "wanted": None}),
        (errors.TooManyUploads(3), {"limit": 3}),
        (errors.TooManyCreations(5, 42), {"limit": 5, "retry_after_seconds": 42}),
        (errors.RangeNotSatisfiable(10), {"length": 10}),
        (errors.BlobTruncated(5), {"available": 5}),
    ],
    ids=lambda value: value.code if isinstance(value, UploadError) else "",
)
def test_error_carries_its_facts(example: UploadError, facts: dict[str, object]) -> None:
    assert {name: getattr(example, name) for name in facts} == facts
