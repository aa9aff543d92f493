"""tus 1.0.0: header fields to request values; results and errors to answers.

``Fields`` are read by lower-case name. Nothing here knows Django; ``api/tus.py`` carries an
:class:`Answer` over into a response.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from tusbridge import errors
from tusbridge.protocol.checksums import ALGORITHMS
from tusbridge.protocol.fields import (
    parse_integer,
    parse_media_type,
    parse_metadata,
    render_date,
    render_list,
)
from tusbridge.protocol.rules import FINAL, PARTIAL, AppendRequest, CreateRequest, Limits

VERSION = "1.0.0"
OFFSET_MEDIA_TYPE = "application/offset+octet-stream"
EXTENSIONS: tuple[str, ...] = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "expiration",
    "termination",
    "checksum",
)
# Only where the HTTP server hands trailers over.
TRAILER_EXTENSION = "checksum-trailer"
# Only where the store can join uploads.
CONCAT_EXTENSIONS = ("concatenation", "concatenation-unfinished")
ALL_EXTENSIONS = (*EXTENSIONS, TRAILER_EXTENSION, *CONCAT_EXTENSIONS)
# What an extension means nothing without.
_STANDS_ON = {
    "creation-with-upload": "creation",
    "creation-defer-length": "creation",
    TRAILER_EXTENSION: "checksum",
    "concatenation-unfinished": "concatenation",
}
# Request fields that mean nothing where their extension is not announced; of a PATCH, one more.
_FIELDS_OF = {
    "checksum": {"upload-checksum"},
    "creation-defer-length": {"upload-defer-length"},
    "concatenation": {"upload-concat"},
}
_LENGTH_OF_PATCH = "upload-length"
# Partial uploads that one final upload may be made of.
MAX_PARTS = 1000
UPLOAD_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
# URLs, and what is between them: the field is told again as it came, so nothing else gets in.
_URLS = re.compile(r"[\t -~]*", re.ASCII)
# Of URLs that name a part; a path has none.
_SCHEMES = frozenset({"", "http", "https"})
COLLECTION_METHODS = ("OPTIONS", "POST")
UPLOAD_METHODS = ("OPTIONS", "HEAD", "GET", "PATCH", "DELETE")

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response before it is Django's: status, fields in order, one-line text body."""

    status: int
    fields: Mapping[str, str]
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadFacts:
    """What an answer tells of an upload: bytes, the client's metadata, when it expires.

    ``concat`` is the Upload-Concat field, empty where there was none; ``offset`` is None for a
    final upload whose parts are not all there yet.
    """

    offset: int | None
    length: int | None
    metadata: str
    expires_at: datetime | None
    concat: str = ""


# Characters of a part's URL. urlsplit remembers the last hundred that it was given.
_LONGEST_URL = 2048
# The one table from errors to statuses. Whatever passes by itself is 423 on HEAD, for
# tus-js-client forgets the upload on every other error of a HEAD.
STATUS: Mapping[type[errors.UploadError], int] = {
    errors.InvalidField: 400,
    errors.HostNotAllowed: 400,
    errors.AmbiguousBody: 400,
    errors.BodyIncomplete: 400,
    errors.LengthConflict: 400,
    errors.NotSupported: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.FinalUpload: 403,
    errors.PartialUpload: 403,
    errors.UploadNotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.AlreadyAttached: 409,
    errors.AlreadyComplete: 409,
    errors.OffsetMismatch: 409,
    errors.UploadIncomplete: 409,
    errors.UploadGone: 410,
    errors.LengthRequired: 411,
    errors.UnsupportedVersion: 412,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.QuotaExceeded: 413,
    errors.UnsupportedMediaType: 415,
    errors.RangeNotSatisfiable: 416,
    errors.UploadBusy: 423,
    errors.LeaseLost: 423,
    errors.TooManyUploads: 429,
    errors.TooManyCreations: 429,
    errors.TooManyRequests: 429,
    errors.ChecksumMismatch: 460,
    errors.BodyAlreadyRead: 500,
    errors.RowRefused: 500,
    errors.BodyTimeout: 503,
    errors.ServerStopping: 503,
    errors.DatabaseUnavailable: 503,
    errors.Overloaded: 503,
    errors.StoreError: 503,
    errors.BlobTruncated: 503,
    errors.BytesMissing: 503,
    errors.NameBusy: 503,
    errors.StoreFull: 507,
}


def check_extensions(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Extensions that may be announced together; None stands for all.

    :raises ValueError: one is unknown, ``creation`` or what another one stands on is missing.
    """
    if names is None:
        return None
    for name in names:
        if name not in ALL_EXTENSIONS:
            raise ValueError(f"unknown extension {name!r}: use {', '.join(ALL_EXTENSIONS)}")
        if _STANDS_ON.get(name, name) not in names:
            raise ValueError(f"{name} needs {_STANDS_ON[name]}")
    if "creation" not in names:
        raise ValueError("creation is missing: without it no upload can be made")
    return names


def is_announced(extension: str, names: Collection[str] | None) -> bool:
    """Whether an extension is among those that a site announces; None stands for all."""
    return names is None or extension in names


@lru_cache(maxsize=8)
def unknown_fields(method: str, names: tuple[str, ...] | None) -> frozenset[str]:
    """Request fields, in lower case, that belong to extensions which are not announced."""
    if names is None:
        return frozenset()
    found = {
        field
        for extension, fields in _FIELDS_OF.items()
        if extension not in names
        for field in fields
    }
    if method == "PATCH" and "creation-defer-length" not in names:
        found.add(_LENGTH_OF_PATCH)
    return frozenset(found)


def known_methods(methods: tuple[str, ...], names: tuple[str, ...] | None) -> tuple[str, ...]:
    """The methods of a resource that are left where only these extensions are announced."""
    if is_announced("termination", names):
        return methods
    return tuple(method for method in methods if method != "DELETE")


def check_version(fields: Fields) -> None:
    """:raises UnsupportedVersion: Tus-Resumable is missing or another (tus 1.0.0)."""
    if fields.get("tus-resumable") != VERSION:
        raise errors.UnsupportedVersion(VERSION)


def effective_method(method: str, fields: Fields) -> str:
    """The method to act on (tus 1.0.0, X-HTTP-Method-Override: the actual one is ignored)."""
    override = fields.get("x-http-method-override", "").strip(" \t")
    return override.upper() if override else method


def parse_create(
    fields: Fields, *, has_trailers: bool = False, takes_bytes: bool = True
) -> CreateRequest:
    """The fields of a creation (tus 1.0.0, creation, creation-with-upload, creation-defer-length
    and concatenation); ``has_trailers`` where the server hands them over. A body is not the
    upload's unless the server ``takes_bytes`` with a creation.

    Upload-Checksum is about the body of a request (tus 1.0.0, checksum): without one it says
    nothing, though some clients send the whole file's.

    :raises InvalidField: a field is malformed or missing, or two exclude each other.
    :raises UnsupportedMediaType: a body that is not for the upload.
    :raises FinalUpload: a body for an upload that is made of others.
    """
    concat, parts = _parse_concat(fields.get("upload-concat"))
    length = _parse_create_length(fields, is_final=concat == FINAL)
    text = fields.get("upload-metadata", "")
    metadata = parse_metadata(text)
    content_length = parse_content_length(fields) if takes_bytes else 0
    has_body = content_length != 0
    if has_body and concat == FINAL:
        raise errors.FinalUpload
    if has_body:
        _check_media_type(fields)
    return CreateRequest(
        length=length,
        metadata=text if metadata else "",
        filename=_first_text(metadata, "filename", "name"),
        content_type=_first_text(metadata, "filetype", "type"),
        has_body=has_body,
        content_length=content_length,
        checksum=fields.get("upload-checksum") if has_body else None,
        checksum_follows=has_body and has_trailers and _checksum_follows(fields),
        concat=concat,
        concat_field=fields.get("upload-concat", ""),
        parts=parts,
    )


def _parse_create_length(fields: Fields, *, is_final: bool) -> int | None:
    """Upload-Length; None with Upload-Defer-Length: 1, and for a final upload, which has neither
    (tus 1.0.0, Upload-Concat: the client must not send a length)."""
    length, defer = fields.get("upload-length"), fields.get("upload-defer-length")
    if is_final:
        if length is not None or defer is not None:
            name = "Upload-Length" if length is not None else "Upload-Defer-Length"
            raise errors.InvalidField(name, "is not for a final upload")
        return None
    if defer is not None:
        if length is not None:
            raise errors.InvalidField("Upload-Defer-Length", "excludes Upload-Length")
        if defer != "1":
            raise errors.InvalidField("Upload-Defer-Length", "has to be 1")
        return None
    if length is None:
        raise errors.InvalidField("Upload-Length", "is missing")
    return parse_integer("Upload-Length", length)


def _parse_concat(text: str | None) -> tuple[str, tuple[str, ...]]:
    """``partial``, or ``final;`` and URLs with a space between them (tus 1.0.0, Upload-Concat)."""
    if text is None:
        return "", ()
    if text == PARTIAL:
        return PARTIAL, ()
    kind, semicolon, urls = text.partition(";")
    if kind != FINAL or not semicolon or not _URLS.fullmatch(urls):
        raise errors.InvalidField("Upload-Concat", "has to be partial, or final; and URLs")
    parts = tuple(urls.split())
    if not parts:
        raise errors.InvalidField("Upload-Concat", "names no partial upload")
    if len(parts) > MAX_PARTS:
        raise errors.InvalidField("Upload-Concat", f"names more than {MAX_PARTS} partial uploads")
    return FINAL, parts


def parse_upload_url(url: str) -> str:
    """The id in a partial upload's URL: its last segment, exactly as the server made it.

    Host and folder are as the client sees them, and a proxy may have changed both. They decide
    nothing: the id is secret, and the caller checks the part's owner. The server never fetches the
    URL, and never uses it as a file's path.

    :raises InvalidField: not a URL of HTTP or a path, or its last segment is not an id.
    """
    if len(url) > _LONGEST_URL:
        raise errors.InvalidField("Upload-Concat", "contains a URL that is too long")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise errors.InvalidField("Upload-Concat", "contains an invalid URL") from error
    upload_id = parts.path.rpartition("/")[2]
    is_plain = parts.scheme in _SCHEMES and not parts.query and not parts.fragment
    if not is_plain or not UPLOAD_ID.fullmatch(upload_id):
        raise errors.InvalidField(
            "Upload-Concat", "contains a URL that is not an upload on this server"
        )
    return upload_id


def parse_append(fields: Fields, *, has_trailers: bool = False) -> AppendRequest:
    """The fields of a PATCH, judged in the protocol's order: type, offset, then the rest;
    ``has_trailers`` where the server hands them over.

    :raises UnsupportedMediaType: Content-Type is missing or another.
    :raises InvalidField: Upload-Offset is missing, or a number malformed.
    """
    _check_media_type(fields)
    if "upload-offset" not in fields:
        raise errors.InvalidField("Upload-Offset", "is missing")
    offset = parse_integer("Upload-Offset", fields["upload-offset"])
    length = fields.get("upload-length")
    return AppendRequest(
        offset=offset,
        checksum=fields.get("upload-checksum"),
        checksum_follows=has_trailers and _checksum_follows(fields),
        content_length=parse_content_length(fields),
        length=None if length is None else parse_integer("Upload-Length", length),
    )


def _checksum_follows(fields: Fields) -> bool:
    """Whether Upload-Checksum is promised behind the body (RFC 9110, 6.6.2)."""
    promised = fields.get("trailer", "").lower().split(",")
    return "upload-checksum" not in fields and any(
        name.strip(" \t") == "upload-checksum" for name in promised
    )


def check_framing(fields: Fields) -> None:
    """Whether everybody who reads the request sees the same body.

    :raises AmbiguousBody: Content-Length and Transfer-Encoding came together, or the body is in
        another coding than chunked, which would be kept as it came (RFC 9112, 6.1).
    """
    coding = fields.get("transfer-encoding")
    if coding is None:
        return
    if fields.get("content-length"):
        raise errors.AmbiguousBody
    if coding.strip(" \t").lower() != "chunked":
        raise errors.AmbiguousBody("Transfer-Encoding has to be chunked")


def parse_content_length(fields: Fields) -> int | None:
    """Bytes of the body; 0 when there is none, None when it comes without a length.

    :raises AmbiguousBody: as :func:`check_framing`.
    """
    check_framing(fields)
    if "transfer-encoding" in fields:
        return None
    length = fields.get("content-length", "")
    return parse_integer("Content-Length", length) if length else 0


def names_bytes(fields: Fields) -> bool:
    """Content-Type says that the body is bytes of an upload. A creation that says so is told the
    offset, also where a proxy left nothing of an empty body (tus 1.0.0, creation-with-upload)."""
    try:
        return parse_media_type("Content-Type", fields.get("content-type", "")) == OFFSET_MEDIA_TYPE
    except errors.InvalidField:
        return False


def _check_media_type(fields: Fields) -> None:
    if not names_bytes(fields):
        raise errors.UnsupportedMediaType(OFFSET_MEDIA_TYPE)


def _first_text(metadata: Mapping[str, bytes], *keys: str) -> str:
    """The first of the keys that has text: clients name the same thing differently."""
    for key in keys:
        text = metadata.get(key, b"").decode("utf-8", "replace").replace("\x00", "")
        if text:
            return text[:255]
    return ""


def render_options(
    limits: Limits,
    *,
    can_concat: bool = True,
    has_trailers: bool = False,
    announced: Collection[str] | None = None,
) -> Answer:
    """What the server offers (tus 1.0.0, OPTIONS): of the extensions that it has, those that are to
    be ``announced``; None stands for all."""
    extensions = EXTENSIONS
    extensions += (TRAILER_EXTENSION,) if has_trailers else ()
    extensions += CONCAT_EXTENSIONS if can_concat else ()
    extensions = tuple(name for name in extensions if is_announced(name, announced))
    fields = {
        "Tus-Version": VERSION,
        "Tus-Extension": render_list(extensions),
        "Tus-Max-Size": str(limits.max_length),
    }
    if "checksum" in extensions:
        fields["Tus-Checksum-Algorithm"] = render_list(tuple(ALGORITHMS))
    return Answer(status=200, fields=fields)


def render_created(facts: UploadFacts, location: str, *, with_offset: bool) -> Answer:
    """The answer to a creation; ``with_offset`` when the request could carry bytes."""
    fields = {"Location": location} | _expires(facts)
    if with_offset:
        fields["Upload-Offset"] = str(facts.offset)
    return Answer(status=201, fields=fields)


def render_appended(facts: UploadFacts) -> Answer:
    """The answer to a PATCH."""
    return Answer(status=204, fields={"Upload-Offset": str(facts.offset)} | _expires(facts))


def render_head(facts: UploadFacts) -> Answer:
    """The state of an upload (tus 1.0.0, HEAD); 200, for some clients take nothing else."""
    fields = {"Cache-Control": "no-store"}
    if facts.offset is not None:
        fields["Upload-Offset"] = str(facts.offset)
    if facts.length is not None:
        fields["Upload-Length"] = str(facts.length)
    elif facts.offset is not None:
        fields["Upload-Defer-Length"] = "1"
    if facts.metadata:
        fields["Upload-Metadata"] = facts.metadata
    if facts.concat:
        fields["Upload-Concat"] = facts.concat
    return Answer(status=200, fields=fields | _expires(facts))


def render_terminated() -> Answer:
    """The answer to a DELETE (tus 1.0.0, termination)."""
    return Answer(status=204, fields={})


def render_error(
    error: errors.UploadError,
    method: str,
    *,
    gone_status: int = 410,
    challenges: Collection[str] = (),
) -> Answer:
    """An error as this protocol tells it: one line, ``code: text``.

    ``challenges`` are the schemes by which a client can log in (RFC 9110, 11.6.1).
    ``gone_status`` is what an expired upload answers: tus-java-client begins anew only on 404.
    """
    status = next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)
    text = " ".join(str(error).split())
    fields: dict[str, str] = {"Cache-Control": "no-store"}
    if isinstance(error, errors.TransientError):
        fields["Retry-After"] = str(error.retry_after_seconds)
        status = 423 if method == "HEAD" else status
    elif isinstance(error, errors.UnsupportedVersion):
        fields["Tus-Version"] = VERSION
    elif isinstance(error, errors.MethodNotAllowed):
        fields["Allow"] = render_list(error.allowed)
    elif isinstance(error, errors.OffsetMismatch):
        fields["Upload-Offset"] = str(error.expected)
    elif isinstance(error, errors.RangeNotSatisfiable):
        fields["Content-Range"] = f"bytes */{error.length}"
    elif isinstance(error, errors.Unauthenticated):
        fields["WWW-Authenticate"] = ", ".join(challenges)
    elif isinstance(error, errors.UploadGone):
        status = gone_status
    return Answer(status=status, fields=fields, body=f"{error.code}: {text}\n")


def _expires(facts: UploadFacts) -> dict[str, str]:
    return {"Upload-Expires": render_date(facts.expires_at)} if facts.expires_at else {}
