"""Uploaders that cut a file into chunks of their own and say so in form fields, not by
Content-Range: without that field each chunk would count as a whole file.
"""

from collections.abc import Mapping

from tusbridge.protocol.fields import MAX_DIGITS

# Of which script; the fields that number a chunk and say how many there are.
_COUNTED = (
    ("Dropzone", "dzchunkindex", "dztotalchunkcount"),
    ("resumable.js", "resumableChunkNumber", "resumableTotalChunks"),
    ("flow.js", "flowChunkNumber", "flowTotalChunks"),
    ("simple-uploader.js", "chunkNumber", "totalChunks"),
    ("Plupload", "chunk", "chunks"),
    ("Fine Uploader", "qqpartindex", "qqtotalparts"),
)
# The same, where the fields hold bytes: of this chunk, and of the whole file.
_MEASURED = (("ng-file-upload", "_currentChunkSize", "_totalSize"),)


def sender_of_part(fields: Mapping[str, str]) -> str:
    """The script whose fields say that this is one of several chunks; empty where none does."""
    for name, index, count in _COUNTED:
        if _number(fields, index) is not None and (_number(fields, count) or 0) > 1:
            return name
    for name, part, whole in _MEASURED:
        size = _number(fields, part)
        if size is not None and (_number(fields, whole) or 0) > size:
            return name
    return ""


def _number(fields: Mapping[str, str], name: str) -> int | None:
    text = fields.get(name, "")
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if is_number else None
