"""What a worker does with films: it gets an id, and reads row and file."""

import hashlib

from chunked_upload.constants import COMPLETE
from chunked_upload.models import ChunkedUpload

from films.models import Review


def check_film(upload_id: str) -> str:
    """The md5 of a complete upload, kept as a review."""
    upload = ChunkedUpload.objects.get(upload_id=upload_id, status=COMPLETE)
    with open(upload.file.path, "rb") as file:
        digest = hashlib.md5(file.read()).hexdigest()
    Review.objects.create(upload=upload, text=f"{upload.filename}: {upload.file.size} {digest}")
    return digest
