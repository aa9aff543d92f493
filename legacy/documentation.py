"""What the OpenAPI page says of the contract: forms, Content-Range, JSON answers."""

from typing import Any

DESCRIPTION = (
    "Uploads in chunks by the contract of django-chunked-upload, as jQuery-File-Upload sends them: "
    "POST the first chunk and keep the `upload_id` of the answer, POST the others with it, then "
    "POST `upload_id` and the whole file's `md5` to complete. A chunk counts whole or not at all."
)
_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_OFFSET = {"type": "integer", "format": "int64", "description": "Bytes that are there, and safe."}
_ERRORS = {
    403: "Nobody is logged in, or it is not allowed.",
    404: "No such upload, or somebody else's.",
    409: "Another request is writing to the upload; try again.",
    410: "The upload has expired.",
    413: "No room beside the user's other uploads.",
    429: "The user has to wait.",
    503: "The database or the disk is away for the moment, or the server stops; try again.",
    507: "No room; the upload goes on once there is.",
}


def _json(text: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"description": text, "content": {"application/json": {"schema": schema}}, **more}


def _errors(*statuses: int) -> dict[int, dict[str, Any]]:
    return {status: _json(_ERRORS[status], {"detail": {"type": "string"}}) for status in statuses}


UPLOAD = {
    "parameters": [
        {
            "in": "header",
            "name": "Content-Range",
            "required": False,
            "schema": {
                "type": "string",
                "pattern": "^bytes [0-9]{1,19}-[0-9]{1,19}/[0-9]{1,19}$",
                "example": "bytes 0-8388607/20000000",
            },
            "description": "Where the chunk goes; without it the chunk is the whole file.",
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "upload_id": {**_ID, "description": "Of the first chunk's answer."},
                        "file": {"type": "string", "format": "binary"},
                    },
                    "required": ["file"],
                }
            }
        },
    },
    "responses": {
        200: _json(
            "The chunk is safe.",
            {
                "upload_id": _ID,
                "offset": _OFFSET,
                "expires": {"type": "string", "format": "date-time"},
            },
            headers={
                "Range": {
                    "schema": {"type": "string", "example": "bytes=0-8388607"},
                    "description": "What is there; jQuery-File-Upload goes on behind it.",
                }
            },
        ),
        400: {
            "description": "Refused, and nothing has changed: no file, a limit, a size that is not "
            "the range's, or the wrong offset; then `offset` is where to go on.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {"detail": {"type": "string"}, "offset": _OFFSET},
                        "required": ["detail"],
                    }
                }
            },
        },
        **_errors(403, 404, 409, 410, 413, 429, 503, 507),
    },
}
COMPLETE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "upload_id": _ID,
                        "md5": {
                            "type": "string",
                            "pattern": "^[0-9A-Fa-f]{32}$",
                            "description": "Hex digest of the whole file.",
                        },
                    },
                    "required": ["upload_id", "md5"],
                }
            }
        },
    },
    "responses": {
        200: _json("The upload is complete.", {}),
        400: _json(
            "The bytes are others, a field is missing, or it was complete before.",
            {"detail": {"type": "string"}},
        ),
        **_errors(403, 404, 409, 503, 507),
    },
}
