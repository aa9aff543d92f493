"""What can go wrong with an upload, each error named for the fact.

No status code lives here: each protocol has one table from these errors to its
answers. Every error has a stable ``code`` and a one-line text that may be shown to a
client: no path, key, host or traceback is ever in it.
"""

import random
from typing import ClassVar


class UploadError(Exception):
    """Base of all errors; never raised itself."""

    code: ClassVar[str]


class TransientError(UploadError):
    """Passes by itself: the same request may work after ``retry_after_seconds``."""

    retry_after_seconds: int = 1


class InvalidField(UploadError):
    """A header field that does not follow the grammar of its protocol."""

    code = "invalid-field"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} {why}")
        self.name = name
        self.why = why


class HostNotAllowed(UploadError):
    """The request's Host is not a name of this site, or (``is_name`` False) not a host name."""

    code = "host-not-allowed"

    def __init__(self, *, is_name: bool = True) -> None:
        super().__init__(
            "this server does not answer to this host name; add it to ALLOWED_HOSTS, with "
            "`tusbridge serve` by --allowed-host"
            if is_name
            else "Host is not a valid host name; use letters, digits, hyphens and dots, and no "
            "underscore"
        )
        self.is_name = is_name


class UnsupportedVersion(UploadError):
    """The request names a protocol version that is not spoken here, or none."""

    code = "unsupported-version"

    def __init__(self, supported: str) -> None:
        super().__init__(f"Tus-Resumable has to be {supported}")
        self.supported = supported


class UnsupportedMediaType(UploadError):
    """The body has another Content-Type than the protocol asks for."""

    code = "unsupported-media-type"

    def __init__(self, expected: str) -> None:
        super().__init__(f"Content-Type has to be {expected}")
        self.expected = expected


class MethodNotAllowed(UploadError):
    """The method means nothing on this resource."""

    code = "method-not-allowed"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(f"the method has to be one of {', '.join(allowed)}")
        self.allowed = allowed


class NotSupported(UploadError):
    """The request needs an extension that is not offered here."""

    code = "not-supported"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not supported by this server")
        self.what = what


class AmbiguousBody(UploadError):
    """Where the body ends, or what it is, depends on who reads it (RFC 9112, 6.1). Whoever
    answers this closes the connection: what follows may be a body or a request."""

    code = "ambiguous-body"

    def __init__(
        self, why: str = "Content-Length and Transfer-Encoding exclude each other"
    ) -> None:
        super().__init__(why)


class LengthRequired(UploadError):
    """The body has no length, and this server cannot hand such a body over."""

    code = "length-required"

    def __init__(self) -> None:
        super().__init__("this server needs a Content-Length")


class BodyAlreadyRead(UploadError):
    """The site read some of the body before the upload could, and threw it away: a fault of the
    site's, which its log names."""

    code = "body-already-read"

    def __init__(self) -> None:
        super().__init__("the site has read this request's body already; its log says what did")


class Unauthenticated(UploadError):
    """Nobody is logged in, and somebody has to be."""

    code = "unauthenticated"

    def __init__(self) -> None:
        super().__init__("log in or send a valid access token")


class Forbidden(UploadError):
    """The actor is known and may not do this."""

    code = "forbidden"

    def __init__(self, why: str = "this is not allowed") -> None:
        super().__init__(why)


class UploadNotFound(UploadError):
    """No such upload, or none of this actor's: one answer, so that nothing leaks."""

    code = "upload-not-found"

    def __init__(self) -> None:
        super().__init__("there is no such upload")


class UploadGone(UploadError):
    """The upload was here and has expired."""

    code = "upload-gone"

    def __init__(self) -> None:
        super().__init__("the upload has expired")


class UploadIncomplete(UploadError):
    """The upload cannot be read before all its bytes are there."""

    code = "upload-incomplete"

    def __init__(self, offset: int, length: int | None) -> None:
        total = "an unknown number of" if length is None else length
        super().__init__(f"{offset} of {total} bytes are there")
        self.offset = offset
        self.length = length


class AlreadyAttached(UploadError):
    """The upload's file was handed over to a model instance before."""

    code = "already-attached"

    def __init__(self) -> None:
        super().__init__("the upload's file belongs to something else already")


class OffsetMismatch(UploadError):
    """The client would append somewhere else than at the end (both in bytes)."""

    code = "offset-mismatch"

    def __init__(self, expected: int, got: int) -> None:
        super().__init__(f"the upload is at {expected}, not at {got}")
        self.expected = expected
        self.got = got


class LengthConflict(UploadError):
    """The request names another length than the upload has (both in bytes)."""

    code = "length-conflict"

    def __init__(self, expected: int, got: int) -> None:
        super().__init__(f"the length of the upload is {expected}, not {got}")
        self.expected = expected
        self.got = got


class ChecksumMismatch(UploadError):
    """The body is not what the client's checksum says; nothing of it is kept."""

    code = "checksum-mismatch"

    def __init__(self, algorithm: str) -> None:
        super().__init__(f"the {algorithm} of the body is another; nothing of it was kept")
        self.algorithm = algorithm


class FinalUpload(UploadError):
    """The upload is made of others (tus 1.0.0, concatenation); it takes no bytes of its own."""

    code = "final-upload"

    def __init__(self) -> None:
        super().__init__("a final upload is made of partial ones and takes no bytes")


class PartialUpload(UploadError):
    """The upload is a part of another (tus 1.0.0, concatenation), and no file of its own."""

    code = "partial-upload"

    def __init__(self) -> None:
        super().__init__("a partial upload is read through the final one only")


class TooLarge(UploadError):
    """More bytes than the upload or the server takes; ``limit`` in bytes."""

    code = "too-large"

    def __init__(self, limit: int, what: str = "the upload") -> None:
        super().__init__(f"{what} takes at most {limit} bytes")
        self.limit = limit


class QuotaExceeded(UploadError):
    """The account has no room for these bytes beside its other uploads.

    ``limit``, ``used`` and ``wanted`` in bytes; ``wanted`` None while it is not known.
    """

    code = "quota-exceeded"

    def __init__(self, limit: int, used: int, wanted: int | None = None) -> None:
        more = "" if wanted is None else f", and {wanted} more are asked for"
        super().__init__(f"{used} of {limit} bytes are taken{more}")
        self.limit = limit
        self.used = used
        self.wanted = wanted


class TooManyUploads(TransientError):
    """The account has as many unfinished uploads as it may; passes when one is finished."""

    code = "too-many-uploads"
    # no one knows when; soon enough for a client that sends a few files at a time
    retry_after_seconds = 10

    def __init__(self, limit: int) -> None:
        super().__init__(f"no more than {limit} uploads may be unfinished at a time")
        self.limit = limit


class TooManyCreations(TransientError):
    """The account has begun as many uploads within a minute as it may."""

    code = "too-many-creations"
    retry_after_seconds = 60

    def __init__(self, limit: int, retry_after_seconds: int) -> None:
        super().__init__(f"no more than {limit} uploads may be begun within a minute")
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds


class PreconditionFailed(UploadError):
    """What the client has of the file is not what is here (RFC 9110, 13.1)."""

    code = "precondition-failed"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} does not hold for this upload")
        self.name = name


class RangeNotSatisfiable(UploadError):
    """No byte of the asked range exists; ``length`` in bytes."""

    code = "range-not-satisfiable"

    def __init__(self, length: int) -> None:
        super().__init__(f"the upload has {length} bytes")
        self.length = length


class AlreadyComplete(UploadError):
    """What the request wants completed is complete."""

    code = "already-complete"

    def __init__(self) -> None:
        super().__init__("the upload is complete already")


class UploadBusy(TransientError):
    """Another request is appending to this upload, and makes progress."""

    code = "upload-busy"

    def __init__(self) -> None:
        super().__init__("another request is writing to this upload")


class LeaseLost(TransientError):
    """Another request took the upload over while this one made no progress."""

    code = "lease-lost"

    def __init__(self) -> None:
        super().__init__("another request has taken this upload over")


class BodyIncomplete(UploadError):
    """The client ended the connection in mid-body; what came before is kept (RFC 9112, 8)."""

    code = "body-incomplete"

    def __init__(self) -> None:
        super().__init__("the body ended before its length")


class BodyTimeout(TransientError):
    """The client sent too few bytes within the read time-out; what came before is kept."""

    code = "body-timeout"

    def __init__(self) -> None:
        super().__init__("too few bytes came for too long")


class ServerStopping(TransientError):
    """The server is about to stop; what came before is kept."""

    code = "server-stopping"

    def __init__(self) -> None:
        super().__init__("the server is restarting")


class _Crowded(TransientError):
    """Too much is asked for at once. Clients that were refused together come back one by one."""

    # seconds, first and last, of which each client gets one
    _BACK = (2, 10)

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.retry_after_seconds = random.randint(*self._BACK)  # noqa: S311 spreads, hides nothing


class Overloaded(_Crowded):
    """More requests come than the server can do; this one was not begun."""

    code = "overloaded"

    def __init__(self) -> None:
        super().__init__("the server has too much to do; nothing was changed")


class TooManyRequests(_Crowded):
    """The client has as many requests under way as it may; this one was not begun."""

    code = "too-many-requests"

    def __init__(self) -> None:
        super().__init__("too many requests of this client are under way")


class DatabaseUnavailable(TransientError):
    """The database is away or locked; nothing that was acknowledged is lost.

    ``is_refused``: the statement had no effect, and will have none. Else its answer may be lost, or
    its effect come later."""

    code = "database-unavailable"
    retry_after_seconds = 2

    def __init__(self, *, is_refused: bool = False) -> None:
        super().__init__("the server's records cannot be reached right now")
        self.is_refused = is_refused


class RowRefused(UploadError):
    """The database refuses the row of a new upload: a column of the site's own that nothing fills,
    or a value that does not fit. The log says which."""

    code = "row-refused"

    def __init__(self, column: str = "") -> None:
        what = f"nothing fills its column {column}" if column else "its log says why"
        super().__init__(f"the server's database refuses the new upload: {what}")
        self.column = column


class StoreError(TransientError):
    """The bytes could not be read or written; nothing acknowledged is lost."""

    code = "store-error"
    retry_after_seconds = 5

    def __init__(self, why: str = "the bytes cannot be stored or read right now") -> None:
        super().__init__(why)


class BytesMissing(StoreError):
    """The upload's bytes are gone, while the folder that had them is there."""

    code = "bytes-missing"

    def __init__(self) -> None:
        super().__init__("the bytes are not where they were")


class NameBusy(StoreError):
    """An earlier request may still be writing the finished file under this name."""

    code = "name-busy"

    def __init__(self) -> None:
        super().__init__("an earlier request is still completing this upload")


class StoreFull(TransientError):
    """No room is left for these bytes; the upload goes on once there is."""

    code = "store-full"
    retry_after_seconds = 30

    def __init__(self) -> None:
        super().__init__("no room is left on the server")


class BlobTruncated(StoreError):
    """Fewer bytes are there than were acknowledged (after a power cut with
    durability ``process``); ``available`` is how many are there."""

    code = "blob-truncated"

    def __init__(self, available: int) -> None:
        super().__init__("the server has fewer bytes than it said")
        self.available = available
