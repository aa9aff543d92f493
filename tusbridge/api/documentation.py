"""What the OpenAPI page says of tus: header fields, statuses, binary bodies."""

from typing import Any

from tusbridge.protocol import tus
from tusbridge.protocol.checksums import ALGORITHMS

DESCRIPTION = (
    "Resumable uploads by the tus protocol, version 1.0.0: create an upload, append its bytes in "
    "as many requests as it takes, ask for the offset after a break and go on from there."
)

_INTEGER = {"type": "integer", "format": "int64", "minimum": 0}
_TEXT = {"type": "string"}
_DATE = {"type": "string", "description": "IMF-fixdate"}

_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "Tus-Resumable": ({"type": "string", "enum": [tus.VERSION]}, "The protocol's version."),
    "Tus-Version": (_TEXT, "Versions that are spoken here."),
    "Tus-Extension": (_TEXT, "Extensions that are offered."),
    "Tus-Max-Size": (_INTEGER, "Bytes of one upload, at most."),
    "Upload-Length": (_INTEGER, "Bytes of the whole upload."),
    "Upload-Offset": (_INTEGER, "Bytes that are there, and safe."),
    "Upload-Metadata": (_TEXT, "`key base64,key base64`; kept byte for byte."),
    "Upload-Defer-Length": (
        {"type": "string", "enum": ["1"]},
        "The length is told later, by Upload-Length in an append.",
    ),
    "Upload-Concat": (
        {"type": "string", "pattern": r"^(partial|final;[!-~]+( [!-~]+)*)$"},
        "`partial` for a part of another upload; `final;` and the URLs of the parts, in order and "
        "with a space between them, for an upload that is made of them.",
    ),
    "Upload-Checksum": (
        {
            "type": "string",
            "pattern": rf"^({'|'.join(ALGORITHMS)}) ([A-Za-z0-9+/]{{4}})*[A-Za-z0-9+/]{{2}}==$",
        },
        f"Algorithm, a space, Base64 of the digest of this request's body. One of "
        f"{', '.join(ALGORITHMS)}.",
    ),
    "Tus-Checksum-Algorithm": (_TEXT, "Algorithms that Upload-Checksum may name."),
    "Upload-Expires": (_DATE, "When the upload expires if nothing more comes."),
    "Location": (_TEXT, "The upload's URL."),
    "Retry-After": (_INTEGER, "Seconds to wait."),
    "X-HTTP-Method-Override": (
        {"type": "string", "enum": ["PATCH"]},
        "The method to act on, in place of the real one: for clients that can send POST only.",
    ),
    "If-Match": (_TEXT, "Download only the file with this ETag."),
    "If-None-Match": (_TEXT, "Download only another file than the one with this ETag."),
    "If-Range": (_TEXT, "Send the range only of the file with this ETag or Last-Modified."),
    "If-Modified-Since": (_DATE, "Download only a file that was completed later."),
    "If-Unmodified-Since": (_DATE, "Download only a file that was not completed later."),
    "Last-Modified": (_DATE, "When the upload was completed."),
    "Allow": (_TEXT, "The methods that the URL has."),
    "WWW-Authenticate": (_TEXT, "The schemes by which one logs in."),
    "Range": (_TEXT, "`bytes=first-last`; one range."),
    "Content-Range": (_TEXT, "The range in this answer."),
    "ETag": (_TEXT, "Stands for the finished file."),
}

_BINARY = {"schema": {"type": "string", "format": "binary"}}

_ERRORS = {
    400: "A field is malformed (`invalid-field`), or needs what is not offered (`not-supported`).",
    401: "`unauthenticated`: nobody is logged in.",
    403: "`forbidden`; or `final-upload`, `partial-upload`: not with an upload of this kind.",
    404: "`upload-not-found`: unknown, or somebody else's.",
    405: "`method-not-allowed`: not with this URL, or the method's extension is not announced.",
    409: "`offset-mismatch`: Upload-Offset tells the true one; or `upload-incomplete`.",
    410: "`upload-gone`: expired.",
    411: "`length-required`: the server cannot hand over a body without a length.",
    412: "`unsupported-version`: Tus-Version lists those that are. `precondition-failed`: "
    "If-Match or If-Unmodified-Since does not hold.",
    413: "`too-large`, or `quota-exceeded`: no room beside the user's other uploads.",
    415: "`unsupported-media-type`",
    416: "`range-not-satisfiable`",
    423: "`upload-busy`, `lease-lost`: another request is writing; on HEAD: ask again soon.",
    429: "`too-many-uploads`, `too-many-creations`: the user has to wait.",
    460: "`checksum-mismatch`: the body is not what Upload-Checksum says; nothing of it was kept.",
    500: "`row-refused`: the database refuses the new upload's row.",
    503: "`overloaded`, `database-unavailable`, `store-error`, `server-stopping`, `body-timeout`: "
    "try again.",
    507: "`store-full`: no room; the upload goes on once there is.",
}


def _parameters(required: tuple[str, ...], optional: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [
        {
            "in": "header",
            "name": name,
            "required": name in required,
            "schema": _FIELDS[name][0],
            "description": _FIELDS[name][1],
        }
        for name in (*required, *optional)
    ]


def _answer(text: str, *fields: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {
        name: {"schema": _FIELDS[name][0], "description": _FIELDS[name][1]}
        for name in ("Tus-Resumable", *fields)
    }
    answer: dict[str, Any] = {"description": text, "headers": headers}
    return answer | ({"content": content} if content else {})


def _errors(*statuses: int) -> dict[int, dict[str, Any]]:
    text = {"text/plain": {"schema": {"type": "string", "example": "upload-not-found: ..."}}}
    fields = {
        401: ("WWW-Authenticate",),
        405: ("Allow",),
        409: ("Upload-Offset",),
        412: ("Tus-Version",),
        423: ("Retry-After",),
        429: ("Retry-After",),
        503: ("Retry-After",),
    }
    return {
        status: _answer(_ERRORS[status], *fields.get(status, ()), content=text)
        for status in statuses
    }


OPTIONS = {
    "responses": {
        200: _answer(
            "The offer.", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"
        )
    }
}
CREATE = {
    "parameters": _parameters(
        ("Tus-Resumable",),
        (
            "Upload-Length",
            "Upload-Defer-Length",
            "Upload-Metadata",
            "Upload-Concat",
            "Upload-Checksum",
        ),
    ),
    "requestBody": {
        "required": False,
        "description": "The first bytes of the upload, or all.",
        "content": {tus.OFFSET_MEDIA_TYPE: _BINARY},
    },
    "responses": {
        201: _answer("Created.", "Location", "Upload-Offset", "Upload-Expires"),
        **_errors(400, 401, 403, 404, 405, 410, 411, 412, 413, 415, 423, 429, 460, 500, 503, 507),
    },
}
HEAD = {
    "parameters": _parameters(("Tus-Resumable",)),
    "responses": {
        200: _answer(
            "The state.",
            "Upload-Offset",
            "Upload-Length",
            "Upload-Defer-Length",
            "Upload-Metadata",
            "Upload-Concat",
            "Upload-Expires",
        ),
        **_errors(400, 401, 403, 404, 405, 410, 412, 423),
    },
}
APPEND = {
    "parameters": _parameters(
        ("Tus-Resumable", "Upload-Offset"),
        ("Upload-Length", "Upload-Checksum", "X-HTTP-Method-Override"),
    ),
    "requestBody": {"required": True, "content": {tus.OFFSET_MEDIA_TYPE: _BINARY}},
    "responses": {
        204: _answer("Appended.", "Upload-Offset", "Upload-Expires"),
        **_errors(400, 401, 403, 404, 405, 409, 410, 411, 412, 413, 415, 423, 460, 503, 507),
    },
}
DOWNLOAD = {
    "parameters": _parameters(
        (),
        (
            "Range",
            "If-Match",
            "If-None-Match",
            "If-Range",
            "If-Modified-Since",
            "If-Unmodified-Since",
        ),
    ),
    "responses": {
        200: _answer("The bytes.", "ETag", content={"application/octet-stream": _BINARY}),
        206: _answer(
            "A range.", "ETag", "Content-Range", content={"application/octet-stream": _BINARY}
        ),
        304: _answer("The client has it.", "ETag"),
        **_errors(400, 401, 403, 404, 405, 409, 410, 412, 416, 423, 503),
    },
}
TERMINATE = {
    "parameters": _parameters(("Tus-Resumable",)),
    "responses": {204: _answer("Gone."), **_errors(400, 401, 403, 404, 405, 410, 412, 423, 503)},
}
