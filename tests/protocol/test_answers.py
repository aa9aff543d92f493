"""tus 1.0.0: results and errors to answers."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.protocol.examples import EXPIRES, EXPIRES_TEXT, LARGEST, TYPE, facts
from tusbridge import errors
from tusbridge.protocol import tus
from tusbridge.protocol.rules import (
    Limits,
)

# --- answers


def test_options_tell_what_the_server_offers() -> None:
    answer = tus.render_options(Limits(max_length=1_048_576))
    assert answer.status == 200
    assert answer.body == ""
    assert answer.fields["Tus-Version"] == "1.0.0"
    assert answer.fields["Tus-Max-Size"] == "1048576"
    offered = answer.fields["Tus-Extension"].split(",")
    assert offered == [*tus.EXTENSIONS, *tus.CONCAT_EXTENSIONS]
    assert answer.fields["Tus-Checksum-Algorithm"] == "sha1,md5,sha256,sha512,crc32"


def test_concatenation_is_offered_only_where_the_store_can_do_it() -> None:
    answer = tus.render_options(Limits(max_length=5), can_concat=False)
    assert answer.fields["Tus-Extension"].split(",") == list(tus.EXTENSIONS)


def test_row_100_trailers_are_offered_only_where_they_are_handed_over() -> None:
    for has_trailers in (True, False):
        answer = tus.render_options(Limits(max_length=5), has_trailers=has_trailers)
        offered = answer.fields["Tus-Extension"].split(",")
        assert ("checksum-trailer" in offered) is has_trailers


@pytest.mark.parametrize("limit", [0, 5 * 2**40, LARGEST])
def test_options_tell_the_limit_as_a_plain_integer(limit: int) -> None:
    assert tus.render_options(Limits(max_length=limit)).fields["Tus-Max-Size"] == str(limit)


def test_announced_extensions_are_those_of_the_protocol_and_follow_from_each_other() -> None:
    known = {
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "termination",
        "checksum",
        "checksum-trailer",
        "concatenation",
        "concatenation-unfinished",
    }
    offered = tus.EXTENSIONS + tus.CONCAT_EXTENSIONS
    announced = set(offered)
    assert announced <= known
    assert len(announced) == len(offered)
    assert "creation" in announced or "creation-with-upload" not in announced
    assert "checksum" in announced or "checksum-trailer" not in announced
    assert "concatenation" in announced or "concatenation-unfinished" not in announced


def test_row_67_head_of_a_deferred_upload_says_so() -> None:
    fields = tus.render_head(facts(3, length=None)).fields
    assert fields["Upload-Defer-Length"] == "1"
    assert "Upload-Length" not in fields
    assert "Upload-Defer-Length" not in tus.render_head(facts(3)).fields


@pytest.mark.parametrize(("length", "told"), [(None, None), (12, "12")])
def test_row_125_head_of_a_waiting_final_has_no_offset(
    length: int | None, told: str | None
) -> None:
    concat = "final;/files/a /files/b"
    waiting = tus.UploadFacts(
        offset=None, length=length, metadata="", expires_at=None, concat=concat
    )
    fields = tus.render_head(waiting).fields
    assert "Upload-Offset" not in fields
    assert "Upload-Defer-Length" not in fields
    assert fields.get("Upload-Length") == told
    assert fields["Upload-Concat"] == concat


def test_created_upload_has_a_location_and_nothing_else() -> None:
    answer = tus.render_created(facts(0), "/files/a", with_offset=False)
    assert answer == tus.Answer(status=201, fields={"Location": "/files/a"}, body="")


def test_creation_with_a_body_tells_its_offset() -> None:
    answer = tus.render_created(facts(7, expires_at=EXPIRES), "/files/a", with_offset=True)
    assert answer.status == 201
    assert answer.fields == {
        "Location": "/files/a",
        "Upload-Offset": "7",
        "Upload-Expires": EXPIRES_TEXT,
    }


def test_created_upload_tells_when_it_expires() -> None:
    answer = tus.render_created(facts(0, expires_at=EXPIRES), "/files/a", with_offset=False)
    assert answer.fields["Upload-Expires"] == EXPIRES_TEXT


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        pytest.param(EXPIRES, {"Upload-Offset": "5", "Upload-Expires": EXPIRES_TEXT}, id="row-87"),
        pytest.param(None, {"Upload-Offset": "5"}, id="row-25"),
    ],
)
def test_append_is_answered_with_the_new_offset(
    expires_at: datetime | None, expected: dict[str, str]
) -> None:
    answer = tus.render_appended(facts(5, expires_at=expires_at))
    assert answer == tus.Answer(status=204, fields=expected, body="")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(facts(0), {"Upload-Offset": "0", "Upload-Length": "10"}, id="row-17-new"),
        pytest.param(
            facts(10), {"Upload-Offset": "10", "Upload-Length": "10"}, id="row-18-complete"
        ),
        pytest.param(
            facts(0, 0), {"Upload-Offset": "0", "Upload-Length": "0"}, id="row-51-empty-upload"
        ),
        pytest.param(
            facts(LARGEST, LARGEST),
            {"Upload-Offset": str(LARGEST), "Upload-Length": str(LARGEST)},
            id="row-19-the-largest",
        ),
        pytest.param(
            facts(metadata="k YQ==,l"),
            {"Upload-Offset": "5", "Upload-Length": "10", "Upload-Metadata": "k YQ==,l"},
            id="row-53-metadata",
        ),
        pytest.param(
            facts(expires_at=EXPIRES),
            {"Upload-Offset": "5", "Upload-Length": "10", "Upload-Expires": EXPIRES_TEXT},
            id="row-88-expires",
        ),
    ],
)
def test_head_tells_the_state(state: tus.UploadFacts, expected: dict[str, str]) -> None:
    answer = tus.render_head(state)
    assert answer.status == 200
    assert answer.body == ""
    assert answer.fields == expected | {"Cache-Control": "no-store"}


def test_head_of_a_deferred_length_has_no_length() -> None:
    assert "Upload-Length" not in tus.render_head(facts(5, None)).fields


def test_head_never_has_a_content_length_of_the_upload() -> None:
    assert "Content-Length" not in tus.render_head(facts()).fields


def test_termination_is_answered_with_nothing() -> None:
    assert tus.render_terminated() == tus.Answer(status=204, fields={}, body="")


# --- errors

EXAMPLES: list[tuple[errors.UploadError, int]] = [
    (errors.InvalidField("Upload-Offset", "is missing"), 400),
    (errors.HostNotAllowed(), 400),
    (errors.AmbiguousBody(), 400),
    (errors.BodyIncomplete(), 400),
    (errors.LengthConflict(10, 11), 400),
    (errors.NotSupported("Upload-Checksum"), 400),
    (errors.Unauthenticated(), 401),
    (errors.Forbidden(), 403),
    (errors.FinalUpload(), 403),
    (errors.PartialUpload(), 403),
    (errors.AlreadyAttached(), 409),
    (errors.AlreadyComplete(), 409),
    (errors.ChecksumMismatch("sha1"), 460),
    (errors.UploadNotFound(), 404),
    (errors.MethodNotAllowed(tus.UPLOAD_METHODS), 405),
    (errors.OffsetMismatch(5, 7), 409),
    (errors.UploadIncomplete(5, 10), 409),
    (errors.UploadGone(), 410),
    (errors.LengthRequired(), 411),
    (errors.UnsupportedVersion("1.0.0"), 412),
    (errors.TooLarge(10), 413),
    (errors.QuotaExceeded(100, 95, 10), 413),
    (errors.UnsupportedMediaType(TYPE), 415),
    (errors.PreconditionFailed("If-Match"), 412),
    (errors.RangeNotSatisfiable(10), 416),
    (errors.RowRefused("campaign"), 500),
    (errors.UploadBusy(), 423),
    (errors.LeaseLost(), 423),
    (errors.TooManyUploads(3), 429),
    (errors.TooManyCreations(5, 42), 429),
    (errors.BodyAlreadyRead(), 500),
    (errors.BodyTimeout(), 503),
    (errors.ServerStopping(), 503),
    (errors.DatabaseUnavailable(), 503),
    (errors.Overloaded(), 503),
    (errors.TooManyRequests(), 429),
    (errors.StoreError(), 503),
    (errors.BlobTruncated(5), 503),
    (errors.BytesMissing(), 503),
    (errors.NameBusy(), 503),
    (errors.StoreFull(), 507),
]
TRANSIENT = [error for error, _ in EXAMPLES if isinstance(error, errors.TransientError)]


def _code(value: object) -> str | None:
    return value.code if isinstance(value, errors.UploadError) else None


def _subclasses(base: type[errors.UploadError]) -> Iterator[type[errors.UploadError]]:
    for child in base.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from _subclasses(child)


def test_examples_below_are_all_errors_there_are() -> None:
    found = set(_subclasses(errors.UploadError)) - {errors.TransientError}
    raised = {error for error in found if not error.__name__.startswith("_")}
    assert {type(error) for error, _ in EXAMPLES} == raised


@pytest.mark.parametrize(("error", "status"), EXAMPLES, ids=_code)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "GET"])
def test_error_has_its_status(error: errors.UploadError, status: int, method: str) -> None:
    assert tus.render_error(error, method).status == status


@pytest.mark.parametrize(("error", "status"), EXAMPLES, ids=_code)
@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD"])
def test_error_is_one_line_that_is_not_cached(
    error: errors.UploadError, status: int, method: str
) -> None:
    answer = tus.render_error(error, method)
    assert answer.body == f"{error.code}: {error}\n"
    assert answer.body.count("\n") == 1
    assert answer.fields["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("error", "status"), EXAMPLES, ids=_code)
def test_error_never_has_a_location(error: errors.UploadError, status: int) -> None:
    assert "Location" not in tus.render_error(error, "POST").fields


@pytest.mark.parametrize("error", TRANSIENT, ids=_code)
def test_what_passes_is_423_on_head_and_tells_when_to_come_back(
    error: errors.TransientError,
) -> None:
    answer = tus.render_error(error, "HEAD")
    assert answer.status == 423
    assert answer.fields["Retry-After"] == str(error.retry_after_seconds)


@pytest.mark.parametrize("error", TRANSIENT, ids=_code)
def test_what_passes_tells_when_to_come_back(error: errors.TransientError) -> None:
    assert int(tus.render_error(error, "PATCH").fields["Retry-After"]) >= 1


@pytest.mark.parametrize(
    "error",
    [error for error, _ in EXAMPLES if not isinstance(error, errors.TransientError)],
    ids=_code,
)
def test_what_does_not_pass_is_not_worth_another_try(error: errors.UploadError) -> None:
    assert "Retry-After" not in tus.render_error(error, "PATCH").fields


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        pytest.param(errors.UnsupportedVersion("1.0.0"), "Tus-Version", "1.0.0", id="row-2"),
        pytest.param(errors.OffsetMismatch(5, 7), "Upload-Offset", "5", id="row-32-true-offset"),
        pytest.param(
            errors.RangeNotSatisfiable(10), "Content-Range", "bytes */10", id="rfc-9110-15.5.17"
        ),
        pytest.param(
            errors.RangeNotSatisfiable(0), "Content-Range", "bytes */0", id="rfc-9110-15.5.17-empty"
        ),
    ],
)
def test_error_carries_the_field_that_belongs_to_it(
    error: errors.UploadError, name: str, value: str
) -> None:
    assert tus.render_error(error, "PATCH").fields[name] == value


@pytest.mark.parametrize(
    "methods", [tus.COLLECTION_METHODS, tus.UPLOAD_METHODS], ids=["collection", "upload"]
)
def test_405_names_the_methods_there_are(methods: tuple[str, ...]) -> None:
    answer = tus.render_error(errors.MethodNotAllowed(methods), "FOO")
    assert answer.status == 405
    assert [name.strip() for name in answer.fields["Allow"].split(",")] == list(methods)
    # row 130: PUT means nothing here
    assert "PUT" not in answer.fields["Allow"]


@pytest.mark.parametrize(
    ("error", "method"),
    [
        pytest.param(errors.UploadNotFound(), "HEAD", id="row-20-unknown"),
        pytest.param(errors.UploadGone(), "HEAD", id="row-89-expired"),
        pytest.param(errors.UploadBusy(), "HEAD", id="busy"),
        pytest.param(errors.TooLarge(10), "PATCH", id="row-37-overrun"),
    ],
)
def test_other_errors_tell_no_offset(error: errors.UploadError, method: str) -> None:
    assert "Upload-Offset" not in tus.render_error(error, method).fields


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", [404, 410])
def test_expired_upload_answers_as_the_site_wants(method: str, status: int) -> None:
    assert tus.render_error(errors.UploadGone(), method, gone_status=status).status == status


def test_the_status_for_expired_uploads_changes_no_other_answer() -> None:
    assert tus.render_error(errors.UploadNotFound(), "HEAD", gone_status=410).status == 404
    assert tus.render_error(errors.OffsetMismatch(1, 2), "PATCH", gone_status=404).status == 409


@pytest.mark.parametrize(
    ("error", "status"),
    [(error, status) for error, status in EXAMPLES if status < 423 and status != 410],
    ids=_code,
)
def test_lasting_errors_are_the_same_on_head(error: errors.UploadError, status: int) -> None:
    assert tus.render_error(error, "HEAD").status == status


def test_a_401_names_the_schemes_by_which_one_logs_in() -> None:
    answer = tus.render_error(
        errors.Unauthenticated(), "GET", challenges=("Token", 'Basic realm="api"')
    )
    assert answer.fields["WWW-Authenticate"] == 'Token, Basic realm="api"'
