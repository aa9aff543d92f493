"""Prints all uploads as JSON: what the site sees of them."""

import hashlib
import json
from typing import Any

from chunked_upload.models import ChunkedUpload
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """By id: the row, its bytes, and what refers to it."""

    def handle(self, *args: Any, **options: Any) -> None:
        rows = ChunkedUpload.objects.select_related("user", "film").order_by("id")
        self.stdout.write(json.dumps({row.upload_id: self.look(row) for row in rows}))

    def look(self, row: Any) -> dict[str, Any]:
        with row.file.open("rb") as file:
            digest = hashlib.md5(file.read()).hexdigest()
        film = getattr(row, "film", None)
        return {
            "id": row.id,
            "user": row.user and row.user.username,
            "status": row.status,
            "offset": row.offset,
            "filename": row.filename,
            "name": row.file.name,
            "md5": digest,
            "created": row.created_on.isoformat(),
            "completed": row.completed_on and row.completed_on.isoformat(),
            "expired": row.expired,
            "title": film and film.title,
            "reviews": sorted(review.text for review in row.reviews.all()),
        }
